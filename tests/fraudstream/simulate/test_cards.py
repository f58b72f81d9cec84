"""The Handbook's payments are valid card transactions that do not tell their label."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

import orjson
import pytest

from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook, draw_payments
from schemas.transaction import CardTransaction, decode_transaction

if TYPE_CHECKING:
    from fraudstream.simulate.world import SimulatedTransaction

HANDBOOK = Handbook.of_size(120, days=30, start=date(2026, 3, 2), seed=5)


@pytest.fixture(scope="module")
def payments() -> list[SimulatedTransaction]:
    return list(CardWorld(HANDBOOK))


def test_every_message_is_a_valid_card_transaction(payments: list[SimulatedTransaction]) -> None:
    for payment in payments:
        message = decode_transaction(payment.encode())
        assert isinstance(message, CardTransaction)
        assert message.transaction_id == payment.transaction_id
        assert message.subject == payment.subject
        assert message.event_timestamp == payment.event_time


def test_messages_carry_the_handbooks_amounts_times_and_truth(payments: list[SimulatedTransaction]) -> None:
    drawn = draw_payments(HANDBOOK)
    assert [float(str(payment.message["amount"])) for payment in payments] == pytest.approx(drawn.amount)
    assert [payment.event_time - HANDBOOK.start_timestamp for payment in payments] == drawn.second.tolist()
    assert [payment.fraud for payment in payments] == drawn.fraud.tolist()


def test_every_transaction_has_its_own_id(payments: list[SimulatedTransaction]) -> None:
    assert len({payment.transaction_id for payment in payments}) == len(payments)


def test_a_terminal_always_names_the_same_merchant_category_and_country(
    payments: list[SimulatedTransaction],
) -> None:
    """What is drawn for the terminal once cannot depend on the label of one payment."""
    facts = defaultdict(set)
    for payment in payments:
        message = payment.message
        fact = (
            message["merchant_id"],
            message["merchant_category_code"],
            message["country"],
            message["channel"],
        )
        facts[message["terminal_id"]].add(fact)
    assert {len(seen) for seen in facts.values()} == {1}


def test_the_entry_mode_follows_from_channel_and_amount_alone(payments: list[SimulatedTransaction]) -> None:
    modes = defaultdict(set)
    for payment in payments:
        high = float(str(payment.message["amount"])) > 50
        modes[payment.message["channel"], high].add(payment.message["point_of_service_entry_mode"])
    assert modes == {
        ("pos", False): {"071"},
        ("pos", True): {"051"},
        ("online", False): {"812"},
        ("online", True): {"812"},
    }


def test_fraud_and_genuine_messages_have_the_same_fields_in_the_same_order(
    payments: list[SimulatedTransaction],
) -> None:
    frauds = {tuple(orjson.loads(payment.encode())) for payment in payments if payment.fraud}
    genuine = {tuple(orjson.loads(payment.encode())) for payment in payments if not payment.fraud}
    assert frauds == genuine
    assert len(frauds) == 1


def test_iterating_twice_gives_the_same_world(payments: list[SimulatedTransaction]) -> None:
    assert list(CardWorld(HANDBOOK)) == payments
