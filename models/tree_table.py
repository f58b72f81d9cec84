"""Trees as columns, one row a node: what the compiler writes and the explanations read.

Thresholds are float32, as ONNX has them. River compares with float64 thresholds; rounded down to the next
float32, a threshold decides on every float32 value as the original does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from models.arrays import Floats, Integers, Singles

LEAF: Final = -1
"""The feature of a leaf."""


@dataclass(frozen=True, slots=True)
class TreeTable:
    """Nodes [n] of all trees, tree after tree, each tree's root first and children after their parents."""

    tree: Integers
    feature: Integers
    """Column that the node asks for, ``LEAF`` in a leaf."""
    threshold: Singles
    """Rows at or below it go left; 0 in a leaf."""
    left: Integers
    """Number of the child in this table; its own number in a leaf."""
    right: Integers
    hits: Floats
    """Weight of the rows that were learnt below the node."""
    value: Floats
    """What a leaf adds to the score; 0 in a branch."""

    def __len__(self) -> int:
        return len(self.tree)


def round_down(thresholds: Floats) -> Singles:
    """The largest float32 that is not above each threshold: ``x <= t`` stays as it is for every float32 x."""
    with np.errstate(over="ignore"):
        singles = thresholds.astype(np.float32)
    return np.where(singles > thresholds, np.nextafter(singles, np.float32(-np.inf)), singles)


def tree_table(roots: Iterable[Any], value: Callable[[Any, int], float]) -> TreeTable:
    """Write River's binary trees, whose features are the numbers of their columns, as a table.

    Args:
        roots: one a tree; nothing stands for a tree that has learnt nothing.
        value: what a leaf of the tree of this number adds to the score.
    """
    rows: list[tuple[int, int, float, float, float]] = []
    right: list[int] = []
    for tree, root in enumerate(roots):
        waiting: list[tuple[Any, int | None]] = [(root, None)]
        while waiting:
            node, parent = waiting.pop()
            place = len(rows)
            right.append(place)
            if parent is not None:
                right[parent] = place
            if hasattr(node, "children"):
                rows.append((tree, node.feature, node.threshold, 0.0, 0.0))
                # The left child is popped first, so it comes right after its parent.
                waiting += [(node.children[1], place), (node.children[0], None)]
            else:
                hits = 0.0 if node is None else node.total_weight
                rows.append((tree, LEAF, 0.0, hits, value(node, tree)))
    trees, features, thresholds, weights, values = zip(*rows, strict=True)
    feature = np.array(features, dtype=np.int64)
    table = TreeTable(
        tree=np.array(trees, dtype=np.int64),
        feature=feature,
        threshold=round_down(np.array(thresholds, dtype=np.float64)),
        left=np.arange(len(rows)) + (feature != LEAF),
        right=np.array(right, dtype=np.int64),
        hits=np.array(weights, dtype=np.float64),
        value=np.array(values, dtype=np.float64),
    )
    for level in reversed(levels(table)):
        table.hits[level] = table.hits[table.left[level]] + table.hits[table.right[level]]
    return table


def levels(table: TreeTable) -> list[Integers]:
    """The branches of each depth, the roots' first."""
    roots = np.flatnonzero(np.diff(table.tree, prepend=-1))
    found = []
    level = roots[table.feature[roots] != LEAF]
    while len(level):
        found.append(level)
        below = np.concatenate([table.left[level], table.right[level]])
        level = below[table.feature[below] != LEAF]
    return found


def node_values(table: TreeTable) -> Floats:
    """What to expect of each node [n]: its leaves' values, averaged by the weight that came to them."""
    values = table.value.copy()
    for level in reversed(levels(table)):
        left, right = table.left[level], table.right[level]
        together = table.hits[left] + table.hits[right]
        share = np.where(together > 0.0, table.hits[left] / np.where(together > 0.0, together, 1.0), 0.5)
        values[level] = share * values[left] + (1.0 - share) * values[right]
    return values
