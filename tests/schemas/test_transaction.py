"""Both kinds of transaction give the core the same view."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.transaction import CardTransaction, TransferTransaction, decode_transaction

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"


def golden(name: str, **changes: Any) -> CardTransaction | TransferTransaction:
    document = json.loads((GOLDEN / f"transaction.{name}.json").read_bytes())
    return decode_transaction(json.dumps(document | changes).encode())


def test_a_card_transaction_is_seen_as_card_terminal_and_billed_amount() -> None:
    card = golden("card")
    assert (card.kind, card.transaction_id) == ("card", "8f14e45f-ceea-467f-a9d2-0c5f3b1a2d3c")
    assert (card.subject, card.counterparty) == ("3b1f9a7c5e2d4860b7a1c3d5e7f90123", "T-00042")
    assert card.money == (12.5, "EUR", True)
    assert card.event_timestamp == datetime(2026, 11, 24, 9, 15, 30, 250_000, UTC).timestamp()
    assert card.dimensions == {
        "merchant": "M-0004711",
        "merchant-category": "5411",
        "country": "JP",
        "channel": "pos",
    }


def test_without_terminal_or_billing_a_card_transaction_is_seen_by_merchant_and_amount() -> None:
    card = golden("card", terminal_id=None, billing_amount=None)
    assert card.counterparty == "M-0004711"
    assert card.money == (1990.0, "JPY", False)


def test_a_transfer_is_seen_as_debtor_creditor_and_instructed_amount() -> None:
    transfer = golden("transfer")
    assert (transfer.kind, transfer.transaction_id) == ("transfer", "E2E-2026-000017")
    assert (transfer.subject, transfer.counterparty) == ("acc_5b0d9c1e77", "acc_c0ffee0042")
    assert transfer.money == (1.234, "KWD", False)
    assert transfer.country == "KW"
    assert transfer.dimensions == {
        "country": "KW",
        "channel": "mobile",
        "payment-type": "instant",
        "purpose": "SALA",
    }


def test_what_a_transaction_does_not_name_is_no_dimension() -> None:
    assert golden("card-as-sent").dimensions == {"merchant": "M"}
    assert golden("transfer-as-sent").dimensions == {}


def test_a_transaction_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        golden("card").amount = "1"  # type: ignore[misc, union-attr]


def test_an_error_in_code_that_builds_a_transaction_does_not_show_the_value() -> None:
    number = "4111111111111111"
    with pytest.raises(ValidationError, match="card number") as refused:
        CardTransaction(
            transaction_id="1",
            event_time=datetime(2026, 11, 24, tzinfo=UTC),
            card_id=number,
            merchant_id="M",
            amount="1",
            currency="EUR",
        )
    assert number not in f"{refused.value} {refused.value!r}"
