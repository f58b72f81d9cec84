"""A leaf's packed statistics: the same summary and the same choice of a split as River's splitters."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.tree.split_criterion import InfoGainSplitCriterion
from river.tree.splitter import GaussianSplitter

from models.learners.leaf_stats import LeafStatistics

LEAST = 0.01
FEATURES = 3
VALUES = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1.0])
ROWS = st.lists(
    st.tuples(st.tuples(*[VALUES] * FEATURES), st.booleans(), st.integers(1, 5)), min_size=2, max_size=60
)


def observed(
    rows: list[tuple[tuple[float, ...], bool, float]],
) -> tuple[LeafStatistics, list[GaussianSplitter]]:
    statistics, splitters = LeafStatistics(FEATURES, 10), [GaussianSplitter() for _ in range(FEATURES)]
    for values, outcome, weight in rows:
        statistics.update(np.array(values), fraud=outcome, weight=weight)
        for value, splitter in zip(values, splitters, strict=True):
            splitter.update(value, outcome, weight)
    return statistics, splitters


@given(ROWS)
@settings(deadline=None)
def test_a_split_has_the_merit_of_rivers_best_ones(
    rows: list[tuple[tuple[float, ...], bool, float]],
) -> None:
    statistics, splitters = observed(rows)
    weights = {outcome: float(sum(w for _, o, w in rows if o is outcome)) for outcome in (False, True)}
    merits = sorted(
        splitter.best_evaluated_split_suggestion(
            InfoGainSplitCriterion(LEAST), weights, place, binary_only=True
        ).merit
        for place, splitter in enumerate(splitters)
    )
    split = statistics.best_split((weights[False], weights[True]), LEAST)
    if split is None:
        assert merits[-1] == -np.inf
    else:
        assert split.merit == pytest.approx(merits[-1], abs=1e-9)
        assert split.second_merit == pytest.approx(merits[-2], abs=1e-9)


@given(ROWS)
@settings(deadline=None)
def test_a_split_hands_all_observed_weight_to_its_sides(
    rows: list[tuple[tuple[float, ...], bool, float]],
) -> None:
    statistics, _ = observed(rows)
    weights = [float(sum(w for _, o, w in rows if o is outcome)) for outcome in (False, True)]
    split = statistics.best_split((weights[0], weights[1]), LEAST)
    if split is not None:
        assert np.add(split.left, split.right) == pytest.approx(weights)
        assert min(*split.left, *split.right) >= 0.0


def test_the_feature_that_tells_the_outcomes_apart_splits_between_them() -> None:
    draws = np.random.default_rng(0)
    statistics = LeafStatistics(FEATURES, 10)
    for row in range(200):
        fraud = row % 2 == 0
        statistics.update(
            np.array([draws.normal(), 10.0 * fraud + draws.normal(), draws.normal()]), fraud=fraud, weight=1.0
        )
    split = statistics.best_split((100.0, 100.0), LEAST)
    assert split is not None
    assert split.place == 1
    assert 2.0 < split.threshold < 8.0
    assert split.merit > 0.9


def test_a_missing_feature_is_not_observed() -> None:
    statistics, whole = LeafStatistics(2, 10), LeafStatistics(2, 10)
    for value, fraud in ((1.0, False), (2.0, False), (8.0, True), (9.0, True)) * 3:
        statistics.update(np.array([value, np.nan]), fraud=fraud, weight=1.0)
        whole.update(np.array([value, 0.0]), fraud=fraud, weight=1.0)
    assert statistics.best_split((6.0, 6.0), LEAST) == whole.best_split((6.0, 6.0), LEAST)


def test_observers_go_on_from_a_pickle() -> None:
    draws = np.random.default_rng(1)
    rows = [
        (tuple(draws.normal(fraud, 1.0, FEATURES)), bool(fraud), 1.0) for fraud in draws.integers(0, 2, 80)
    ]
    statistics, _ = observed(rows[:40])
    copy = pickle.loads(pickle.dumps(statistics))  # noqa: S301 - its own
    for values, outcome, weight in rows[40:]:
        copy.update(np.array(values), fraud=outcome, weight=weight)
    assert copy.best_split((40.0, 40.0), LEAST) == observed(rows)[0].best_split((40.0, 40.0), LEAST)
