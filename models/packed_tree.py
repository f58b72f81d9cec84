"""Hoeffding trees that observe their rows in packed arrays: what the forest and the adaptive tree share.

The trees are River's and grow as River's do; leaves observe through ``models.observers``. Trees answer with
the share of frauds in a leaf, drawn to that of all rows, so that a leaf of few rows claims no certainty.
Source of the drawn share (m-estimate): Cestnik, *Estimating probabilities*, ECAI 1990.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river.tree.nodes.branch import DTBranch
from river.tree.utils import BranchFactory

from models.observers import Observers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SPLIT_POINTS: Final = 10
"""Tried for each feature of a leaf."""


class PackedLeaf:
    """Mixed into a leaf of River before all else: its observers are one array."""

    feature_indices: Sequence[Any] = ()
    """Features observed."""
    observers: Observers | None = None

    def deactivate(self) -> None:
        """Stop observing, and forget."""
        super().deactivate()  # type: ignore[misc]
        self.observers = None

    def choose_features(self, x: Mapping[Any, float]) -> Sequence[Any]:
        """Which features to observe."""
        return sorted(x)

    def update_splitters(self, x: Mapping[Any, float], y: bool, w: float, _nominal: object) -> None:  # noqa: FBT001
        """Observe a row."""
        if self.observers is None:
            self.feature_indices = self.feature_indices or self.choose_features(x)
            self.observers = Observers(len(self.feature_indices), SPLIT_POINTS)
        try:
            values = np.array([x[name] for name in self.feature_indices])
        except KeyError:
            values = np.array([x.get(name, np.nan) for name in self.feature_indices])
        self.observers.update(values, fraud=y, weight=w)

    def best_split_suggestions(self, criterion: Any, tree: Any) -> list[BranchFactory]:
        """The best split and the merit that it must beat; only nothing where one class has almost all."""
        stats: dict[bool, float] = self.stats  # type: ignore[attr-defined]
        before = stats.get(False, 0.0), stats.get(True, 0.0)
        if max(before) / sum(before) > tree.max_share_to_split:
            return [BranchFactory()]
        split = self.observers and self.observers.best_split(before, criterion.min_branch_fraction)
        if not split:
            return [BranchFactory(), BranchFactory()]
        sides = [{False: side[0], True: side[1]} for side in (split.left, split.right)]
        name = self.feature_indices[split.place]
        return [BranchFactory(split.second_merit), BranchFactory(split.merit, name, split.threshold, sides)]


class PackedTree:
    """Mixed into a Hoeffding tree of River before all else."""

    _root: Any

    @property
    def root(self) -> Any:
        """The first node; None before a row was learnt."""
        return self._root

    def _attempt_to_split(self, leaf: Any, *place: Any, **attributes: Any) -> None:
        """Split a leaf, if that is worth it.

        River gives up a leaf of which one class has almost all, and, looking after the size of the tree,
        takes up all leaves again at once, to observe anew. Here that leaf alone is looked at.
        """
        super()._attempt_to_split(leaf, *place, **attributes)  # type: ignore[misc]
        if not leaf.is_active():
            leaf.activate()

    def _enforce_size_limit(self) -> None:
        """Nothing: the depth is limited, and the size follows what there is to learn."""


class DrawnShares:
    """Mixed into an estimator of two classes before all else: leaves answer with drawn shares.

    Attributes:
        smoothing: rows' worth by which a leaf's share is drawn to that of all rows.
    """

    smoothing: float
    _weights: dict[bool, float]

    def _begin(self, smoothing: float) -> None:
        """Have learnt nothing yet."""
        self.smoothing = smoothing
        self._weights = {False: 0.0, True: 0.0}

    @property
    def _multiclass(self) -> bool:
        return False

    def leaf_answers(self) -> Callable[[Any], float]:
        """What a leaf answers, as of now; the compiler asks the same."""
        share = fraud_share(self._weights)
        return lambda leaf: drawn_share(leaf.stats if leaf else {}, share, self.smoothing)


def branch_of(node: DTBranch, x: Mapping[Any, float]) -> int:
    """Which child of a binary branch a row belongs to; without the feature, the one that most went to."""
    try:
        return 0 if x[node.feature] <= node.threshold else 1
    except KeyError:
        branch, _ = node.most_common_path()
        return int(branch)


def leaf_of(root: Any, x: Mapping[Any, float]) -> Any:
    """The leaf that a row comes to, if there is any."""
    node = root
    while isinstance(node, DTBranch):
        node = node.children[branch_of(node, x)]
    return node


def drawn_share(stats: Mapping[bool, float], share: float, strength: float) -> float:
    """Share of frauds among weights by outcome, drawn to ``share`` as by a weight of ``strength`` more."""
    frauds = stats.get(True, 0.0)
    return (frauds + strength * share) / (frauds + stats.get(False, 0.0) + strength)


def fraud_share(weights: Mapping[bool, float]) -> float:
    """Share of frauds among all that was learnt, drawn to one half while that is little."""
    return drawn_share(weights, 0.5, 2.0)
