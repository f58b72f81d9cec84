"""A single tree that adapts: River's Hoeffding adaptive tree, fit for scores.

Where the error of a branch grows, River grows an alternate branch beside it and puts it in its place once it
is better. Until then the main branch alone answers here: River's answer mixes in the alternates' leaves.
Source: Bifet and Gavaldà, *Adaptive Learning from Evolving Data Streams*, IDA 2009.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from river import tree
from river.tree.nodes.hatc_nodes import AdaLeafClassifier

from models.packed_tree import DrawnShares, PackedLeaf, PackedTree, leaf_of

if TYPE_CHECKING:
    from collections.abc import Mapping


class AdaptiveLeaf(PackedLeaf, AdaLeafClassifier):  # type: ignore[misc]
    """A leaf that observes all features and watches its own error."""


class FraudTree(DrawnShares, PackedTree, tree.HoeffdingAdaptiveTreeClassifier):  # type: ignore[misc]
    """A Hoeffding adaptive tree of two classes that answers with the drawn share of frauds in a leaf.

    Args:
        grace_period: weight between two attempts to split a leaf.
        delta: error allowed in a split's choice.
        tau: below this bound a tie is split.
        max_depth: of the tree.
        smoothing: rows' worth by which a leaf's share is drawn to that of all rows.
        seed: of its random numbers.
    """

    def __init__(
        self,
        grace_period: int = 200,
        delta: float = 1e-5,
        tau: float = 0.05,
        max_depth: int = 40,
        smoothing: float = 5.0,
        seed: int | None = None,
    ) -> None:
        super().__init__(
            grace_period=grace_period,
            delta=delta,
            tau=tau,
            max_depth=max_depth,
            leaf_prediction="mc",
            seed=seed,
        )
        self._begin(smoothing)

    def learn_one(self, x: Mapping[Any, float], y: bool, *, w: float = 1.0) -> None:  # noqa: FBT001
        """Learn a row, counted ``w`` times."""
        self._weights[bool(y)] += w
        super().learn_one(x, bool(y), w=w)

    def predict_proba_one(self, x: Mapping[Any, float]) -> dict[bool, float]:
        """What the leaf of the main tree answers."""
        fraud = self.leaf_answers()(leaf_of(self._root, x))
        return {False: 1.0 - fraud, True: fraud}

    def _new_leaf(self, initial_stats: dict[bool, float] | None = None, parent: Any = None) -> AdaptiveLeaf:
        depth = 0 if parent is None else parent.depth + 1
        return AdaptiveLeaf(initial_stats or {}, depth, self.splitter, self.drift_detector.clone(), self._rng)
