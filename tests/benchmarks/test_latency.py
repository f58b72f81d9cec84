"""Arrival times are fixed in advance, and a latency counts from them."""

from __future__ import annotations

from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.latency.arrivals import arrival_times
from benchmarks.latency.measure import matched


@given(st.floats(1, 2_000), st.floats(0.1, 2), st.integers(0, 10))
def test_the_same_seed_gives_the_same_ascending_times(rate: float, seconds: float, seed: int) -> None:
    times = arrival_times(rate, seconds, seed)
    assert times == arrival_times(rate, seconds, seed)
    assert len(times) == round(rate * seconds)
    assert all(earlier < later for earlier, later in pairwise(times))


def test_the_gaps_are_a_poisson_processs_of_the_rate() -> None:
    gaps = [later - earlier for earlier, later in pairwise(arrival_times(1_000, 30))]
    assert mean(gaps) == pytest.approx(1e-3, rel=0.02)
    longer_than_the_mean = sum(gap > 1e-3 for gap in gaps) / len(gaps)
    assert longer_than_the_mean == pytest.approx(0.368, abs=0.01)  # 1/e


def test_another_seed_gives_other_times() -> None:
    assert arrival_times(100, 1, seed=0) != arrival_times(100, 1, seed=1)


def test_a_latency_counts_from_when_the_transaction_was_due_and_not_in_the_warm_up() -> None:
    due = {"warm": 9.0, "first": 10.0, "second": 11.0}
    seen = {"second": 11.5, "first": 10.25, "warm": 20.0, "somebody else's": 12.0}
    assert matched(due, seen, since=10.0) == [0.25, 0.5]


def test_a_transaction_without_a_score_is_never_left_out() -> None:
    with pytest.raises(KeyError):
        matched({"lost": 1.0}, {}, since=0.0)
