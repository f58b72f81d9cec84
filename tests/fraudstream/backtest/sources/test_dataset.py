"""A past as columns is what the messages say."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.backtest.sources.dataset import NEVER_LABELLED, of_world, whole_ticks
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.transfers import TransferWorld
from models.batch import EventBatch
from models.decay import DAY
from schemas.transaction import decode_transaction
from tests.fraudstream.backtest.worlds import DELAY, SMALL, small_past

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fraudstream.simulate.world import SimulatedTransaction


@pytest.mark.parametrize("world", [CardWorld(SMALL), TransferWorld(30, 10, date(2024, 1, 1))])
def test_the_core_reads_the_same_as_from_the_messages(world: Iterable[SimulatedTransaction]) -> None:
    some = list(islice(world, 500))
    data = of_world(some, "some", DELAY)
    past = EventBatch.of(data.transactions(0, len(data)), range(len(data)))
    sent = EventBatch.of([decode_transaction(each.encode()) for each in some], range(len(some)))
    assert [each.transaction_id for each in some] == list(data.ids)
    for field in fields(EventBatch):
        if field.name == "times":
            assert np.abs(past.times - sent.times).max() < 1 / 64
        elif field.name == "currencies":
            assert len({*past.currencies}) == len({*sent.currencies}) == 1, "one that a dataset does not name"
        elif field.name != "content_hashes":  # of both
            assert np.array_equal(getattr(past, field.name), getattr(sent, field.name)), field.name


def test_frauds_are_known_after_the_delay_and_nobody_speaks_of_the_rest() -> None:
    data = small_past()
    assert (data.label_times[data.frauds] == data.times[data.frauds] + DELAY).all()
    assert (data.label_times[~data.frauds] == NEVER_LABELLED).all()


def test_known_is_what_was_labelled_or_has_outlived_its_horizon() -> None:
    data = small_past()
    noon = float(data.times[0] + 10 * DAY)
    rows, frauds = data.known_by(noon, 5 * DAY)
    for row in range(len(data)):
        labelled = data.label_times[row] <= noon
        assert (row in rows) == (labelled or data.times[row] + 5 * DAY <= noon)
    assert rows[frauds].tolist() == np.flatnonzero(data.label_times <= noon).tolist()


@given(st.floats(1.5e9, 2e9), st.integers(1, 60))
def test_a_label_due_at_the_horizon_is_due_exactly_then(time: float, days: int) -> None:
    [event] = whole_ticks(np.array([time]))
    assert time - event < 1 / 64
    label_time = datetime.fromtimestamp(event + days * DAY, UTC)
    assert label_time.timestamp() == event + days * DAY
