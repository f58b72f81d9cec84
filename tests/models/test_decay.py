"""Decayed sums: any order gives the same, nothing overflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decay import DAY, HOUR, NEVER, fold, rates

if TYPE_CHECKING:
    from random import Random

RATES = rates(HOUR, DAY, 30 * DAY)
Event = tuple[float, float]
events = st.lists(
    st.tuples(st.floats(1.6e9, 1.7e9), st.floats(0.01, 1e12)),
    min_size=1,
    max_size=12,
    unique_by=lambda e: e[0],
)


def folded(sequence: list[Event]) -> np.ndarray:
    """Fold (time, amount) one after the other."""
    sums, newest = np.zeros((1, 3)), np.array([NEVER])
    for time, amount in sequence:
        sums = fold(sums, newest, np.full((1, 3), amount), np.array([time]), RATES)
        newest = np.maximum(newest, time)
    return sums[0]


@given(events, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_sums(sequence: list[Event], random: Random) -> None:
    shuffled = sequence.copy()
    random.shuffle(shuffled)
    np.testing.assert_allclose(folded(shuffled), folded(sequence), rtol=1e-9)


@given(events)
def test_a_sum_is_what_the_definition_says(sequence: list[Event]) -> None:
    newest = max(time for time, _ in sequence)
    direct = sum(amount * np.exp(-(newest - time) * RATES) for time, amount in sequence)
    np.testing.assert_allclose(folded(sequence), direct, rtol=1e-9)


@pytest.mark.parametrize("order", [[0.0, 2.5e11], [2.5e11, 0.0]])
def test_events_millennia_apart_do_not_overflow(order: list[float]) -> None:
    np.testing.assert_allclose(folded([(time, 7.0) for time in order]), 7.0)


def test_half_is_left_after_the_half_life() -> None:
    assert folded([(0.0, 8.0), (HOUR * np.log(2), 0.0)])[0] == pytest.approx(4.0)
