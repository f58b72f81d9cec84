"""Reputations: replaced, faded to the event, with defaults where absent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.batch import EventBatch
from models.reputations.store import FIRST_ROWS, VIEW, ReputationStore
from schemas.reputation import Reputation
from schemas.transaction import CardTransaction, TransferTransaction

if TYPE_CHECKING:
    from models.reputations.store import ReputationView

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
    unexplained: float = 0.0,
    early_unexplained: float = 0.0,
    early_genuine: float = 0.0,
    **last: datetime | None,
) -> Reputation:
    return Reputation(
        kind=kind,
        id=name,
        as_of=as_of,
        matured=(matured,) * 5,
        matured_frauds=(frauds,) * 5,
        early_frauds=(early,) * 2,
        unexplained_frauds=(unexplained,) * 2,
        early_unexplained=(early_unexplained,) * 2,
        early_genuine=(early_genuine,) * 2,
        **last,
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


def test_an_absent_reputation_is_no_transactions_no_frauds_and_that_is_all_there_is_to_know() -> None:
    store = ReputationStore()
    store.update(reputation("known"))
    view = view_of(store, "unknown", "known")
    assert view.complete.tolist() == [True, True]
    absent = view.columns[0]
    ages = {name for name in VIEW.names or () if "since" in name}
    assert len(ages) == 7
    assert {absent[name] for name in ages} == {np.inf}
    runs = {"fraud_run", "early_run"}
    assert {absent[name] for name in runs} == {-np.inf}
    assert not any(absent[name].any() for name in {*VIEW.names} - ages - runs)


def test_sums_fade_until_the_event_and_shares_stay() -> None:
    store = ReputationStore()
    early = {"early_unexplained": 2.0, "early_genuine": 3.0}
    store.update(reputation(**early, last_matured_fraud=NOON - 2 * DAY))
    later = view_of(store, "shop", at=NOON + 7 * DAY).columns[0]
    assert later["frauds"] == pytest.approx(10.0 * np.exp(-7 / np.array([1, 3, 7, 14, 28])))
    assert later["matured"] == pytest.approx(100.0 * np.exp(-7 / np.array([7, 28])))
    assert later["early_frauds"] == pytest.approx(np.exp(-1))
    assert later["early_unexplained"] == pytest.approx(2 * np.exp(-7 / np.array([7, 28])))
    assert later["early_genuine"] == pytest.approx(3 * np.exp(-1))
    assert later["frauds_shares"][1:] == pytest.approx([0.1] * 4)
    assert later["since_fraud"] == 9 * 86_400.0


def test_an_event_before_the_reputation_sees_it_as_it_is() -> None:
    store = ReputationStore()
    store.update(reputation(last_matured_fraud=NOON))
    late = view_of(store, "shop", at=NOON - DAY).columns[0]
    assert late["frauds"].tolist() == [10.0] * 5
    assert late["since_fraud"] == 0.0


def test_a_faded_memory_makes_no_large_share() -> None:
    store = ReputationStore()
    store.update(reputation(matured=0.01, frauds=0.01))
    assert view_of(store, "shop").columns[0]["frauds_shares"].tolist() == [0.01] * 5


def test_what_else_a_transaction_names_has_its_share() -> None:
    store = ReputationStore()
    store.update(reputation("FR", "country", frauds=50.0))
    store.update(reputation("5411", "merchant-category", frauds=25.0))
    store.update(reputation("pos", "channel", frauds=75.0))
    shares = view_of(store, "shop").columns[0]["category_shares"]
    assert shares.tolist() == [[0.25, 0.25], [0.5, 0.5], [0.0, 0.0], [0.0, 0.0]]


def test_a_transfer_names_a_payment_type_and_a_purpose() -> None:
    store = ReputationStore()
    store.update(reputation("instant", "payment-type", frauds=25.0))
    store.update(reputation("SALA", "purpose", frauds=75.0))
    transfer = TransferTransaction(
        end_to_end_id="e",
        event_time=NOON,
        debtor_account="acc_a",
        creditor_account="acc_b",
        instructed_amount="1.00",
        currency="EUR",
        payment_type="instant",
        purpose_code="SALA",
    )
    shares = store.view(EventBatch.of([transfer], [0])).columns[0]["category_shares"]
    assert shares.tolist() == [[0.25, 0.25], [0.0, 0.0], [0.0, 0.0], [0.75, 0.75]]


def test_the_newest_record_of_a_key_replaces_the_older() -> None:
    store = ReputationStore()
    store.update(reputation(frauds=10.0))
    store.update(reputation(frauds=3.0))
    assert len(store) == 1
    assert view_of(store, "shop").columns[0]["frauds"].tolist() == [3.0] * 5


def test_the_last_of_each_kind_is_told_by_its_age_at_the_event() -> None:
    store = ReputationStore()
    last = {
        "last_matured_fraud": NOON - 2 * DAY,
        "last_matured_genuine": NOON - DAY,
        "last_unexplained_fraud": NOON - 3 * DAY,
        "last_early_unexplained": NOON,
        "last_early_genuine": NOON - 4 * DAY,
    }
    store.update(reputation(**last))
    view = view_of(store, "shop", at=NOON + DAY).columns[0]
    matured, early = (
        ("since_fraud", "since_genuine", "since_unexplained"),
        ("since_early_unexplained", "since_early_genuine"),
    )
    assert [view[name] / 86_400.0 for name in (*matured, *early)] == [3, 2, 4, 1, 5]


@pytest.mark.parametrize(
    ("fraud", "genuine", "run"),
    [
        (NOON, NOON - 2 * DAY, 2 * 86_400.0),
        (NOON - 2 * DAY, NOON, -2 * 86_400.0),
        (NOON, None, np.inf),
        (None, NOON, -np.inf),
        (None, None, -np.inf),
    ],
)
def test_frauds_run_from_the_last_genuine_transaction_to_the_last_fraud(
    fraud: datetime | None, genuine: datetime | None, run: float
) -> None:
    store = ReputationStore()
    store.update(reputation("matured", last_matured_fraud=fraud, last_matured_genuine=genuine))
    store.update(reputation("early", last_early_unexplained=fraud, last_early_genuine=genuine))
    matured, early = view_of(store, "matured", "early").columns
    assert (matured["fraud_run"], matured["early_run"]) == (run, -np.inf)
    assert (early["fraud_run"], early["early_run"]) == (-np.inf, run)


def test_an_early_fraud_of_an_unusual_amount_is_in_no_run() -> None:
    store = ReputationStore()
    store.update(reputation(last_early_fraud=NOON, last_early_genuine=NOON - DAY))
    view = view_of(store, "shop").columns[0]
    assert (view["early_run"], view["since_early_unexplained"]) == (-np.inf, np.inf)


def test_unexplained_frauds_fade_like_early_ones_and_have_their_share_of_all_that_matured() -> None:
    store = ReputationStore()
    store.update(reputation(matured=50.0, unexplained=5.0))
    view = view_of(store, "shop", at=NOON + 7 * DAY).columns[0]
    assert view["unexplained"] == pytest.approx(5.0 * np.exp(-7 / np.array([7, 28])))
    assert view["unexplained_share"] == pytest.approx(0.1)


def test_a_merchant_is_viewed_beside_its_terminal() -> None:
    store = ReputationStore()
    store.update(reputation("shop", "merchant", frauds=20.0, early=3.0, last_matured_fraud=NOON - DAY))
    view = view_of(store, "shop").columns[0]
    assert (view["merchant_frauds"], view["merchant_early_frauds"]) == (20.0, 3.0)
    assert view["merchant_shares"].tolist() == [0.2, 0.2]
    assert view["merchant_since_fraud"] == 86_400.0
    assert not view["frauds"].any(), "the terminal has a reputation of its own"


def test_a_known_fraud_of_who_pays_fades_over_two_weeks_and_counts_for_the_next_event() -> None:
    store = ReputationStore()
    known = {"last_matured_fraud": NOON - 3 * DAY, "last_early_fraud": NOON - 2 * DAY}
    store.update(reputation("card", "subject", matured=0.0, frauds=1.0, early=1.0, **known))
    now = view_of(store, "shop").columns[0]
    assert (now["subject_frauds"], now["subject_early_frauds"]) == (1.0, 1.0)
    assert now["subject_since_fraud"] == 2 * 86_400.0, "whichever of the two is newer"
    later = view_of(store, "shop", at=NOON + 14 * DAY).columns[0]
    assert later["subject_frauds"] == pytest.approx(np.exp(-1))
    assert later["subject_early_frauds"] == pytest.approx(np.exp(-2))


@pytest.mark.parametrize(
    ("kind", "name"), [("counterparty", "b"), ("merchant", "b"), ("subject", "card"), ("country", "FR")]
)
def test_a_reputation_that_could_not_be_read_leaves_whoever_meets_it_incomplete(kind: str, name: str) -> None:
    store = ReputationStore()
    store.update(reputation(name, kind))
    store.doubt(kind, name)
    assert view_of(store, "a", "b").complete.tolist() == [name == "b", False]
    store.update(reputation(name, kind))
    assert view_of(store, "a", "b").complete.all()
    store.doubt(kind, name)
    store.forget(kind, name)
    assert view_of(store, "a", "b").complete.all()


def test_a_subject_without_known_frauds_has_none() -> None:
    store = ReputationStore()
    store.update(reputation("another card", "subject"))
    store.update(reputation("card", "subject", frauds=0.0, early=0.0))
    view = view_of(store, "shop")
    assert view.columns[0]["subject_since_fraud"] == np.inf
    assert view.columns[0]["subject_frauds"] == 0.0


def test_the_store_grows() -> None:
    store = ReputationStore()
    names = [f"shop-{number}" for number in range(3 * FIRST_ROWS)]
    for number, name in enumerate(names):
        store.update(reputation(name, matured=float(number)))
    view = view_of(store, *names)
    assert len(store) == len(names)
    assert view.complete.all()
    assert view.columns["matured"][:, 0].tolist() == list(range(len(names)))
