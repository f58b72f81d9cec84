"""Records of erasures for the tests of agents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from models.signing import on_examples, sign
from schemas.erasure import HEADER, Entry, Erasure
from tests.agents.conftest import FakeRecord

KEY = b"a key for tests alone"
PARTITION = 2
"""Where a `FakeRecord` says that it is."""
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ErasureRecord(FakeRecord):
    """A record with the header of an erasure."""

    signature: bytes = b""

    def headers(self) -> list[tuple[str, bytes | None]]:
        return [(HEADER, self.signature)]


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
) -> ErasureRecord:
    """The record of an erasure on any topic but `examples`."""
    value = erasure(subject, entry).to_json()
    record_key = subject if record_key is None else record_key
    return ErasureRecord(record_key.encode(), value, offset, signature=sign(value, key))


def erasing_examples(subject: str = "card_a", offset: int = 0, *, key: bytes = KEY) -> ErasureRecord:
    """The record of an erasure on `examples`."""
    value = on_examples(erasure(subject)).to_json()
    return ErasureRecord(None, value, offset, signature=sign(value, key))
