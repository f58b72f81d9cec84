"""An alert's id stands for one judgement: the same again has the same id, any other has another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pytest

from agents.runtime.testing import FakeRecord
from agents.scoring import alert_value
from models.scoring.pipeline import Scored
from schemas.score import Decision
from schemas.transaction import CardTransaction

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def received(offset: int = 41) -> FakeRecord:
    """A record of `transactions`, as far as an alert tells of it."""
    return FakeRecord(offset=offset, topic="transactions", partition=2)


SCORED = Scored(
    transaction=CardTransaction(
        transaction_id="t-1",
        event_time=NOW,
        card_id="card-1",
        merchant_id="merchant-1",
        amount="999.00",
        currency="EUR",
    ),
    dimensions={},
    features=np.array([1.0, 2.0], dtype=np.float32),
    complete=True,
    score=0.7,
    decision=Decision.REVIEW,
    threshold=0.5,
    scored_by="boost@7",
    policy_version="fixed-0.5-0.9",
    reasons=(),
)


def id_of(scored: Scored, record: FakeRecord | None = None, scored_at: datetime = NOW) -> str:
    return orjson.loads(alert_value(scored, record or received(), scored_at))["alert_id"]


def test_the_same_judgement_at_another_time_is_the_same_alert() -> None:
    assert id_of(SCORED) == id_of(SCORED, scored_at=NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    "other",
    [
        {"scored_by": "boost@8"},
        {"features": np.array([1.0, 3.0], dtype=np.float32)},
        {"threshold": 0.6},
        {"complete": False},
        {"policy_version": "fixed-0.6-0.9"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_judgement_of_the_same_transaction_is_another_alert(other: dict[str, object]) -> None:
    assert id_of(SCORED._replace(**other)) != id_of(SCORED)


def test_the_same_transaction_at_another_place_is_another_alert() -> None:
    assert id_of(SCORED, received(42)) != id_of(SCORED)
