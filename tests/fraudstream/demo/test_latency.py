"""Percentiles, exact from latencies and as close as the buckets from histograms."""

from __future__ import annotations

from bisect import bisect_left
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.demo.latency import histogram_percentiles, percentiles

BOUNDS = (0.001, 0.01, 0.1, 1.0)


def test_nothing_has_no_percentiles() -> None:
    assert percentiles([]) is None
    assert histogram_percentiles({}) is None
    assert histogram_percentiles({0.1: 0, inf: 0}) is None


def test_percentiles_of_a_hundred_and_one() -> None:
    assert percentiles([float(number) for number in range(101)]) == (50, 99)


def test_within_a_bucket_a_histogram_is_interpolated() -> None:
    assert histogram_percentiles({1.0: 0, 2.0: 100, inf: 100}) == pytest.approx((1.5, 1.99))


def test_past_the_last_bound_a_histogram_knows_no_more_than_that_bound() -> None:
    assert histogram_percentiles({1.0: 0, inf: 10}) == (1.0, 1.0)


@given(st.lists(st.floats(0.0001, 0.99), min_size=1, max_size=50))
def test_a_histograms_percentile_lies_in_the_bucket_of_the_true_one(latencies: list[float]) -> None:
    ordered = sorted(latencies)
    buckets = {bound: sum(latency <= bound for latency in ordered) for bound in (*BOUNDS, inf)}
    found = histogram_percentiles(buckets)
    assert found is not None
    for share, estimate in zip((50, 99), found, strict=True):
        true = ordered[-(-len(ordered) * share // 100) - 1]
        place = bisect_left(BOUNDS, true)
        lower = BOUNDS[place - 1] if place else 0.0
        assert lower <= estimate <= BOUNDS[place] * (1 + 1e-9)
