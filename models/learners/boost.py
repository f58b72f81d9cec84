"""Gradient boosting that never ends: over a memory of the last rows, the newest tree replaces the oldest.

A boosted model is usually fitted once and ages. Here labelled rows enter a memory that holds the last so
many; after every few of them the oldest tree leaves the sum, and a new one is fitted to what the others leave
unexplained of all that the memory holds. So the model follows what comes in, and each tree still sees weeks
of rows. It is deterministic: the same rows in the same order give the same trees.
Sources: Friedman, *Greedy Function Approximation: A Gradient Boosting Machine*, Annals of Statistics 2001;
Ke and others, *LightGBM: A Highly Efficient Gradient Boosting Decision Tree*, NIPS 2017 (rows with small
gradients are sampled).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import base

from models.arrays import as_row
from models.learners.boost_tree import Ensemble, Growth, Sample, Tree, grow
from models.learners.onnx import LEAF, TreeTable, compile_trees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.arrays import Floats, Integers, Singles
    from schemas.snapshot import Setting


class RollingBoost(base.Classifier):  # type: ignore[misc]
    """Boosted trees over a memory of labelled rows, as a River classifier of two classes.

    Args:
        n_trees: in the sum.
        learning_rate: share of its best step that a tree takes.
        max_depth: levels of splits of a tree.
        period: rows after which a tree is replaced; a fraud counts for ``fraud_rows`` of them.
        fraud_rows: see ``period``: what is rare is learnt sooner.
        memory: rows that are remembered, the last ones.
        top_share: share of remembered rows, those with the largest gradients, that every tree is grown on.
        other_share: share of the other rows that is drawn for each tree, and counts for all of them.
        max_features: share of the features that is drawn for each tree.
        n_bins: of each feature, at most 256.
        l2: steps are drawn to zero as if by so much more second derivative.
        min_child: second derivative that each child must have.
        min_frauds: share of all remembered frauds that each child must have: frauds come in clusters, one
            stolen card, one compromised terminal, and a leaf of one cluster is a memory of it and no rule.
        warm_up: rows before the first trees are grown.
        seed: of all draws.
    """

    def __init__(
        self,
        n_trees: int = 100,
        learning_rate: float = 0.1,
        max_depth: int = 5,
        period: int = 100,
        fraud_rows: int = 10,
        memory: int = 60_000,
        top_share: float = 0.1,
        other_share: float = 0.1,
        max_features: float = 0.3,
        n_bins: int = 64,
        l2: float = 5.0,
        min_child: float = 2.0,
        min_frauds: float = 0.02,
        warm_up: int = 200,
        seed: int = 0,
    ) -> None:
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.period = period
        self.fraud_rows = fraud_rows
        self.memory = memory
        self.top_share = top_share
        self.other_share = other_share
        self.max_features = max_features
        self.n_bins = n_bins
        self.l2 = l2
        self.min_child = min_child
        self.min_frauds = min_frauds
        self.warm_up = warm_up
        self.seed = seed
        self.base = 0.0
        """Log-odds that the trees add to."""
        self.fresh = 0
        """Rows learnt since the last tree was grown."""
        self._trees: list[Tree] = []
        self._ensemble: Ensemble | None = None
        self._names: tuple[Any, ...] = ()
        self._draws = np.random.default_rng(seed)
        self._seen = 0
        self._due = 0
        self._binned_at = 0

    def learn_one(self, x: Mapping[Any, float], y: bool, w: float = 1.0) -> None:  # noqa: FBT001
        """Learn one row, counted ``w`` times."""
        self._names = self._names or tuple(sorted(x))
        self.learn_row(self._row(x), y, w)

    def predict_proba_one(self, x: Mapping[Any, float]) -> dict[bool, float]:
        """Probabilities of both classes, one half before the first tree."""
        total = self._ensemble.of_one(self._row(x)) if self._ensemble else 0.0
        probability = 1.0 / (1.0 + math.exp(-self.base - total))
        return {False: 1.0 - probability, True: probability}

    @property
    def trees(self) -> Sequence[Tree]:
        """The trees, oldest first."""
        return self._trees

    def learn_row(self, row: Singles, y: bool, w: float) -> None:  # noqa: FBT001
        """Learn one row [k]."""
        if not self._seen:
            self._make_room(len(row))
        place = self._seen % self.memory
        self._rows[place], self._targets[place], self._weights[place] = row, y, w
        if self._binned_at:
            self._codes[place] = (row[:, None] > self._edges[:, :-1]).sum(axis=1)
        self._seen += 1
        self.fresh += 1
        self._due += self.fraud_rows if y else 1
        if self._seen >= self.warm_up and self._due >= self.period:
            self._grow()

    def _row(self, x: Mapping[Any, float]) -> Singles:
        return np.array([x.get(name, 0.0) for name in self._names], dtype=np.float32)

    def _make_room(self, width: int) -> None:
        self._rows = np.zeros((self.memory, width), dtype=np.float32)
        self._codes = np.zeros((self.memory, width), dtype=np.uint8)
        self._edges = np.zeros((width, self.n_bins), dtype=np.float32)
        self._targets, self._weights, self._sums = np.zeros((3, self.memory))

    def _grow(self) -> None:
        """Grow a tree in the place of the oldest; while there are few, several at once."""
        held = min(self._seen, self.memory)
        self._add_up_fresh()
        targets, weights = self._targets[:held], self._weights[:held]
        frauds, total = float(targets @ weights), float(weights.sum())
        if not 0.0 < frauds < total:
            return
        if self._seen >= 2 * self._binned_at or self._seen >= self._binned_at + self.memory // 2:
            self._bin(held)
        self.base = float(np.float32(math.log(frauds / (total - frauds))))
        for _ in range(_FIRST_TREES if len(self._trees) < self.n_trees else 1):
            if len(self._trees) == self.n_trees:
                self._sums[:held] -= self._trees.pop(0).of(self._rows[:held])
            sample = self._sample(held)
            tree = grow(sample, self._growth(sample))
            self._sums[:held] += tree.of(self._rows[:held])
            self._trees.append(tree)
        self._ensemble = Ensemble(self._trees)

    def _add_up_fresh(self) -> None:
        """Bring the sums of the rows up to date that came since the last tree."""
        places = np.arange(self._seen - min(self.fresh, self.memory), self._seen) % self.memory
        self._sums[places] = self._ensemble.of(self._rows[places]) if self._ensemble else 0.0
        self.fresh = self._due = 0

    def _growth(self, sample: Sample) -> Growth:
        return Growth(
            self.max_depth,
            self.learning_rate,
            self.l2,
            self.min_child,
            min_frauds=self.min_frauds * float(sample.frauds.sum()),
        )

    def _sample(self, held: int) -> Sample:
        """What the next tree is grown on."""
        probability = 1.0 / (1.0 + np.exp(-(self._sums[:held] + self.base)))
        gradient = self._weights[:held] * (self._targets[:held] - probability)
        rows, counted = self._draw_rows(np.abs(gradient))
        width = self._rows.shape[1]
        columns = np.sort(self._draws.choice(width, max(1, round(self.max_features * width)), replace=False))
        hessian = self._weights[:held] * probability * (1.0 - probability)
        return Sample(
            codes=self._codes[rows][:, columns],
            edges=self._edges[columns],
            columns=columns,
            gradient=gradient[rows] * counted,
            hessian=hessian[rows] * counted,
            weights=self._weights[rows] * counted,
            frauds=self._targets[rows] * counted,
        )

    def _draw_rows(self, sizes: Floats) -> tuple[Integers, Floats]:
        """Rows with the largest gradients and some of the others, and how often each counts."""
        top = math.ceil(self.top_share * len(sizes))
        others = math.ceil(self.other_share * len(sizes))
        if top + others >= len(sizes):
            return np.arange(len(sizes)), np.ones(len(sizes))
        order = np.argpartition(-sizes, top, kind="introselect")
        drawn = self._draws.choice(order[top:], others, replace=False)
        counted = np.ones(top + others)
        counted[top:] = (len(sizes) - top) / others
        return np.concatenate([order[:top], drawn]), counted

    def _bin(self, held: int) -> None:
        """Choose the bins anew: of each feature equally many of its distinct values."""
        for column in range(self._rows.shape[1]):
            distinct = np.unique(self._rows[:held, column])
            if len(distinct) > self.n_bins:
                distinct = distinct[np.linspace(0, len(distinct) - 1, self.n_bins).astype(np.int64)]
            self._edges[column] = np.inf
            self._edges[column, : len(distinct)] = distinct
            self._codes[:held, column] = np.searchsorted(distinct[:-1], self._rows[:held, column])
        self._binned_at = self._seen


_FIRST_TREES = 10


class BoostLearner:
    """Rolling boosted trees.

    Args:
        n_features: of each row.
        seed: of its random numbers.
        settings: of ``RollingBoost``, where not its defaults.
    """

    algorithm: Final = "boost"
    counts_samples: Final = True

    def __init__(self, n_features: int, seed: int, **settings: Any) -> None:
        self.n_features: Final = n_features
        self.boost = RollingBoost(seed=seed, **settings)
        self.parameters: Final[Mapping[str, Setting]] = {
            name: getattr(self.boost, name) for name in _PARAMETERS
        }

    @property
    def fresh(self) -> int:
        """The last so many rows have not changed the score yet."""
        return self.boost.fresh

    def learn(self, features: Sequence[float], outcome: bool, *, weight: float) -> None:  # noqa: FBT001
        """Learn a row, whatever made it an example."""
        self.boost.learn_one(as_row(features), outcome, weight)

    def score(self, features: Sequence[float]) -> float:
        """Probability of the sum of the trees."""
        return self.boost.predict_proba_one(as_row(features))[True]

    def compile(self) -> bytes:
        """The trees as ONNX."""
        table = boost_table(self.boost.trees, self.boost.max_depth)
        return compile_trees(table, self.n_features, base=self.boost.base, logistic=True)


def boost_table(trees: Sequence[Tree], max_depth: int) -> TreeTable:
    """Boosted trees, or one that says nothing where there are none, without the nodes that were not split."""
    trees = trees or [Tree.stump(max_depth)]
    thresholds = np.stack([tree.thresholds for tree in trees])
    weights, values = np.stack([tree.weights for tree in trees]), np.stack([tree.values for tree in trees])
    is_split, is_node = np.zeros(values.shape, dtype=bool), np.zeros(values.shape, dtype=bool)
    is_split[:, : thresholds.shape[1]] = np.isfinite(thresholds)
    is_node[:, 0] = True
    is_node[:, 1::2] = is_node[:, 2::2] = np.isfinite(thresholds)
    tree, node = np.nonzero(is_node)
    splits = is_split[tree, node]
    inner = np.minimum(node, thresholds.shape[1] - 1)
    place = (np.cumsum(is_node) - 1).reshape(is_node.shape)
    own = np.arange(len(tree))
    left = np.minimum(2 * node + 1, values.shape[1] - 2)
    return TreeTable(
        tree=tree,
        feature=np.where(splits, np.stack([each.features for each in trees])[tree, inner], LEAF),
        threshold=np.where(splits, thresholds[tree, inner], np.float32(0.0)),
        left=np.where(splits, place[tree, left], own),
        right=np.where(splits, place[tree, left + 1], own),
        hits=weights[tree, node],
        value=np.where(splits, 0.0, values[tree, node]),
    )


_PARAMETERS: Final = (
    *("n_trees", "learning_rate", "max_depth", "period", "fraud_rows", "memory", "top_share", "other_share"),
    *("max_features", "n_bins", "l2", "min_child", "min_frauds", "warm_up"),
)
