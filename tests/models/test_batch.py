"""The columns of a micro-batch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.batch import EventBatch, country_code, currency_code, short_hashes, stable_hashes
from schemas.transaction import CardTransaction, TransferTransaction

HASH_OF_CARD_1 = 0xF14B3F32115BA3F8
"""The first 8 bytes, little endian, of the BLAKE2b digest of that length."""
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CARD = CardTransaction(
    transaction_id="t1",
    event_time=NOON,
    card_id="card-1",
    merchant_id="m1",
    terminal_id="terminal-1",
    amount="12.50",
    currency="USD",
    billing_amount="11.00",
    billing_currency="EUR",
    merchant_category_code="5411",
    country="FR",
)
TRANSFER = TransferTransaction(
    end_to_end_id="e1",
    event_time=NOON,
    debtor_account="debtor-1",
    creditor_account="creditor-1",
    instructed_amount="99.99",
    currency="EUR",
    payment_type="instant",
)


def test_both_kinds_give_the_same_columns() -> None:
    batch = EventBatch.of([CARD, TRANSFER], [7, 8])
    assert batch.subjects == ["card-1", "debtor-1"]
    assert batch.counterparties == ["terminal-1", "creditor-1"]
    assert batch.times.tolist() == [NOON.timestamp()] * 2
    assert batch.amounts.tolist() == [11.0, 99.99]
    assert batch.currencies.tolist() == [currency_code("EUR")] * 2
    assert batch.booked.tolist() == [True, False]
    assert batch.countries.tolist() == [country_code("FR"), country_code(None)]
    assert batch.dimensions == [
        {"merchant": "m1", "merchant-category": "5411", "country": "FR"},
        {"payment-type": "instant"},
    ]
    assert batch.offsets.tolist() == [7, 8]


def test_a_part_of_a_batch_is_the_batch_of_that_part() -> None:
    part = EventBatch.of([CARD, TRANSFER, CARD], [7, 8, 9]).take(EventBatch.of([CARD], [1]).offsets)
    alone = EventBatch.of([TRANSFER], [8])
    assert part.subjects == alone.subjects
    assert part.id_hashes.tolist() == alone.id_hashes.tolist()
    assert part.content_hashes.tolist() == alone.content_hashes.tolist()
    assert part.offsets.tolist() == alone.offsets.tolist()


@pytest.mark.parametrize(
    "other",
    [
        {"end_to_end_id": "e2"},
        {"event_time": NOON + timedelta(milliseconds=1)},
        {"creditor_account": "creditor-2"},
        {"instructed_amount": "99.98"},
        {"currency": "USD"},
        {"end_to_end_id": "e1c", "creditor_account": "reditor-1"},
    ],
)
def test_the_content_of_another_payment_has_another_hash(other: dict[str, object]) -> None:
    again, another = TRANSFER.model_copy(), TRANSFER.model_copy(update=other)
    hashes = EventBatch.of([TRANSFER, again, another], [1, 2, 3]).content_hashes
    assert hashes[0] == hashes[1] != hashes[2]


def test_an_amount_sent_again_with_other_zeros_has_the_same_content() -> None:
    written = [TRANSFER.model_copy(update={"instructed_amount": amount}) for amount in ("99.9", "99.90")]
    assert len({*EventBatch.of(written, [1, 2]).content_hashes.tolist()}) == 1


def test_every_transaction_needs_its_offset() -> None:
    with pytest.raises(ValueError, match="2 transactions came with 1 offsets"):
        EventBatch.of([CARD, TRANSFER], [7])


def test_hashes_are_the_same_in_every_process() -> None:
    hashes = stable_hashes(["card-1", "card-2"])
    assert hashes.tolist() == [HASH_OF_CARD_1, stable_hashes(["card-2"])[0]]
    assert short_hashes(hashes)[0] == HASH_OF_CARD_1 & 0xFFFF_FFFF
