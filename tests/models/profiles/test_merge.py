"""Two parts of one history make the profile that the whole history would have made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.batch import EventBatch
from models.profiles.layout import RECENT, ROW, unpack_row
from models.profiles.merge import merge, moved
from models.profiles.store import ProfileStore
from schemas.transaction import CardTransaction

START = datetime(2026, 3, 1, tzinfo=UTC)


def folded(minutes: list[int], currency: str = "EUR") -> bytes:
    """The profile of a card that paid at these minutes."""
    store = ProfileStore()
    payments = [
        CardTransaction(
            transaction_id=f"{currency}{minute}",
            event_time=START + timedelta(minutes=minute),
            card_id="card",
            merchant_id=f"shop{minute % 5}",
            amount=str(1 + minute % 90),
            currency=currency,
        )
        for minute in minutes
    ]
    for offset, payment in enumerate(payments):
        store.fold(EventBatch.of([payment], [offset], logs=[7]))
    return store.pack("card")


def row(profile: bytes) -> Any:
    return unpack_row(profile).view(ROW)[0]


@given(st.sets(st.integers(0, 60 * 24 * 60), min_size=2, max_size=80), st.data())
def test_parts_of_a_history_add_up_to_the_whole(minutes: set[int], data: st.DataObject) -> None:
    ordered = sorted(minutes)
    cut = data.draw(st.integers(1, len(ordered) - 1))
    whole, merged = row(folded(ordered)), row(merge(folded(ordered[cut:]), folded(ordered[:cut])))
    assert merged["newest"] == whole["newest"]
    assert merged["folded"] == whole["folded"]
    assert merged["sums"][:4] == pytest.approx(whole["sums"][:4], rel=1e-9)
    for name in ("recent_times", "recent_contents", "recent_ids", "recent_amounts"):
        assert merged[name].tolist() == whole[name].tolist(), name


def test_a_ring_keeps_the_newest_of_both() -> None:
    merged = row(merge(folded([*range(RECENT)]), folded([*range(RECENT, RECENT + 5)])))
    assert merged["recent_times"].min() == (START + timedelta(minutes=5)).timestamp()


def test_amounts_of_two_currencies_do_not_add_up() -> None:
    merged = row(merge(folded([1], "EUR"), folded([2], "JPY")))
    assert merged["sums"].tolist() == row(folded([2], "JPY"))["sums"].tolist()


def test_what_moves_is_of_no_offset() -> None:
    """The offsets of another partition would pass over its next transactions as replays."""
    assert (row(moved(folded([1, 2])))["offset"], row(moved(folded([1, 2])))["log"]) == (-1, 0)
