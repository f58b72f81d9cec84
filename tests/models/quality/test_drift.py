"""Drift without labels: the population stability index, and the samples that it compares."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.quality.drift import RecentSample, stability_indices

numbers = st.sampled_from([0.0, 1.0, 2.0, 5.0]) | st.floats(-10, 10, width=32)
columns = st.lists(numbers, min_size=1, max_size=40)


def column(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)[:, None]


def index(reference: list[float], current: list[float]) -> float:
    return float(stability_indices(column(reference), column(current))[0])


@settings(max_examples=50, deadline=None)
@given(columns, columns)
def test_the_index_is_the_sum_over_bins_by_the_letter(reference: list[float], current: list[float]) -> None:
    ascending = sorted(reference)
    deciles = sorted({ascending[math.ceil(tenth * len(ascending) / 10) - 1] for tenth in range(1, 10)})

    def place(value: float) -> tuple[int, bool]:
        return sum(decile < value for decile in deciles), value in deciles

    bins = [(below, at) for below in range(len(deciles) + 1) for at in (False, True)][:-1]
    before, now = (Counter(map(place, values)) for values in (reference, current))
    expected = 0.0
    for each in bins:
        r = (before[each] + 0.5) / (len(reference) + 0.5 * len(bins))
        c = (now[each] + 0.5) / (len(current) + 0.5 * len(bins))
        expected += (c - r) * math.log(c / r)
    assert index(reference, current) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(columns, columns)
def test_the_index_is_never_below_zero_and_zero_for_the_same_rows(
    reference: list[float], current: list[float]
) -> None:
    assert index(reference, current) >= 0.0
    assert index(reference, reference[::-1]) == 0.0


def test_each_column_has_its_own_index() -> None:
    chance = np.random.default_rng(0)
    reference = chance.normal(size=(2_000, 3)).astype(np.float32)
    current = chance.normal(size=(2_000, 3)).astype(np.float32) + np.array([0, 1, 0], dtype=np.float32)
    steady, moved, also_steady = stability_indices(reference, current)
    assert max(steady, also_steady) < 0.1
    assert moved > 0.25


@pytest.mark.parametrize(
    ("reference", "current"),
    [([0.0] * 990 + [1.0] * 10, [0.0] * 800 + [1.0] * 200), ([60.0] * 1_000, [60.0] * 800 + [3.0] * 200)],
)
def test_a_column_of_mostly_one_value_moves_to_either_side(
    reference: list[float], current: list[float]
) -> None:
    assert index(reference, current) > 0.25


def sample(rows: list[tuple[str, float]], size: int, memory: float = 100.0) -> set[float]:
    """The numbers of the rows kept of these (name, time), each numbered by its name."""
    kept = RecentSample(size, 2, memory)
    for name, time in rows:
        kept.take(name, time, float(name), np.zeros(1, dtype=np.float32))
    return set(kept.rows()[:, 0].tolist())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_the_sample_depends_on_no_order(times: list[float], order: object) -> None:
    rows = [(str(number), time) for number, time in enumerate(times)]
    shuffled = rows.copy()
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sample(rows, 20) == sample(shuffled, 20)
    assert len(sample(rows, 20)) == min(20, len(rows))


def test_rows_of_one_age_have_the_same_chance() -> None:
    kept = sample([(str(number), 0.0) for number in range(20_000)], 2_000)
    counts = np.histogram(sorted(kept), bins=10, range=(0, 20_000))[0]
    assert counts == pytest.approx(np.full(10, 200), abs=60), "within 4 standard deviations"


def test_the_chance_of_a_row_fades_with_its_age() -> None:
    rows = [(str(number), 0.0 if number % 2 else 100.0) for number in range(40_000)]
    old = sum(number % 2 for number in sample(rows, 1_000))
    assert old / 1_000 == pytest.approx(1 / (1 + math.e), abs=0.06), "e times less after one memory"


def test_what_is_long_past_is_replaced_whole() -> None:
    rows = [(str(number), 0.0 if number < 50 else 1e4) for number in range(100)]
    assert sample(rows, 50) == set(range(50, 100))
