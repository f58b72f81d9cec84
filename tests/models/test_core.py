"""The core as a whole: transactions in, aligned results out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.core import CANARY_SCORE, Scored, ScoringCore, Skipped
from models.policy import FixedThreshold
from models.prior import PriorModel
from models.reputation import ReputationStore
from schemas.score import Decision
from schemas.transaction import CardTransaction

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def card(
    number: int, *, seconds: float = 0.0, amount: str = "20.00", merchant: str = "m1"
) -> CardTransaction:
    return CardTransaction(
        transaction_id=f"t{number}",
        event_time=START + timedelta(seconds=seconds),
        card_id="c1",
        merchant_id=merchant,
        amount=amount,
        currency="EUR",
    )


@pytest.fixture
def core() -> ScoringCore:
    return ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThreshold(0.5, 0.9))


def test_the_canary_has_its_known_score(core: ScoringCore) -> None:
    assert core.canary() == pytest.approx(CANARY_SCORE, abs=1e-9)


def test_a_result_stands_for_each_transaction_in_order(core: ScoringCore) -> None:
    state = core.new_state()
    first = core.process([card(1), card(1), card(2, seconds=60)], [0, 1, 2], state)
    assert [
        result if isinstance(result, Skipped) else result.transaction.transaction_id for result in first
    ] == [
        "t1",
        Skipped.REPEAT,
        "t2",
    ]
    assert core.process([card(2, seconds=60)], [2], state) == [Skipped.REPLAY]


def test_an_alert_has_reasons_and_an_approval_has_none(core: ScoringCore) -> None:
    state = core.new_state()
    usual = core.process([card(day, seconds=86_400 * day) for day in range(20)], range(20), state)
    [unusual] = core.process([card(99, seconds=86_400 * 20, amount="900.00", merchant="m2")], [20], state)
    assert all(isinstance(result, Scored) and result.decision is Decision.APPROVE for result in usual)
    assert all(isinstance(result, Scored) and not result.reasons for result in usual)
    assert isinstance(unusual, Scored)
    assert unusual.decision is Decision.DECLINE
    assert unusual.reasons[0].code == "AMOUNT_ABOVE_NORMAL"
    assert unusual.reasons[0].value == 900.0
    assert unusual.reasons[0].normal_for_subject == pytest.approx(20.0)
