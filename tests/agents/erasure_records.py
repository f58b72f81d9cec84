"""Records of erasures for the tests of agents."""

from __future__ import annotations

from datetime import UTC, datetime

from agents.runtime.testing import FakeRecord
from models.signing import on_examples, sign
from schemas.erasure import HEADER, Entry, Erasure

KEY = b"a key for tests alone"
PARTITION = 0
"""Where these records stand."""
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def erasure(
    subject: str = "card_a",
    entry: Entry = Entry.TRANSACTIONS,
    *,
    number: int = 0,
    partition: int = PARTITION,
) -> Erasure:
    return Erasure(
        erasure_id=f"{number:032x}", subject=subject, issued_at=NOW, entry=entry, partition=partition
    )


def erasing(
    subject: str = "card_a",
    offset: int = 0,
    *,
    record_key: str | None = None,
    key: bytes = KEY,
    entry: Entry = Entry.TRANSACTIONS,
) -> FakeRecord:
    """The record of an erasure on any topic but `examples`."""
    value = erasure(subject, entry).to_json()
    record_key = subject if record_key is None else record_key
    return _signed(record_key.encode(), value, offset, key)


def erasing_examples(subject: str = "card_a", offset: int = 0, *, key: bytes = KEY) -> FakeRecord:
    """The record of an erasure on `examples`."""
    value = on_examples(erasure(subject)).to_json()
    return _signed(None, value, offset, key)


def _signed(record_key: bytes | None, value: bytes, offset: int, key: bytes) -> FakeRecord:
    headers = [(HEADER, sign(value, key))]
    return FakeRecord(record_key, value, offset, partition=PARTITION, headers=headers)
