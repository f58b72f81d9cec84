"""One boosted tree: the splits that gain most, steps by the derivatives of its own rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learners.boost import boost_table
from models.learners.boost_tree import Ensemble, Growth, Sample, Tree, grow
from models.learners.onnx import LEAF

GROWTH = Growth(max_depth=3, learning_rate=0.5, l2=1.0, min_child=0.5, min_frauds=2.0)


def sample(rows: int, features: int, bins: int, seed: int) -> tuple[Sample, np.ndarray]:
    """Rows whose values are their bins, so that an edge is its bin's number."""
    draws = np.random.default_rng(seed)
    codes = draws.integers(0, bins, (rows, features)).astype(np.uint8)
    edges = np.tile(np.arange(bins, dtype=np.float32), (features, 1))
    gradient, hessian = draws.normal(size=rows), draws.uniform(0.05, 1.0, rows)
    frauds = (draws.random(rows) < 0.5).astype(np.float64)
    made = Sample(codes, edges, np.arange(features), gradient, hessian, np.ones(rows), frauds)
    return made, codes.astype(np.float32)


def gain_of(sample: Sample, goes_left: np.ndarray) -> float:
    """What a split gains, by its definition; nothing where a child is too light."""
    parts = [goes_left, ~goes_left]
    hessians = [sample.hessian[part].sum() for part in parts]
    if (
        min(hessians) < GROWTH.min_child
        or min(sample.frauds[part].sum() for part in parts) < GROWTH.min_frauds
    ):
        return 0.0
    gradients = [sample.gradient[part].sum() for part in parts]
    whole = sample.gradient.sum() ** 2 / (sample.hessian.sum() + GROWTH.l2)
    return sum(g**2 / (h + GROWTH.l2) for g, h in zip(gradients, hessians, strict=True)) - whole


@given(st.integers(2, 60), st.integers(1, 4), st.integers(2, 6), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_the_root_is_split_where_most_is_gained(rows: int, features: int, bins: int, seed: int) -> None:
    made, values = sample(rows, features, bins, seed)
    tree = grow(made, GROWTH)
    gains = {(f, b): gain_of(made, values[:, f] <= b) for f in range(features) for b in range(bins)}
    best = max(gains.values())
    if best <= 1e-9:
        assert np.isinf(tree.thresholds[0])
    else:
        assert gains[int(tree.features[0]), int(tree.thresholds[0])] == pytest.approx(best)


@given(st.integers(1, 80), st.integers(1, 4), st.integers(2, 6), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_each_leaf_takes_the_damped_newton_step_of_the_rows_that_come_to_it(
    rows: int, features: int, bins: int, seed: int
) -> None:
    made, values = sample(rows, features, bins, seed)
    tree = grow(made, GROWTH)
    answers = tree.of(values)
    for answer in set(answers.tolist()):
        those = answers == answer
        step = GROWTH.learning_rate * made.gradient[those].sum() / (made.hessian[those].sum() + GROWTH.l2)
        assert answer == pytest.approx(step, rel=1e-5, abs=1e-6)


@given(st.integers(5, 80), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_as_a_table_it_has_only_what_was_split_and_gives_the_same_values(rows: int, seed: int) -> None:
    made, values = sample(rows, 3, 5, seed)
    trees = [grow(made, GROWTH), Tree.stump(GROWTH.max_depth), grow(made, GROWTH)]
    table = boost_table(trees, GROWTH.max_depth)
    splits = sum(int(np.isfinite(tree.thresholds).sum()) for tree in trees)
    assert np.count_nonzero(table.feature != LEAF) == splits
    assert len(table) == 2 * splits + len(trees)
    for row in values[:10]:
        total = 0.0
        for root in np.flatnonzero(np.diff(table.tree, prepend=-1)):
            at = root
            while table.feature[at] != LEAF:
                at = (table.left if row[table.feature[at]] <= table.threshold[at] else table.right)[at]
            total += table.value[at]
        assert total == pytest.approx(Ensemble(trees).of(row[None])[0], abs=1e-12)


def test_a_branch_weighs_as_much_as_its_children() -> None:
    made, _ = sample(200, 3, 6, 1)
    table = boost_table([grow(made, GROWTH)], GROWTH.max_depth)
    branches = np.flatnonzero(table.feature != LEAF)
    assert len(branches)
    assert table.hits[0] == 200.0
    assert (
        table.hits[branches] == table.hits[table.left[branches]] + table.hits[table.right[branches]]
    ).all()


def test_one_row_alone_is_summed_as_in_a_batch() -> None:
    made, values = sample(100, 3, 6, 2)
    ensemble = Ensemble([grow(made, GROWTH) for _ in range(5)])
    assert [ensemble.of_one(row) for row in values] == ensemble.of(values).tolist()
