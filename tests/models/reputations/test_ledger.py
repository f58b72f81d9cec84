"""Folding outcomes: the decayed sums of their definition, in whatever pieces and order they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.batch import EventBatch
from models.decay import DAY, NEVER, fold, rates
from models.labelling.pending import moment
from models.reputations.ledger import ReputationLedger, UnknownReputationError
from models.reputations.store import ReputationStore
from schemas.outcome import OutcomeEvent
from schemas.reputation import EARLY_DAYS, MATURED_DAYS
from schemas.transaction import CardTransaction

if TYPE_CHECKING:
    from random import Random

START = 1_800_000_000.0
KEY = "counterparty:till-1"
LONG = rates(*(days * DAY for days in MATURED_DAYS))
SHORT = rates(*(days * DAY for days in EARLY_DAYS))

amounts = st.integers(-2, 3)
events = st.builds(
    OutcomeEvent,
    time=st.floats(START - 200 * DAY, START),
    happened=st.floats(START - 200 * DAY, START),
    matured=amounts,
    frauds=amounts,
    early_frauds=amounts,
    unexplained_frauds=amounts,
    early_unexplained=amounts,
    early_genuine=amounts,
)
COUNTED = OutcomeEvent._fields[2:]
TIMES = 7
histories = st.lists(events, min_size=1, max_size=30)


def folded(history: list[OutcomeEvent]) -> ReputationLedger:
    ledger = ReputationLedger()
    ledger.fold(KEY, history)
    return ledger


def sums(ledger: ReputationLedger) -> np.ndarray:
    """All 18 sums, those of what may be less than nothing as well."""
    return np.frombuffer(ledger.pack(KEY), dtype="<f8")[TIMES:]


@given(histories)
def test_folding_one_by_one_is_the_decayed_sum_of_all_late_ones_too(history: list[OutcomeEvent]) -> None:
    newest = np.array([NEVER])
    long, short = np.zeros((2, 5)), np.zeros((4, 2))
    for event in history:
        added, time = np.array([event.matured, event.frauds]), np.array([event.time])
        long = fold(long, newest, added[:, None], time, LONG)
        added = np.array(
            [event.early_frauds, event.unexplained_frauds, event.early_unexplained, event.early_genuine]
        )
        short = fold(short, newest, added[:, None], time, SHORT)
        newest = np.maximum(newest, time)
    ledger = folded(history)
    np.testing.assert_allclose(sums(ledger), [*long.ravel(), *short.ravel()], rtol=1e-9, atol=1e-9)
    assert ledger.reputation(KEY).as_of == moment(max(event.time for event in history))


@given(histories, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_sums_and_times(history: list[OutcomeEvent], random: Random) -> None:
    shuffled = random.sample(history, len(history))
    one, other = folded(history), folded(shuffled)
    np.testing.assert_allclose(sums(one), sums(other), rtol=1e-9, atol=1e-9)
    assert one.pack(KEY)[: TIMES * 8] == other.pack(KEY)[: TIMES * 8]


@given(histories, st.integers(1, 7))
def test_however_the_events_are_cut_into_messages_the_sums_are_the_same_to_the_last_bit(
    history: list[OutcomeEvent], size: int
) -> None:
    cut = ReputationLedger()
    for start in range(0, len(history), size):
        cut.fold(KEY, history[start : start + size])
    assert cut.pack(KEY) == folded(history).pack(KEY)


@given(histories, events)
def test_what_is_counted_back_is_gone(history: list[OutcomeEvent], mistake: OutcomeEvent) -> None:
    taken_back = mistake._replace(**{name: -getattr(mistake, name) for name in COUNTED})
    nothing = OutcomeEvent(mistake.time, mistake.happened, 0, 0, 0, 0)
    corrected = sums(folded([mistake, *history, taken_back]))
    np.testing.assert_allclose(corrected, sums(folded([nothing, *history])), rtol=1e-9, atol=1e-9)


def test_what_a_correction_leaves_below_nothing_is_published_as_nothing() -> None:
    wrong = OutcomeEvent(START, START, 1, 1, 1, 1, 1, 1)
    back = OutcomeEvent(START + DAY / 3, START, -1, -1, -1, -1, -1, -1)
    reputation = folded([wrong, back]).reputation(KEY)
    told = (*reputation.matured, *reputation.matured_frauds, *reputation.early_frauds)
    assert set(told) == {0.0}
    assert set(reputation.unexplained_frauds) == {0.0}
    assert {*reputation.early_unexplained, *reputation.early_genuine} == {0.0}


@given(histories)
def test_packing_and_unpacking_is_the_identity(history: list[OutcomeEvent]) -> None:
    ledger, restored = folded(history), ReputationLedger()
    restored.unpack(KEY, ledger.pack(KEY))
    assert restored.take_dirty() == []
    assert restored.reputation(KEY) == ledger.reputation(KEY)
    for each in (ledger, restored):
        each.fold(KEY, history)
    assert restored.pack(KEY) == ledger.pack(KEY)


def test_sums_of_another_layout_are_refused() -> None:
    with pytest.raises(UnknownReputationError, match="7 bytes"):
        ReputationLedger().unpack(KEY, bytes(7))


def test_the_times_are_those_of_the_newest_of_each_kind_and_a_correction_changes_none() -> None:
    def at(day: float, **amounts: int) -> OutcomeEvent:
        return OutcomeEvent(START, START + day * DAY, **dict.fromkeys(COUNTED, 0) | amounts)

    history = [
        at(-1, matured=1),
        at(-2, matured=1),
        at(-3, matured=1, frauds=1, unexplained_frauds=1),
        at(-4, matured=1, frauds=1),
        at(-5, early_frauds=1),
        at(-6, early_frauds=1, early_unexplained=1),
        at(-7, early_genuine=1),
        at(-8, early_frauds=1, early_unexplained=1, early_genuine=-1),
        at(-9, early_frauds=-1, early_unexplained=-1, early_genuine=1),
        at(0, frauds=-1, unexplained_frauds=-1),
        at(0, early_frauds=-1, early_unexplained=-1),
        at(0, early_genuine=-1),
    ]
    reputation = folded(history).reputation(KEY)
    assert reputation.last_matured_genuine == moment(START - DAY)
    assert reputation.last_matured_fraud == moment(START - 3 * DAY)
    assert reputation.last_unexplained_fraud == moment(START - 3 * DAY)
    assert reputation.last_early_fraud == moment(START - 5 * DAY)
    assert reputation.last_early_unexplained == moment(START - 6 * DAY)
    assert reputation.last_early_genuine == moment(START - 7 * DAY)


def test_of_what_never_happened_there_is_no_time() -> None:
    reputation = folded([OutcomeEvent(START, START, 1, 0, 0, 0)]).reputation(KEY)
    absent = (reputation.last_matured_fraud, reputation.last_unexplained_fraud, reputation.last_early_fraud)
    assert absent == (None, None, None)
    assert (reputation.last_early_unexplained, reputation.last_early_genuine) == (None, None)


def test_keys_are_told_once_after_they_changed() -> None:
    ledger = ReputationLedger()
    for key in ("country:FR", KEY, "country:FR"):
        ledger.fold(key, [OutcomeEvent(START, START, 1, 0, 0, 0)])
    assert ledger.take_dirty() == ["country:FR", KEY]
    assert ledger.take_dirty() == []
    assert len(ledger) == 2


def test_a_value_may_hold_the_colon_that_ends_the_kind() -> None:
    ledger = ReputationLedger()
    ledger.fold("counterparty:till:1", [OutcomeEvent(START, START, 1, 0, 0, 0)])
    reputation = ledger.reputation("counterparty:till:1")
    assert (reputation.kind, reputation.id) == ("counterparty", "till:1")
    assert reputation.key == "counterparty:till:1"


def test_what_the_ledger_publishes_is_what_a_scorer_sees() -> None:
    store = ReputationStore()
    history = [
        OutcomeEvent(START - 7 * DAY, START - 14 * DAY, 40, 0, 0, 0),
        OutcomeEvent(START, START - 7 * DAY, 10, 5, 0, 2),
        OutcomeEvent(START, START - DAY, 0, 0, 3, 0),
        OutcomeEvent(START, START - 2 * DAY, 0, 0, 2, 0, early_unexplained=2),
        OutcomeEvent(START, START - 6 * DAY, 0, 0, 0, 0, early_genuine=4),
    ]
    store.update(folded(history).reputation(KEY))
    payment = CardTransaction(
        transaction_id="t",
        event_time=moment(START + 7 * DAY),
        card_id="card",
        merchant_id="shop",
        terminal_id="till-1",
        amount="1.00",
        currency="EUR",
    )
    view = store.view(EventBatch.of([payment], [0])).columns[0]
    days = np.array(MATURED_DAYS)
    assert view["frauds"] == pytest.approx(5 * np.exp(-7 / days))
    assert view["matured"] == pytest.approx((40 * np.exp(-14 / days) + 10 * np.exp(-7 / days))[[2, 4]])
    assert view["unexplained"] == pytest.approx(2 * np.exp(-7 / np.array(EARLY_DAYS)))
    assert view["early_frauds"] == pytest.approx(5 * np.exp(-7 / EARLY_DAYS[0]))
    assert view["early_unexplained"] == pytest.approx(2 * np.exp(-7 / np.array(EARLY_DAYS)))
    assert view["early_genuine"] == pytest.approx(4 * np.exp(-7 / EARLY_DAYS[0]))
    assert (view["since_fraud"], view["fraud_run"]) == (14 * DAY, 7 * DAY)
    assert (view["since_early_unexplained"], view["since_early_genuine"]) == (9 * DAY, 13 * DAY)
    assert view["early_run"] == 4 * DAY
