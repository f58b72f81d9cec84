"""Trees as columns: float32 thresholds decide as float64 ones, and nodes know what is below them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from river.tree.nodes.branch import NumericBinaryBranch
from river.tree.nodes.htc_nodes import LeafMajorityClass

from models.learners.onnx import LEAF, levels, node_values, round_down, tree_table

SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def leaf(genuine: float, frauds: float) -> LeafMajorityClass:
    return LeafMajorityClass({False: genuine, True: frauds}, 0, None)


def branch(feature: int, threshold: float, left: object, right: object) -> NumericBinaryBranch:
    return NumericBinaryBranch({}, feature, threshold, 0, left, right)


def share(node: LeafMajorityClass | None, _tree: int) -> float:
    return node.stats[True] / node.total_weight if node and node.total_weight else 0.5


@given(x=SINGLE, threshold=st.floats(allow_nan=False))
@example(x=float(np.float32(0.1)), threshold=0.1)
@example(x=3.4028234663852886e38, threshold=1e300)
@example(x=-3.4028234663852886e38, threshold=-1e300)
@example(x=0.0, threshold=-1e-300)
def test_rounded_down_a_threshold_decides_alike_on_every_float32(x: float, threshold: float) -> None:
    rounded = round_down(np.array([threshold]))
    assert rounded.dtype == np.float32
    assert bool(np.float32(x) <= rounded[0]) is (x <= threshold)


@given(x=SINGLE, nearest=st.floats(-(2.0**60), 2.0**60, width=32), ulps=st.floats(-2.0, 2.0))
def test_also_where_the_threshold_is_a_hair_from_the_value(x: float, nearest: float, ulps: float) -> None:
    spacing = float(np.spacing(np.float32(abs(nearest))))
    threshold = nearest + ulps * spacing
    rounded = round_down(np.array([threshold]))[0]
    for value in (x, nearest, float(np.nextafter(np.float32(nearest), np.float32(np.inf)))):
        assert bool(np.float32(value) <= rounded) is (value <= threshold)


def test_a_tree_becomes_rows_with_parents_before_children() -> None:
    root = branch(3, 1.5, branch(0, -2.0, leaf(8, 2), leaf(0, 5)), leaf(10, 0))
    table = tree_table([root, None, leaf(1, 1)], share)
    assert table.tree.tolist() == [0, 0, 0, 0, 0, 1, 2]
    assert table.feature.tolist() == [3, 0, LEAF, LEAF, LEAF, LEAF, LEAF]
    assert table.left.tolist() == [1, 2, 2, 3, 4, 5, 6]
    assert table.right.tolist() == [4, 3, 2, 3, 4, 5, 6]
    assert table.threshold.tolist() == [1.5, -2.0, 0, 0, 0, 0, 0]
    assert table.hits.tolist() == [25, 15, 10, 5, 10, 0, 2]
    assert table.value.tolist() == [0, 0, 0.2, 1.0, 0.0, 0.5, 0.5]
    assert [level.tolist() for level in levels(table)] == [[0], [1]]


def test_a_branch_is_worth_its_leaves_by_the_rows_that_came_to_them() -> None:
    root = branch(3, 1.5, branch(0, -2.0, leaf(8, 2), leaf(0, 5)), leaf(10, 0))
    assert node_values(tree_table([root], share)) == pytest.approx([7 / 25, 7 / 15, 0.2, 1.0, 0.0])


def test_a_branch_without_rows_is_worth_the_mean_of_its_sides() -> None:
    root = branch(0, 0.0, leaf(0, 0), branch(1, 0.0, leaf(0, 0), leaf(0, 0)))
    assert node_values(tree_table([root], lambda *_: 0.25)).tolist() == [0.25] * 5
