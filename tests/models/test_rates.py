"""Amounts in the currency of the account: converted or missing, never compared as bare numbers."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.batch import NO_CURRENCY, currency_code
from models.decay import DAY
from models.profiles.layout import COUNTS, ROW, SQUARES, TOTAL, WEIGHT
from models.profiles.store import ProfileStore, fold
from models.rates import MOST_AMOUNT, Rates
from tests.models.profiles.test_store import NOW, Event, batch_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.arrays import Records

RATES = Rates({"EUR": 1.0, "XOF": 655.957, "USD": 1.25})
EUR, XOF = currency_code("EUR"), currency_code("XOF")


def fold_all(store: ProfileStore, events: Iterable[Event], rates: Rates = RATES, first: int = 0) -> Records:
    """What each event saw, one batch an event."""
    batches = [batch_of([event], first + place) for place, event in enumerate(events)]
    return np.concatenate([fold(batch, [store], rates).columns for batch in batches])


def row_of(store: ProfileStore) -> Records:
    return np.frombuffer(store.pack("card"), dtype=ROW)[0]


def daily(amount: float, currency: str, days: int = 30, **more: bool) -> list[Event]:
    return [Event(day, time=NOW + day * DAY, amount=amount, currency=currency, **more) for day in range(days)]


def test_a_factor_needs_both_rates() -> None:
    assert RATES.factor(XOF, EUR) == 1 / 655.957
    assert RATES.factor(currency_code("USD"), XOF) == 655.957 / 1.25
    assert RATES.factor(EUR, EUR) == 1.0
    assert RATES.factor(EUR, currency_code("JPY")) is None
    assert RATES.factor(NO_CURRENCY, EUR) is None
    assert Rates().factor(EUR, XOF) is None


def test_an_amount_of_another_currency_is_converted_to_that_of_the_first() -> None:
    store = ProfileStore()
    *_, last = fold_all(store, [*daily(50.0, "EUR"), Event(99, NOW + 30 * DAY, 32_000.0, currency="XOF")])
    assert last["amount"] == pytest.approx(48.78, abs=0.01)
    assert last["amount_ratio"] == pytest.approx(0.976, abs=0.001)
    assert (last["amount_known"], row_of(store)["currency"]) == (1.0, EUR)


def test_an_amount_without_a_rate_is_neutral_and_enters_no_sum_of_amounts() -> None:
    store = ProfileStore()
    before = fold_all(store, daily(50.0, "EUR"))[-1]
    sums = row_of(store)["sums"].copy()
    [last] = fold_all(store, [Event(99, NOW + 29 * DAY, 32_000.0, currency="XOF")], Rates(), 30)
    assert last["amount_known"] == 0.0
    assert [last[name] for name in ("amount", "amount_ratio", "amount_z")] == pytest.approx([50.0, 1.0, 0.0])
    assert last["means"].tolist() == pytest.approx(before["means"].tolist())
    assert last["window_amounts"].tolist() == before["window_amounts"].tolist()
    assert last["window_counts"].tolist() == (before["window_counts"] + 1).tolist()
    after = row_of(store)["sums"]
    assert after[COUNTS].tolist() == (sums[COUNTS] + 1).tolist()
    assert after[[WEIGHT, TOTAL, SQUARES]].tolist() == sums[[WEIGHT, TOTAL, SQUARES]].tolist()
    [usual] = fold_all(store, [Event(100, NOW + 29 * DAY, 50.0)], Rates(), 31)
    assert usual["amount_ratio"] == pytest.approx(1.0)


def test_an_amount_without_a_rate_after_years_of_silence_is_none_at_all() -> None:
    store = ProfileStore()
    fold_all(store, daily(50.0, "EUR", days=1))
    [last] = fold_all(store, [Event(99, NOW + 5_000 * DAY, 32_000.0, currency="XOF")], Rates(), 1)
    assert (last["amount_known"], last["amount"]) == (0.0, 0.0)
    assert np.isfinite(last["means"]).all()


def test_a_booked_amount_names_the_currency_of_the_account_and_the_past_is_converted() -> None:
    store = ProfileStore()
    past = [*daily(100.0, "USD"), Event(98, NOW + 30 * DAY, 80.0, currency="EUR", booked=True)]
    *_, last = fold_all(store, past)
    assert row_of(store)["currency"] == EUR
    assert last["own_mean"] == pytest.approx(80.0)
    assert last["own_deviation"] < 10.0
    assert last["amount_ratio"] == pytest.approx(1.0)
    assert sorted({*row_of(store)["recent_amounts"].tolist()}) == [0.0, 80.0]


def test_without_a_rate_the_amounts_begin_again_with_the_booked_one() -> None:
    store = ProfileStore()
    past = [*daily(100.0, "USD"), Event(98, NOW + 30 * DAY, 80.0, currency="EUR", booked=True)]
    *_, last = fold_all(store, past, Rates())
    row = row_of(store)
    assert (row["currency"], last["own_mean"], last["amount_ratio"]) == (EUR, 80.0, 1.0)
    assert last["means"].tolist() == pytest.approx([80.0] * 3)
    assert sorted({*row["recent_amounts"].tolist()}) == [0.0, 80.0]
    assert row["sums"][WEIGHT] == 1.0
    assert row["sums"][COUNTS][3] > 15.0


def test_an_amount_that_is_not_booked_changes_no_currency() -> None:
    store = ProfileStore()
    fold_all(store, [*daily(10.0, "EUR", 3, booked=True), *daily(10.0, "USD", 3)])
    assert row_of(store)["currency"] == EUR


money = st.tuples(
    st.floats(0.0, 999_999_999_999.99), st.sampled_from(["EUR", "XOF", "USD", "JPY", ""]), st.booleans()
)
extremes = Rates({"EUR": 1e-9, "XOF": 1e9, "USD": 1.0})


@given(
    st.lists(money, min_size=1, max_size=40), st.sampled_from([RATES, Rates(), extremes]), st.integers(1, 9)
)
@settings(max_examples=80)
def test_whatever_currencies_come_views_are_finite_and_profiles_can_be_read_again(
    sent: list[tuple[float, str, bool]], rates: Rates, size: int
) -> None:
    events = [
        Event(number, NOW + 3_600.0 * number, amount, currency=currency, booked=booked)
        for number, (amount, currency, booked) in enumerate(sent)
    ]
    store, alone = ProfileStore(), ProfileStore()
    seen = [
        fold(
            batch_of(events[start : start + size], start), [store] * len(events[start : start + size]), rates
        )
        for start in range(0, len(events), size)
    ]
    columns = np.concatenate([view.columns for view in seen])
    numbers = columns.view(np.float64).reshape(len(columns), -1)
    assert not np.isnan(numbers).any()
    assert np.isfinite(np.delete(numbers, 11, axis=1)).all()
    assert (columns["amount"] <= MOST_AMOUNT).all()
    assert fold_all(alone, events, rates).tobytes() == columns.tobytes()
    packed = store.pack("card")
    alone.unpack("card", packed)
    assert alone.pack("card") == packed


@given(st.lists(st.tuples(st.floats(0.01, 1e6), st.booleans()), min_size=2, max_size=40))
@settings(max_examples=40)
def test_a_mixed_stream_with_rates_is_seen_as_the_same_amounts_in_one_currency(
    sent: list[tuple[float, bool]],
) -> None:
    numbers = count()
    mixed, single = [], []
    for amount, abroad in [(1.0, False), *sent]:
        number = next(numbers)
        single.append(Event(number, NOW + DAY * number, amount))
        mixed.append(
            Event(number, NOW + DAY * number, amount * 655.957, currency="XOF") if abroad else single[-1]
        )
    stores = ProfileStore(), ProfileStore()
    seen = [fold_all(store, events) for store, events in zip(stores, (mixed, single), strict=True)]
    for name in ("amount", "own_mean", "amount_ratio", "means", "window_amounts"):
        np.testing.assert_allclose(seen[0][name], seen[1][name], rtol=1e-6)


def test_columns_keep_the_currency_and_who_says_it() -> None:
    batch = batch_of([Event(1, currency="XOF"), Event(2, booked=True)])
    part = batch.take(np.array([1]))
    assert (part.currencies.tolist(), part.booked.tolist()) == ([EUR], [True])
