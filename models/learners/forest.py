"""River's adaptive random forest, several times faster, whose small leaves do not overstate.

It grows the trees that ``river.forest.ARFClassifier`` grows without drift detectors (a test compares them),
and votes by the mean of its leaves' smoothed fraud shares.
Sources: Gomes and others, *Adaptive random forests for evolving data stream classification*, Machine Learning
106, 2017; for the smoothed share (m-estimate) Cestnik, *Estimating probabilities*, ECAI 1990.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import forest
from river.drift import NoDrift
from river.forest.adaptive_random_forest import BaseTreeClassifier
from river.tree.nodes.arf_htc_nodes import RandomLeafMajorityClass
from river.tree.nodes.branch import DTBranch
from river.tree.utils import BranchFactory
from river.utils.random import poisson

from models.arrays import as_row
from models.learners.leaf_stats import LeafStatistics
from models.learners.onnx import compile_trees, tree_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


SPLIT_POINTS: Final = 10
"""Tried for each feature of a leaf."""

PARAMETERS: Final = (
    "n_models",
    "max_features",
    "lambda_value",
    "grace_period",
    "delta",
    "tau",
    "max_depth",
    "smoothing",
)
"""Of a forest, as a snapshot describes them."""


class ForestLeaf(RandomLeafMajorityClass):  # type: ignore[misc]
    """A leaf that keeps statistics of a random part of the features, packed in one array."""

    feature_indices: Sequence[Any] = ()
    """Features kept."""
    leaf_statistics: LeafStatistics | None = None

    def deactivate(self) -> None:
        """Drop the statistics and keep no more."""
        super().deactivate()
        self.leaf_statistics = None

    def update_splitters(self, x: Mapping[Any, float], y: bool, w: float, _nominal: object) -> None:  # noqa: FBT001
        """Add a row to the statistics."""
        if self.leaf_statistics is None:
            self.feature_indices = self.feature_indices or self._sample_features(x, self.max_features)
            self.leaf_statistics = LeafStatistics(len(self.feature_indices), SPLIT_POINTS)
        try:
            values = np.array([x[name] for name in self.feature_indices])
        except KeyError:
            values = np.array([x.get(name, np.nan) for name in self.feature_indices])
        self.leaf_statistics.update(values, fraud=y, weight=w)

    def best_split_suggestions(self, criterion: Any, tree: Any) -> list[BranchFactory]:
        """Return the best split and the merit to beat; one empty split where one class has almost all."""
        before = self.stats.get(False, 0.0), self.stats.get(True, 0.0)
        if max(before) / sum(before) > tree.max_share_to_split:
            return [BranchFactory()]
        split = self.leaf_statistics and self.leaf_statistics.best_split(
            before, criterion.min_branch_fraction
        )
        if not split:
            return [BranchFactory(), BranchFactory()]
        sides = [{False: side[0], True: side[1]} for side in (split.left, split.right)]
        name = self.feature_indices[split.place]
        return [BranchFactory(split.second_merit), BranchFactory(split.merit, name, split.threshold, sides)]


class ForestTree(BaseTreeClassifier):  # type: ignore[misc]
    """A Hoeffding tree whose leaves keep statistics of a random part of the features each."""

    _root: Any

    @property
    def root(self) -> Any:
        """The first node; None before a row was learned."""
        return self._root

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

    def _attempt_to_split(self, leaf: Any, *place: Any, **attributes: Any) -> None:
        super()._attempt_to_split(leaf, *place, **attributes)
        # River deactivates a leaf of which one class has almost all. When it looks after the size of the tree
        # it activates all leaves again, with empty statistics. Here only this leaf is activated.
        if not leaf.is_active():
            leaf.activate()

    def _enforce_size_limit(self) -> None:
        """Do nothing: the depth is limited, and the size follows what there is to learn."""

    def _new_leaf(self, initial_stats: dict[bool, float] | None = None, parent: Any = None) -> ForestLeaf:
        depth = 0 if parent is None else parent.depth + 1
        return ForestLeaf(initial_stats or {}, depth, self.splitter, self.max_features, self.rng)


class FraudForest(forest.ARFClassifier):  # type: ignore[misc]
    """An adaptive random forest of two classes whose vote is the mean of its leaves' smoothed shares.

    Args:
        n_models: trees.
        max_features: share of the features that a leaf keeps statistics of.
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
        self.smoothing = smoothing
        self._weights: dict[bool, float] = {False: 0.0, True: 0.0}

    @property
    def _multiclass(self) -> bool:
        return False

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
        """Return the mean over the trees of their leaves' scores."""
        leaf_score = self.leaf_scores()
        scores = [leaf_score(leaf_of(root, x)) for root in self.roots()]
        fraud = sum(scores) / len(scores)
        return {False: 1.0 - fraud, True: fraud}

    def leaf_scores(self) -> Callable[[Any], float]:
        """Return the function from a leaf to its score, as of now; the compiler uses the same."""
        share = fraud_share(self._weights)
        return lambda leaf: smoothed_share(leaf.stats if leaf else {}, share, self.smoothing)

    def roots(self) -> list[Any]:
        """Return the trees' first nodes; None for a tree that has learned nothing."""
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


def branch_of(node: DTBranch, x: Mapping[Any, float]) -> int:
    """Return the index of the child that a row belongs to; without the feature, the child with most rows."""
    try:
        return 0 if x[node.feature] <= node.threshold else 1
    except KeyError:
        branch, _ = node.most_common_path()
        return int(branch)


def leaf_of(root: Any, x: Mapping[Any, float]) -> Any:
    """Return the leaf that a row comes to, if there is any."""
    node = root
    while isinstance(node, DTBranch):
        node = node.children[branch_of(node, x)]
    return node


def smoothed_share(stats: Mapping[bool, float], share: float, strength: float) -> float:
    """Return the share of frauds among weights by outcome, drawn to ``share`` by a weight of ``strength``."""
    frauds = stats.get(True, 0.0)
    return (frauds + strength * share) / (frauds + stats.get(False, 0.0) + strength)


def fraud_share(weights: Mapping[bool, float]) -> float:
    """Return the share of frauds among all learned weight, drawn to one half while that is little."""
    return smoothed_share(weights, 0.5, 2.0)


class ForestLearner:
    """An adaptive random forest.

    Args:
        n_features: of each row.
        seed: of its random numbers.
        settings: of ``FraudForest``, where not its defaults.
    """

    algorithm: Final = "forest"
    counts_samples: Final = False
    fresh: Final = 0

    def __init__(self, n_features: int, seed: int, **settings: Any) -> None:
        self.n_features: Final = n_features
        self.forest = FraudForest(seed=seed, **settings)
        self.parameters: Final = {name: getattr(self.forest, name) for name in PARAMETERS}

    def learn(self, features: Sequence[float], outcome: bool, *, weight: float) -> None:  # noqa: FBT001
        """Learn a row of any maturity."""
        self.forest.learn_one(as_row(features), outcome, weight)

    def score(self, features: Sequence[float]) -> float:
        """Return the mean score of the trees."""
        return self.forest.predict_proba_one(as_row(features))[True]

    def compile(self) -> bytes:
        """Return the forest as ONNX."""
        leaf_score = self.forest.leaf_scores()
        trees = self.forest.n_models
        table = tree_table(self.forest.roots(), lambda leaf, _: leaf_score(leaf) / trees)
        return compile_trees(table, self.n_features)
