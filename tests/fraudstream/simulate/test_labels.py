"""Labels come late, by several routes, and some frauds are never reported."""

from __future__ import annotations

from collections import Counter
from random import Random
from statistics import median

import pytest

from fraudstream.simulate.labels import CONFIRMED_SHARE, ROUTES, draw_label
from fraudstream.simulate.world import SimulatedTransaction
from schemas.label import Label, LabelOrigin, Outcome, decode_label

FRAUD = SimulatedTransaction(1_790_000_000.0, "payment_a", "card_a", fraud=True, message={})
GENUINE = FRAUD._replace(fraud=False)
DAY = 86_400


def draw_many(transaction: SimulatedTransaction, count: int) -> list[Label | None]:
    draws = Random(1)
    return [draw_label(transaction, draws) for _ in range(count)]


def test_a_label_is_a_valid_message_about_its_transaction() -> None:
    label = next(label for label in draw_many(FRAUD, 50) if label)
    assert decode_label(label.to_json()) == label
    assert (label.transaction_id, label.subject) == ("payment_a", "card_a")


def test_a_label_says_the_truth() -> None:
    assert {label.outcome for label in draw_many(FRAUD, 500) if label} == {Outcome.FRAUD}
    assert {label.outcome for label in draw_many(GENUINE, 5_000) if label} == {Outcome.GENUINE}


def test_every_label_is_later_than_its_transaction() -> None:
    assert all(label.label_time.timestamp() > FRAUD.event_time for label in draw_many(FRAUD, 500) if label)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.origin)
def test_frauds_become_known_by_each_route_in_its_share_and_after_its_delay(route: object) -> None:
    labels = draw_many(FRAUD, 8_000)
    known = next(known for known in ROUTES if known == route)
    delays = [
        label.label_time.timestamp() - FRAUD.event_time
        for label in labels
        if label and label.origin is known.origin
    ]
    assert len(delays) / len(labels) == pytest.approx(known.share, abs=0.02)
    assert median(delays) == pytest.approx(known.median, rel=0.15)


def test_chargebacks_take_weeks_and_analysts_hours() -> None:
    medians = {route.origin: route.median for route in ROUTES}
    assert medians[LabelOrigin.ANALYST] < DAY < medians[LabelOrigin.CUSTOMER] < 7 * DAY
    assert medians[LabelOrigin.CHARGEBACK] > 14 * DAY


def test_one_fraud_in_ten_is_never_reported() -> None:
    labels = draw_many(FRAUD, 8_000)
    assert labels.count(None) / len(labels) == pytest.approx(0.1, abs=0.015)


def test_few_genuine_transactions_are_confirmed() -> None:
    labels = draw_many(GENUINE, 20_000)
    confirmed = Counter(label.origin for label in labels if label)
    assert set(confirmed) == {LabelOrigin.ANALYST}
    assert confirmed.total() / len(labels) == pytest.approx(CONFIRMED_SHARE, rel=0.5)


def test_the_same_draws_give_the_same_labels() -> None:
    assert draw_many(FRAUD, 100) == draw_many(FRAUD, 100)
