"""Reputations: replaced, added up, faded to the event, with defaults where absent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.batch import EventBatch
from models.reputation import FIRST_ROWS, ReputationStore
from schemas.reputation import Reputation
from schemas.transaction import CardTransaction

if TYPE_CHECKING:
    from models.reputation import ReputationView

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def reputation(
    name: str = "shop",
    kind: str = "counterparty",
    *,
    as_of: datetime = NOON,
    matured: float = 100.0,
    frauds: float = 10.0,
    early: float = 1.0,
    last_fraud: datetime | None = None,
) -> Reputation:
    return Reputation(
        kind=kind,
        id=name,
        as_of=as_of,
        matured=(matured,) * 5,
        matured_frauds=(frauds,) * 5,
        early_frauds=(early,) * 2,
        last_matured_fraud=last_fraud,
    )


def view_of(store: ReputationStore, *merchants: str, at: datetime = NOON) -> ReputationView:
    transactions = [
        CardTransaction(
            transaction_id="t",
            event_time=at,
            card_id="card",
            merchant_id=merchant,
            amount="1.00",
            currency="EUR",
            merchant_category_code="5411",
            country="FR",
        )
        for merchant in merchants
    ]
    return store.view(EventBatch.of(transactions, range(len(transactions))))


def test_an_absent_reputation_is_no_transactions_no_frauds_and_incomplete() -> None:
    store = ReputationStore()
    store.update(reputation("known"))
    view = view_of(store, "unknown", "known")
    assert view.complete.tolist() == [False, True]
    absent = view.columns[0]
    assert absent["since_fraud"] == absent["since_early_fraud"] == np.inf
    assert not any(absent[name].any() for name in ("matured", "frauds", "shares", "early_frauds"))


def test_sums_fade_until_the_event_and_shares_stay() -> None:
    store = ReputationStore()
    store.update(reputation(last_fraud=NOON - 2 * DAY))
    later = view_of(store, "shop", at=NOON + 7 * DAY).columns[0]
    assert later["frauds"] == pytest.approx(10.0 * np.exp(-7 / np.array([1, 3, 7, 14, 28])))
    assert later["matured"] == pytest.approx(100.0 * np.exp(-7 / np.array([7, 28])))
    assert later["early_frauds"] == pytest.approx(np.exp(-7 / np.array([7, 28])))
    assert later["shares"][0] == pytest.approx([0.1, 0.1])
    assert later["since_fraud"] == 9 * 86_400.0


def test_an_event_before_the_reputation_sees_it_as_it_is() -> None:
    store = ReputationStore()
    store.update(reputation(last_fraud=NOON))
    late = view_of(store, "shop", at=NOON - DAY).columns[0]
    assert late["frauds"].tolist() == [10.0] * 5
    assert late["since_fraud"] == 0.0


def test_a_faded_memory_makes_no_large_share() -> None:
    store = ReputationStore()
    store.update(reputation(matured=0.01, frauds=0.01))
    assert view_of(store, "shop").columns[0]["shares"][0].tolist() == [0.01, 0.01]


def test_what_else_a_transaction_names_has_its_share() -> None:
    store = ReputationStore()
    store.update(reputation("FR", "country", frauds=50.0))
    store.update(reputation("5411", "merchant-category", frauds=25.0))
    store.update(reputation("pos", "channel", frauds=75.0))
    shares = view_of(store, "shop").columns[0]["shares"]
    assert shares.tolist() == [[0.0, 0.0], [0.25, 0.25], [0.5, 0.5], [0.0, 0.0]]


def test_the_newest_record_of_a_key_replaces_the_older() -> None:
    store = ReputationStore()
    store.update(reputation(frauds=10.0))
    store.update(reputation(frauds=3.0))
    assert len(store) == 1
    assert view_of(store, "shop").columns[0]["frauds"].tolist() == [3.0] * 5


@pytest.mark.parametrize("days", [-3, 0, 3])
def test_partial_reputations_add_up_in_any_order(days: int) -> None:
    parts = [
        reputation(frauds=10.0, last_fraud=NOON - DAY),
        reputation(as_of=NOON + days * DAY, frauds=4.0, last_fraud=NOON - 2 * DAY),
    ]
    views = []
    for order in (parts, parts[::-1]):
        store = ReputationStore()
        for part in order:
            store.add(part)
        views.append(view_of(store, "shop", at=NOON + 3 * DAY).columns[0])
    taus = np.array([1, 3, 7, 14, 28])
    expected = 10.0 * np.exp(-3 / taus) + 4.0 * np.exp(-(3 - days) / taus)
    for view in views:
        assert view["frauds"] == pytest.approx(expected, rel=1e-9)
        assert view["since_fraud"] == 4 * 86_400.0


def test_the_store_grows() -> None:
    store = ReputationStore()
    names = [f"shop-{number}" for number in range(3 * FIRST_ROWS)]
    for number, name in enumerate(names):
        store.update(reputation(name, matured=float(number)))
    view = view_of(store, *names)
    assert len(store) == len(names)
    assert view.complete.all()
    assert view.columns["matured"][:, 0].tolist() == list(range(len(names)))
