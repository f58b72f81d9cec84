"""The profile store: commutative, idempotent, the same for any batching, packed without loss."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.batch import EventBatch, country_code, currency_code, id_hashes, short_hashes, stable_hashes
from models.decay import DAY, HOUR
from models.profiles.layout import HIGH_AMOUNTS, RECENT, ROW, UnknownLayoutError
from models.profiles.store import FIRST_ROWS, AdmissionResult, ProfileStore, ProfileView

if TYPE_CHECKING:
    from random import Random

NOW = 1_767_225_600.0


@dataclass(frozen=True)
class Event:
    """One event, with just what a profile looks at."""

    number: int
    time: float = NOW
    amount: float = 20.0
    subject: str = "card"
    counterparty: str = "shop"
    country: str | None = None
    currency: str = "EUR"
    booked: bool = False


def batch_of(events: list[Event], first_offset: int = 0, log: int = 0) -> EventBatch:
    return EventBatch(
        subjects=[event.subject for event in events],
        counterparties=[event.counterparty for event in events],
        times=np.array([event.time for event in events]),
        amounts=np.array([event.amount for event in events]),
        currencies=np.array([currency_code(event.currency) for event in events], dtype=np.uint64),
        booked=np.array([event.booked for event in events]),
        countries=np.array([country_code(event.country) for event in events], dtype=np.uint16),
        id_hashes=id_hashes([str(event.number) for event in events]),
        content_hashes=stable_hashes([repr(astuple(event)) for event in events]),
        counterparty_hashes=short_hashes(stable_hashes([event.counterparty for event in events])),
        dimensions=[{} for _ in events],
        offsets=np.arange(first_offset, first_offset + len(events)),
        logs=np.full(len(events), log),
    )


def fold_one_by_one(store: ProfileStore, events: list[Event], first_offset: int = 0) -> list[ProfileView]:
    return [store.fold(batch_of([event], first_offset + place)) for place, event in enumerate(events)]


def row_of(store: ProfileStore, subject: str = "card") -> np.ndarray:
    return np.frombuffer(store.pack(subject), dtype=ROW)[0]


times = st.one_of(st.floats(NOW - 3 * DAY, NOW), st.floats(0.0, 2.5e11))
amounts = st.one_of(st.floats(0.0, 1e12), st.sampled_from([0.0, 0.01, 20.0, 50.5, 999_999_999_999.99]))
sequences = st.lists(
    st.builds(
        Event,
        number=st.integers(0, 10**9),
        time=times,
        amount=amounts,
        subject=st.sampled_from(["card", "other", "third"]),
        counterparty=st.sampled_from([f"shop-{number}" for number in range(40)]),
        country=st.sampled_from([None, "FR", "DE"]),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda event: event.number,
)


@given(
    st.lists(
        st.builds(Event, number=st.integers(0, 10**9), time=st.floats(NOW - DAY * 400, NOW), amount=amounts),
        min_size=2,
        max_size=20,
        unique_by=(lambda event: event.number, lambda event: event.time),
    ),
    st.randoms(use_true_random=False),
)
def test_any_order_of_the_same_events_gives_the_same_sums(events: list[Event], random: Random) -> None:
    shuffled = events.copy()
    random.shuffle(shuffled)
    stores = ProfileStore(), ProfileStore()
    for store, order in zip(stores, (events, shuffled), strict=True):
        fold_one_by_one(store, order)
    rows = [row_of(store) for store in stores]
    commutative = [place for place in range(len(rows[0]["sums"])) if place != HIGH_AMOUNTS]
    np.testing.assert_allclose(
        rows[0]["sums"][commutative], rows[1]["sums"][commutative], rtol=1e-9, atol=1e-280
    )
    assert rows[0]["newest"] == rows[1]["newest"] == max(event.time for event in events)
    assert sorted(rows[0]["recent_times"]) == sorted(rows[1]["recent_times"])


@given(sequences, st.integers(1, 12))
@settings(max_examples=60)
def test_a_batch_of_n_gives_exactly_what_n_batches_of_one_give(events: list[Event], size: int) -> None:
    together, alone = ProfileStore(), ProfileStore()
    starts = range(0, len(events), size)
    batched = [together.fold(batch_of(events[start : start + size], start)) for start in starts]
    single = fold_one_by_one(alone, events)
    assert b"".join(view.columns.tobytes() for view in batched) == b"".join(
        view.columns.tobytes() for view in single
    )
    for subject in {event.subject for event in events}:
        assert together.pack(subject) == alone.pack(subject)


@given(sequences)
@settings(max_examples=40)
def test_packing_and_unpacking_is_the_identity(events: list[Event]) -> None:
    store, restored = ProfileStore(), ProfileStore()
    store.fold(batch_of(events))
    for subject in {event.subject for event in events}:
        restored.unpack(subject, store.pack(subject))
        assert restored.pack(subject) == store.pack(subject)
    following = batch_of([Event(-1, time=NOW, subject=event.subject) for event in events], len(events))
    assert restored.fold(following).columns.tobytes() == store.fold(following).columns.tobytes()


@given(sequences)
@settings(max_examples=40)
def test_a_view_is_finite_but_for_the_gap_of_a_first_event(events: list[Event]) -> None:
    view = ProfileStore().fold(batch_of(events)).columns
    gaps = view["gap"].copy()
    view["gap"] = 0.0
    assert np.isfinite(view.view(np.float64)).all()
    assert not np.isnan(gaps).any()


def test_a_repeat_in_the_same_batch_and_later_changes_nothing() -> None:
    store = ProfileStore()
    first = store.fold(batch_of([Event(1), Event(2), Event(1)]))
    packed = store.pack("card")
    store.take_dirty()
    later = store.fold(batch_of([Event(2)], 3))
    assert first.status.tolist() == [AdmissionResult.FRESH, AdmissionResult.FRESH, AdmissionResult.REPEAT]
    assert later.status.tolist() == [AdmissionResult.REPEAT]
    assert store.pack("card") == packed
    assert store.take_dirty() == []


def test_a_replay_of_applied_offsets_changes_nothing() -> None:
    store = ProfileStore()
    many = [Event(number, time=NOW + number) for number in range(50)]
    store.fold(batch_of(many))
    packed = store.pack("card")
    replayed = store.fold(batch_of(many))
    assert set(replayed.status.tolist()) == {AdmissionResult.REPLAY}
    assert store.pack("card") == packed


@given(
    sequences, st.integers(0, 39), st.lists(st.integers(0, 2**63 - 1), min_size=2, max_size=2, unique=True)
)
@settings(max_examples=40)
def test_an_offset_counts_only_in_its_own_log(events: list[Event], again: int, logs: list[int]) -> None:
    store = ProfileStore()
    store.fold(batch_of(events, log=logs[0]))
    packed = {event.subject: store.pack(event.subject) for event in events}
    replayed = store.fold(batch_of(events[again:], again, log=logs[0]))
    assert {*replayed.status.tolist()} <= {AdmissionResult.REPLAY}
    assert {event.subject: store.pack(event.subject) for event in events} == packed
    new = [replace(event, number=-event.number - 1) for event in events]
    assert not store.fold(batch_of(new, log=logs[1])).status.any()
    assert {*store.fold(batch_of(new, log=logs[1])).status.tolist()} == {AdmissionResult.REPLAY}
    for subject in packed:
        row = row_of(store, subject)
        assert row["log"] == logs[1]
        assert row["folded"] == 2 * sum(event.subject == subject for event in events)


def test_the_same_id_with_another_content_is_another_transaction_and_is_noticed() -> None:
    store = ProfileStore()
    payments = [
        Event(7, amount=12.0, counterparty="shop_1"),
        Event(7, amount=950.0, counterparty="shop_2"),
        Event(7, amount=950.0, counterparty="shop_2", time=NOW + 1),
        Event(8, amount=950.0, counterparty="shop_2", time=NOW + 1),
    ]
    view = store.fold(batch_of(payments))
    assert not view.status.any()
    assert view.columns["id_reused"].tolist() == [0, 1, 1, 0]
    assert {*store.fold(batch_of(payments, 4)).status.tolist()} == {AdmissionResult.REPEAT}


@given(st.integers(0, 2 * RECENT), st.integers(1, 7))
@settings(max_examples=40)
def test_a_repeat_is_known_among_as_many_transactions_as_the_profile_remembers(later: int, size: int) -> None:
    store = ProfileStore()
    events = [Event(0), *(Event(number, time=NOW - number) for number in range(1, later + 1))]
    for start in range(0, len(events), size):
        store.fold(batch_of(events[start : start + size], start))
    [status] = store.fold(batch_of([Event(0)], len(events))).status.tolist()
    assert (status == AdmissionResult.REPEAT) == (later < RECENT)


def test_two_payments_with_one_hash_of_their_content_are_two() -> None:
    store = ProfileStore()
    batch = batch_of([Event(1), Event(2), Event(1, time=NOW + 1), Event(1, counterparty="mule")])
    batch.content_hashes[:] = 7
    assert not store.fold(batch).status.any()


def test_a_row_is_1096_bytes_and_says_its_layout() -> None:
    store = ProfileStore()
    store.fold(batch_of([Event(1)]))
    packed = store.pack("card")
    assert len(packed) == 1096
    with pytest.raises(UnknownLayoutError, match=r"layout 2 with 792 bytes.*profiles again"):
        store.unpack("card", b"\x02" + packed[1:792])  # as it was before offsets had a log
    with pytest.raises(UnknownLayoutError, match="layout 3 with 1095 bytes"):
        store.unpack("card", packed[:-1])


def test_windows_are_exact_and_end_with_the_event() -> None:
    ages = [25 * HOUR, 23 * HOUR, 59 * 60.0, 11 * 60.0, 600.0, 599.0, 0.0]
    events = [
        Event(place, time=NOW - age, amount=10.0**place, counterparty=f"shop-{place % 3}")
        for place, age in enumerate(ages)
    ]
    store = ProfileStore()
    newest = fold_one_by_one(store, events)[-1].columns[0]
    assert newest["window_counts"].tolist() == [2, 5, 6]
    assert newest["window_amounts"].tolist() == [1.1e6, 1.1111e6, 1.11111e6]
    assert newest["window_counterparties"] == 3
    assert newest["gap"] == 599.0
    late = store.fold(
        batch_of([Event(99, time=NOW - 598, amount=0.5, counterparty="elsewhere")], 99)
    ).columns[0]
    assert late["window_counts"].tolist() == [4, 5, 6]
    assert late["gap"] == 1.0
    assert late["window_counterparties"] == 4


def test_a_late_event_sees_windows_and_gap_as_of_its_own_time_and_says_how_late_it_is() -> None:
    """The same windows as where it came in time, among the recent transactions; the fading sums hold all."""
    times = [NOW + 300.0 * number for number in range(20)]
    in_time, late = ProfileStore(), ProfileStore()
    expected = fold_one_by_one(
        in_time, [Event(n, time=time, amount=float(n)) for n, time in enumerate(times[:11])]
    )
    order = [*range(10), *range(11, 20), 10]
    *_, seen = fold_one_by_one(late, [Event(n, time=times[n], amount=float(n)) for n in order])
    for name in ("window_counts", "window_amounts", "window_counterparties", "gap"):
        assert seen.columns[0][name].tolist() == expected[-1].columns[0][name].tolist()
    assert seen.columns[0]["late"] == times[19] - times[10]
    assert not any(view.columns[0]["late"] for view in expected)


def test_the_last_transactions_that_came_are_kept() -> None:
    store = ProfileStore()
    times = [NOW - 1_000 * (number * 7 % 40) for number in range(40)]
    fold_one_by_one(store, [Event(number, time=time) for number, time in enumerate(times)])
    assert sorted(row_of(store)["recent_times"]) == sorted(times[-RECENT:])


def test_the_amount_is_compared_with_what_was_known_before() -> None:
    store = ProfileStore()
    first, *_, usual, high, after = fold_one_by_one(
        store,
        [
            *(Event(number, time=NOW + number) for number in range(10)),
            Event(10, time=NOW + 10, amount=60.0),
            Event(11, time=NOW + 11),
        ],
    )
    assert (first.columns[0]["own_mean"], first.columns[0]["amount_ratio"]) == (20.0, 1.0)
    assert usual.columns[0]["amount_ratio"] == pytest.approx(1.0)
    assert high.columns[0]["amount_ratio"] == pytest.approx(3.0)
    assert high.columns[0]["high_amounts"] == 0.0
    assert after.columns[0]["high_amounts"] == pytest.approx(1.0, abs=1e-5)


def test_a_counterparty_is_new_once_and_the_one_in_use_is_not_forgotten() -> None:
    store = ProfileStore()
    events = [
        Event(number, time=NOW + number, counterparty="rent" if number % 10 == 0 else f"shop-{number}")
        for number in range(101)
    ]
    new = [view.columns[0]["new_counterparty"] for view in fold_one_by_one(store, events)]
    assert [number for number in range(0, 101, 10) if new[number]] == [0]
    assert all(new[number] for number in range(101) if number % 10)


def test_a_country_changes_against_the_newest_known_one() -> None:
    seen = ["FR", None, "FR", "DE", "DE"]
    store = ProfileStore()
    events = [Event(number, time=NOW + number, country=country) for number, country in enumerate(seen)]
    changed = [view.columns[0]["country_changed"] for view in fold_one_by_one(store, events)]
    assert changed == [0, 0, 0, 1, 0]
    store.fold(batch_of([Event(8, time=NOW - 1, country="FR")], 8))
    assert store.fold(batch_of([Event(9, time=NOW + 9, country="DE")], 9)).columns[0]["country_changed"] == 0


def test_dirty_subjects_are_told_once() -> None:
    store = ProfileStore()
    store.fold(batch_of([Event(1, subject="b"), Event(2, subject="a"), Event(3, subject="b")]))
    assert store.take_dirty() == ["b", "a"]
    assert store.take_dirty() == []


def test_the_store_grows_and_reuses_forgotten_rows_as_new() -> None:
    store = ProfileStore()
    subjects = [f"card-{number}" for number in range(3 * FIRST_ROWS)]
    store.fold(batch_of([Event(place, subject=subject) for place, subject in enumerate(subjects)]))
    packed = store.pack("card-0")
    store.forget("card-1")
    store.forget("never seen")
    assert len(store) == len(subjects) - 1
    view = store.fold(batch_of([Event(-1, subject="newcomer")], 1_000)).columns[0]
    assert view["new_counterparty"] == 1
    assert len(store) == len(subjects)
    assert store.pack("card-0") == packed
    with pytest.raises(KeyError):
        store.pack("card-1")
