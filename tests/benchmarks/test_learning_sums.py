"""The sums of the learning benchmarks: differences of histograms, swaps, latencies from when each was due."""

from __future__ import annotations

import time
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from agents.telemetry.histogram import BatchHistogram
from benchmarks.learning.buckets import Buckets, Scrape
from benchmarks.learning.scores import Scoring, latencies, swap_times
from benchmarks.learning.swap import spin
from benchmarks.percentiles import nearest_rank

BOUNDS = (1.0, 2.0, 5.0, float("inf"))
counts = st.lists(st.integers(0, 50), min_size=len(BOUNDS), max_size=len(BOUNDS))
seconds = st.lists(st.floats(0.001, 20), max_size=60)


def of(values: list[float]) -> Buckets:
    places = [bisect_left(BOUNDS, value) for value in values]
    return Buckets(
        dict(zip(BOUNDS, accumulate(places.count(each) for each in range(len(BOUNDS))), strict=True))
    )


@given(seconds, seconds)
def test_what_came_between_two_scrapes_is_their_difference(early: list[float], late: list[float]) -> None:
    assert of([*early, *late]) - of(early) == of(late)
    assert of(early) + of(late) == of([*early, *late])


def test_what_is_added_to_nothing_stays() -> None:
    assert Buckets({}) + of([0.5, 3.0]) == of([0.5, 3.0])


@given(seconds.filter(bool), st.floats(0.001, 1.0))
def test_a_quantile_lies_between_the_bounds_that_are_told(values: list[float], share: float) -> None:
    low, high = of(values).quantile(share)
    assert low < nearest_rank(sorted(values), share) <= high
    assert (low, high) in pairwise((0.0, *BOUNDS))


def test_the_share_within_a_bound_counts_the_bound_itself() -> None:
    assert of([0.5, 2.0, 2.1, 9.0]).share_within(2.0) == 0.5
    assert of([]).share_within(2.0) == 0.0


def test_nothing_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="without observations"):
        of([]).quantile(0.5)


def test_a_workers_own_exposition_is_read() -> None:
    registry = CollectorRegistry()
    histogram = BatchHistogram("fraudstream_x_seconds", "Some time.", BOUNDS[:-1], registry)
    histogram.observe([0.5, 1.5, 1.6, 30.0])
    scrape = Scrape(generate_latest(registry).decode())
    assert scrape.buckets("fraudstream_x_seconds") == of([0.5, 1.5, 1.6, 30.0])
    assert scrape.total("fraudstream_x_seconds_sum") == pytest.approx(33.6)
    assert scrape.total("fraudstream_of_nobody") == 0.0


def test_a_swap_is_the_first_score_of_each_model_but_the_one_in_force_at_first() -> None:
    scorings = [Scoring(3.0, "m@7"), Scoring(1.0, "m@5"), Scoring(2.0, "m@6"), Scoring(2.5, "m@6")]
    assert swap_times(scorings) == [2.0, 3.0]
    assert swap_times(scorings[1:2]) == []


def test_a_latency_counts_from_when_the_transaction_was_due_and_those_near_a_swap_count_twice() -> None:
    due = {
        "long before": 9.0,
        "just before": 9.95,
        "just after": 10.04,
        "long after": 10.5,
        "at the next": 20.0,
    }
    scored = {name: Scoring(at + 0.25, "m@1") for name, at in due.items()}
    every, near = latencies(due, scored, [10.0, 20.0], before=0.1, after=0.05)
    assert every == pytest.approx([0.25] * 5)
    assert near == pytest.approx([0.25] * 3)


def test_a_transaction_that_was_never_scored_is_never_left_out() -> None:
    with pytest.raises(KeyError):
        latencies({"lost": 1.0}, {}, [], before=0.1, after=0.05)


def test_a_thread_that_holds_the_interpreter_shows_as_a_pause() -> None:
    with ThreadPoolExecutor(1) as thread:
        value, held = spin(thread, lambda: sum(range(6_000_000)))
        _, quiet = spin(thread, lambda: time.sleep(0.05))
    assert value == sum(range(6_000_000))
    assert held > max(0.02, quiet), "one call into C gives the lock to nobody"
