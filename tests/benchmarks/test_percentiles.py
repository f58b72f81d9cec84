"""Percentiles of a benchmark are latencies that did occur."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.percentiles import Percentiles, nearest_rank

latencies = st.lists(st.floats(0, 1e3), min_size=1, max_size=300).map(sorted)
shares = st.floats(0.001, 1.0)


@given(latencies, shares)
def test_a_percentile_is_one_of_the_values(ordered: list[float], share: float) -> None:
    assert nearest_rank(ordered, share) in ordered


@given(latencies, shares)
def test_at_least_the_share_is_not_above_it_and_no_lower_value_does(
    ordered: list[float], share: float
) -> None:
    found = nearest_rank(ordered, share)
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-6
    assert sum(value < found for value in ordered) < share * len(ordered) + 1e-6


def test_a_thousand_latencies_in_milliseconds_whatever_their_order() -> None:
    seconds = [number / 1e3 for number in range(1_000, 0, -1)]
    assert Percentiles.of(seconds) == Percentiles(500, 990, 999, 1_000)


def test_a_single_latency_is_every_percentile() -> None:
    assert Percentiles.of([0.002]) == Percentiles(2, 2, 2, 2)
