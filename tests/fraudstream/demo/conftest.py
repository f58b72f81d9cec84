"""Figures and alerts to show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from schemas.alert import Alert, Reason, alert_id
from schemas.score import Decision, Source
from schemas.transaction import CardTransaction

if TYPE_CHECKING:
    from collections.abc import Callable


def an_alert(transaction_id: str, decision: Decision = Decision.REVIEW) -> Alert:
    """An alert on a card payment of 250 EUR where 20 EUR are normal."""
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    return Alert(
        alert_id=alert_id(transaction_id, "fixed", b""),
        decision=decision,
        score=0.75,
        threshold=0.5,
        reasons=(
            Reason(
                code="AMOUNT_ABOVE_NORMAL",
                text="The amount is far from normal.",
                contribution=3.0,
                value=250.0,
                normal_for_subject=20.0,
            ),
            Reason(code="NIGHT", text="It came at an unusual time (UTC).", contribution=0.2, value=12.0),
        ),
        transaction=CardTransaction(
            transaction_id=transaction_id,
            event_time=noon,
            card_id="card_abc",
            merchant_id="merchant_x",
            amount="250.00",
            currency="EUR",
        ),
        scored_by="prior",
        policy_version="fixed",
        features_complete=False,
        source=Source("transactions", 0, 0),
        scored_at=noon,
    )


@pytest.fixture
def make_alert() -> Callable[..., Alert]:
    return an_alert
