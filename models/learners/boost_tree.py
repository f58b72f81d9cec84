"""Boosted trees in arrays of one fixed shape, and how one is grown, level by level, on binned features.

Node ``i`` has the children ``2 i + 1`` and ``2 i + 2``. A node that was not split has an infinite threshold,
so that every row goes on to its left child, and its left line holds its value: the rows of a batch walk down
together, and nobody asks who has arrived.
Source: Chen, Guestrin, *XGBoost: A Scalable Tree Boosting System*, KDD 2016 (gain and leaf values from the
first and second derivative of the loss).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.arrays import Floats, Integers, Singles

    Codes = NDArray[np.uint8]


_LEAST_GAIN: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Growth:
    """How trees grow.

    Attributes:
        max_depth: levels of splits.
        learning_rate: share of the best step that is taken.
        l2: steps are drawn to zero as if by so much more second derivative.
        min_child: second derivative that each child must have.
        min_frauds: frauds that each child must have.
    """

    max_depth: int
    learning_rate: float
    l2: float
    min_child: float
    min_frauds: float


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree: ``features`` and ``thresholds`` of inner nodes, ``values`` and ``weights`` of all nodes.

    ``weights`` are those of the rows that came to a node when it was grown.
    """

    features: Integers
    thresholds: Singles
    values: Floats
    weights: Floats

    @classmethod
    def stump(cls, max_depth: int) -> Tree:
        """A tree that says nothing."""
        inner, nodes = 2**max_depth - 1, 2 ** (max_depth + 1) - 1
        return cls(
            np.zeros(inner, dtype=np.int64),
            np.full(inner, np.inf, dtype=np.float32),
            np.zeros(nodes),
            np.zeros(nodes),
        )

    def of(self, rows: Singles) -> Floats:
        """Values [n] of rows [n, k]."""
        at = np.zeros(len(rows), dtype=np.int64)
        index = np.arange(len(rows))
        for _ in range(_depth(self.features)):
            at = 2 * at + 1 + (rows[index, self.features[at]] > self.thresholds[at])
        values: Floats = self.values[at]
        return values


@dataclass(frozen=True, slots=True)
class Sample:
    """What a tree is grown on: ``n`` rows of ``m`` features.

    Attributes:
        codes: bins [n, m] of the features.
        edges: highest value [m, bins] in each bin.
        columns: which column each of the features is, [m].
        gradient: first derivative [n] by which the loss falls with the score.
        hessian: second derivative [n] of the loss.
        weights: of the rows, [n].
        frauds: how many frauds each row counts for, [n].
    """

    codes: Codes
    edges: Singles
    columns: Integers
    gradient: Floats
    hessian: Floats
    weights: Floats
    frauds: Floats


def grow(sample: Sample, growth: Growth) -> Tree:
    """Grow a tree: of each node of a level, the split that gains most."""
    tree = Tree.stump(growth.max_depth)
    node, live = np.zeros(len(sample.codes), dtype=np.int64), np.arange(len(sample.codes))
    tree.values[0] = _step(sample.gradient.sum(), sample.hessian.sum(), growth)
    tree.weights[0] = sample.weights.sum()
    for depth in range(growth.max_depth):
        first, count = 2**depth - 1, 2**depth
        place, cut, is_split = _best_splits(sample, live, node[live] - first, count, growth)
        parents = first + np.flatnonzero(is_split)
        tree.features[parents] = sample.columns[place[is_split]]
        tree.thresholds[parents] = sample.edges[place[is_split], cut[is_split]]
        live = live[is_split[node[live] - first]]
        if not len(live):
            break
        own = node[live] - first
        node[live] = 2 * node[live] + 1 + (sample.codes[live, place[own]] > cut[own])
        _settle(tree, sample, live, node[live], growth)
    tree.values[:] = tree.values.astype(np.float32)  # as the compiled tree has them
    _fill_left_lines(tree)
    return tree


class Ensemble:
    """The sum of trees of one depth, side by side in arrays.

    Args:
        trees: at least one.
    """

    def __init__(self, trees: Sequence[Tree]) -> None:
        self.trees = tuple(trees)
        self._features = np.stack([tree.features for tree in trees])
        self._thresholds = np.stack([tree.thresholds for tree in trees])
        self._values = np.stack([tree.values for tree in trees])
        self._numbers = np.arange(len(trees))

    def of(self, rows: Singles) -> Floats:
        """Sums [n] of rows [n, k]."""
        total = np.zeros(len(rows))
        for tree in self.trees:
            total += tree.of(rows)
        return total

    def of_one(self, row: Singles) -> float:
        """Sum of one row [k], down all trees at once."""
        at = np.zeros(len(self._numbers), dtype=np.int64)
        for _ in range(_depth(self._features[0])):
            goes_right = row[self._features[self._numbers, at]] > self._thresholds[self._numbers, at]
            at = 2 * at + 1 + goes_right
        total = 0.0
        for value in self._values[self._numbers, at].tolist():  # in the order of `of`, to the last bit
            total += value
        return total


def _best_splits(
    sample: Sample, live: Integers, own: Integers, count: int, growth: Growth
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Feature and bin of each node's best split [count], and whether it gains anything.

    ``own`` [n] is the node, from 0, of each of the ``live`` rows.
    """
    m, bins = sample.edges.shape
    keys = sample.codes[live] + np.arange(m) * bins + (own * (m * bins))[:, None]
    is_fraud = np.flatnonzero(sample.frauds[live])
    left_f = _sums(keys[is_fraud], sample.frauds[live[is_fraud]], count, m, bins)
    left_g = _sums(keys, sample.gradient[live], count, m, bins)
    left_h = _sums(keys, sample.hessian[live], count, m, bins)
    all_g, all_h = left_g[:, :, -1:], left_h[:, :, -1:]
    right_g, right_h = all_g - left_g, all_h - left_h
    gain = (
        left_g**2 / (left_h + growth.l2) + right_g**2 / (right_h + growth.l2) - all_g**2 / (all_h + growth.l2)
    )
    gain[np.minimum(left_h, right_h) < growth.min_child] = 0.0
    gain[np.minimum(left_f, left_f[:, :, -1:] - left_f) < growth.min_frauds] = 0.0
    best = gain.reshape(count, -1).argmax(axis=1)
    is_split = gain.reshape(count, -1)[np.arange(count), best] > _LEAST_GAIN
    return best // bins, best % bins, is_split


def _sums(keys: Integers, amounts: Floats, count: int, m: int, bins: int) -> Floats:
    """Sums [count, m, bins] of the amounts [n] in each bin and all below it."""
    binned = np.bincount(keys.ravel(), np.repeat(amounts, m), count * m * bins)
    sums: Floats = binned.reshape(count, m, bins).cumsum(axis=2)
    return sums


def _settle(tree: Tree, sample: Sample, live: Integers, node: Integers, growth: Growth) -> None:
    """Give the nodes [n] that ``live`` rows have come to their values."""
    nodes = len(tree.values)
    gradient = np.bincount(node, sample.gradient[live], nodes)
    hessian = np.bincount(node, sample.hessian[live], nodes)
    reached = np.unique(node)
    tree.values[reached] = _step(gradient[reached], hessian[reached], growth)
    tree.weights[reached] = np.bincount(node, sample.weights[live], nodes)[reached]


def _fill_left_lines(tree: Tree) -> None:
    """Hand the value of what was not split down to where its rows end."""
    for node in range(len(tree.features)):
        if np.isinf(tree.thresholds[node]):
            tree.values[2 * node + 1] = tree.values[node]
            tree.weights[2 * node + 1] = tree.weights[node]


def _step(gradient: Any, hessian: Any, growth: Growth) -> Any:
    """A damped Newton step."""
    return growth.learning_rate * gradient / (hessian + growth.l2)


def _depth(features: Integers) -> int:
    return int(len(features) + 1).bit_length() - 1
