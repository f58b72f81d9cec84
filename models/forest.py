"""River's adaptive random forest, made fast and fit for scores.

It grows the trees that ``river.forest.ARFClassifier`` grows without drift detectors (a test compares them),
several times faster, and votes by the mean of its leaves' drawn shares (``models.packed_tree``).
Source: Gomes and others, *Adaptive random forests for evolving data stream classification*, Machine Learning
106, 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from river import forest
from river.drift import NoDrift
from river.forest.adaptive_random_forest import BaseTreeClassifier
from river.tree.nodes.arf_htc_nodes import RandomLeafMajorityClass
from river.tree.nodes.branch import DTBranch
from river.utils.random import poisson

from models.packed_tree import DrawnShares, PackedLeaf, PackedTree, branch_of, leaf_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ForestLeaf(PackedLeaf, RandomLeafMajorityClass):  # type: ignore[misc]
    """A leaf that observes a random part of the features."""

    def choose_features(self, x: Mapping[Any, float]) -> Sequence[Any]:
        """Draw as many features as the forest says."""
        chosen: list[Any] = self._sample_features(x, self.max_features)
        return chosen


class ForestTree(PackedTree, BaseTreeClassifier):  # type: ignore[misc]
    """A Hoeffding tree whose leaves observe a random part of the features each."""

    def learn_one(self, x: Mapping[Any, float], y: bool, *, w: float = 1.0) -> None:  # noqa: FBT001
        """Learn a row, and split its leaf where that has become worth it."""
        self.classes.add(y)
        if self._root is None:
            self._root = self._new_leaf()
        parent, branch, leaf = None, None, self._root
        while isinstance(leaf, DTBranch):
            parent, branch = leaf, branch_of(leaf, x)
            leaf = parent.children[branch]
        leaf.learn_one(x, y, w=w, tree=self)
        if leaf.depth >= self.max_depth:
            leaf.deactivate()
        elif leaf.total_weight - leaf.last_split_attempt_at >= self.grace_period:
            self._attempt_to_split(leaf, parent, branch)
            leaf.last_split_attempt_at = leaf.total_weight

    def _new_leaf(self, initial_stats: dict[bool, float] | None = None, parent: Any = None) -> ForestLeaf:
        depth = 0 if parent is None else parent.depth + 1
        return ForestLeaf(initial_stats or {}, depth, self.splitter, self.max_features, self.rng)


class FraudForest(DrawnShares, forest.ARFClassifier):  # type: ignore[misc]
    """An adaptive random forest of two classes whose vote is the mean of its leaves' drawn shares.

    Args:
        n_models: trees.
        max_features: share of the features that a leaf observes.
        lambda_value: mean of the Poisson number of times that a tree learns a row.
        grace_period: weight between two attempts to split a leaf.
        delta: error allowed in a split's choice.
        tau: below this bound a tie is split.
        max_depth: of a tree.
        smoothing: rows' worth by which a leaf's share is drawn to that of all rows.
        seed: of its random numbers.
    """

    def __init__(
        self,
        n_models: int = 10,
        max_features: float = 0.5,
        lambda_value: int = 6,
        grace_period: int = 50,
        delta: float = 0.01,
        tau: float = 0.05,
        max_depth: int = 40,
        smoothing: float = 1.0,
        seed: int | None = None,
    ) -> None:
        super().__init__(
            n_models=n_models,
            max_features=max_features,
            lambda_value=lambda_value,
            disable_weighted_vote=True,
            drift_detector=NoDrift(),
            warning_detector=NoDrift(),
            grace_period=grace_period,
            max_depth=max_depth,
            delta=delta,
            tau=tau,
            leaf_prediction="mc",
            seed=seed,
        )
        self._begin(smoothing)

    def learn_one(self, x: Mapping[Any, float], y: bool, w: float = 1.0) -> None:  # noqa: FBT001
        """Learn a row in each tree as often as a Poisson number says, times ``w``."""
        y = bool(y)
        if not len(self):
            self._init_ensemble(sorted(x))
        self._weights[y] += w
        for tree in self:
            times = poisson(self.lambda_value, self._rng)
            if times:
                tree.learn_one(x, y, w=times * w)

    def predict_proba_one(self, x: Mapping[Any, float]) -> dict[bool, float]:
        """Mean over the trees of what their leaves answer."""
        answer = self.leaf_answers()
        answers = [answer(leaf_of(root, x)) for root in self.roots()]
        fraud = sum(answers) / len(answers)
        return {False: 1.0 - fraud, True: fraud}

    def roots(self) -> list[Any]:
        """The trees' first nodes; nothing stands for a tree that has learnt nothing."""
        return [tree.root for tree in self] or [None] * self.n_models

    def _new_base_model(self) -> ForestTree:
        return ForestTree(
            max_features=self.max_features,
            grace_period=self.grace_period,
            max_depth=self.max_depth,
            delta=self.delta,
            tau=self.tau,
            leaf_prediction="mc",
            rng=self._rng,
        )
