"""One micro-batch of transactions as columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from models.arrays import Codes, Flags, Floats, Hashes, Integers, ShortHashes
    from schemas.transaction import Transaction

NO_COUNTRY: Final = 0
"""The country code of a transaction that names none."""
NO_CURRENCY: Final = 0
"""The currency code of an amount that names none."""
_NUMBERS: Final = Struct("<dd")


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The columns of ``n`` transactions of one partition, in the order in which they came.

    Hashes are never 0, so that 0 can mean an empty place wherever they are remembered.
    """

    subjects: list[str]
    counterparties: list[str]
    times: Floats
    """Event times, seconds since 1970 (UTC)."""
    amounts: Floats
    """Major units of ``currencies``."""
    currencies: Hashes
    """The three letters of each amount's currency as one number, ``NO_CURRENCY`` when there is none."""
    booked: Flags
    """Whether the amount is in the currency of the subject's account, by the sender's word."""
    countries: Codes
    """The two letters of the country as one number, ``NO_COUNTRY`` when there is none."""
    id_hashes: ShortHashes
    """Of the transactions' ids, to notice one that is used again."""
    content_hashes: Hashes
    """Of id, event time, amount with currency, and counterparty: the same of what was sent again."""
    counterparty_hashes: ShortHashes
    dimensions: list[dict[str, str]]
    """What else each transaction names, by kind: merchant category, country, channel, payment type."""
    offsets: Integers
    """Positions in the source partition."""
    logs: Integers
    """Identity of the log that each offset counts in."""

    def __len__(self) -> int:
        return len(self.subjects)

    @classmethod
    def of(
        cls,
        transactions: Sequence[Transaction],
        offsets: Sequence[int],
        times: Sequence[float] | None = None,
        logs: Sequence[int] | None = None,
    ) -> EventBatch:
        """Columns of these transactions [n].

        Args:
            transactions: [n].
            offsets: of each [n].
            times: event times [n], where they are known already.
            logs: identity of the log of each offset [n]; without it that of none, 0.

        Raises:
            ValueError: there are not as many offsets as transactions.
        """
        if len(transactions) != len(offsets):
            raise ValueError(f"{len(transactions)} transactions came with {len(offsets)} offsets")
        if times is None:
            times = [transaction.event_timestamp for transaction in transactions]
        counterparties = [transaction.counterparty for transaction in transactions]
        ids = [transaction.transaction_id for transaction in transactions]
        money = [transaction.money for transaction in transactions]
        contents = [
            f"{name}\0{counterparty}\0{currency}".encode() + _NUMBERS.pack(time, amount)
            for name, counterparty, time, (amount, currency, _) in zip(
                ids, counterparties, times, money, strict=True
            )
        ]
        dimensions = [transaction.dimensions for transaction in transactions]
        return cls(
            subjects=[transaction.subject for transaction in transactions],
            counterparties=counterparties,
            times=np.array(times, dtype=np.float64),
            amounts=np.array([amount for amount, _, _ in money], dtype=np.float64),
            currencies=np.array([currency_code(currency) for _, currency, _ in money], dtype=np.uint64),
            booked=np.array([is_booked for _, _, is_booked in money], dtype=np.bool_),
            countries=np.array([country_code(named.get("country")) for named in dimensions], dtype=np.uint16),
            id_hashes=id_hashes(ids),
            content_hashes=_hashes(contents),
            counterparty_hashes=short_hashes(stable_hashes(counterparties)),
            dimensions=dimensions,
            offsets=np.array(offsets, dtype=np.int64),
            logs=np.zeros(len(offsets), dtype=np.int64) if logs is None else np.array(logs, dtype=np.int64),
        )

    def take(self, positions: Integers) -> EventBatch:
        """The batch of only these positions, in their order."""
        chosen = positions.tolist()
        return EventBatch(
            subjects=[self.subjects[position] for position in chosen],
            counterparties=[self.counterparties[position] for position in chosen],
            times=self.times[positions],
            amounts=self.amounts[positions],
            currencies=self.currencies[positions],
            booked=self.booked[positions],
            countries=self.countries[positions],
            id_hashes=self.id_hashes[positions],
            content_hashes=self.content_hashes[positions],
            counterparty_hashes=self.counterparty_hashes[positions],
            dimensions=[self.dimensions[position] for position in chosen],
            offsets=self.offsets[positions],
            logs=self.logs[positions],
        )


def stable_hashes(texts: Iterable[str]) -> Hashes:
    """64-bit hashes [n], the same in every process (Python's own ``hash`` is salted), never 0."""
    return _hashes([text.encode() for text in texts])


def _hashes(values: Iterable[bytes]) -> Hashes:
    digests = b"".join([blake2b(value, digest_size=8).digest() for value in values])
    hashes: Hashes = np.maximum(np.frombuffer(digests, dtype="<u8"), np.uint64(1))
    return hashes


def id_hashes(ids: Iterable[str]) -> ShortHashes:
    """32-bit checksums [n] of transaction ids, never 0: what hangs on them is a count alone."""
    return np.array([crc32(each.encode()) or 1 for each in ids], dtype=np.uint32)


def short_hashes(hashes: Hashes) -> ShortHashes:
    """The low 32 bits, never 0: enough to tell a subject's few dozen counterparties apart."""
    return np.maximum(hashes.astype(np.uint32), np.uint32(1))


@cache
def currency_code(currency: str) -> int:
    """An alphabetic code of ISO 4217 as a number; ``NO_CURRENCY`` for an empty one."""
    return int.from_bytes(currency.encode(), "big")


def country_code(country: str | None) -> int:
    """An ISO 3166-1 alpha-2 code as a 16-bit number."""
    return int.from_bytes(country.encode()[:2], "big") if country else NO_COUNTRY
