"""One micro-batch of transactions as columns."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.arrays import Codes, Floats, Hashes, Integers, ShortHashes
    from schemas.transaction import Transaction

NO_COUNTRY: Final = 0
"""The country code of a transaction that names none."""


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
    """Billing amounts, major units."""
    countries: Codes
    """The two letters of the country as one number, ``NO_COUNTRY`` when there is none."""
    transaction_hashes: Hashes
    counterparty_hashes: ShortHashes
    dimensions: list[dict[str, str]]
    """What else each transaction names, by kind: merchant category, country, channel, payment type."""
    offsets: Integers
    """Positions in the source partition."""

    def __len__(self) -> int:
        return len(self.subjects)

    @classmethod
    def of(
        cls, transactions: Sequence[Transaction], offsets: Sequence[int], times: Sequence[float] | None = None
    ) -> EventBatch:
        """Columns of these transactions; ``offsets`` are theirs, and so are ``times`` where they are known.

        Raises:
            ValueError: there are not as many offsets as transactions.
        """
        if len(transactions) != len(offsets):
            raise ValueError(f"{len(transactions)} transactions came with {len(offsets)} offsets")
        if times is None:
            times = [transaction.event_timestamp for transaction in transactions]
        counterparties = [transaction.counterparty for transaction in transactions]
        dimensions = [transaction.dimensions for transaction in transactions]
        return cls(
            subjects=[transaction.subject for transaction in transactions],
            counterparties=counterparties,
            times=np.array(times, dtype=np.float64),
            amounts=np.array([transaction.amount_value for transaction in transactions], dtype=np.float64),
            countries=np.array([country_code(named.get("country")) for named in dimensions], dtype=np.uint16),
            transaction_hashes=stable_hashes([transaction.transaction_id for transaction in transactions]),
            counterparty_hashes=short_hashes(stable_hashes(counterparties)),
            dimensions=dimensions,
            offsets=np.array(offsets, dtype=np.int64),
        )

    def take(self, positions: Integers) -> EventBatch:
        """The batch of only these positions, in their order."""
        chosen = positions.tolist()
        return EventBatch(
            subjects=[self.subjects[position] for position in chosen],
            counterparties=[self.counterparties[position] for position in chosen],
            times=self.times[positions],
            amounts=self.amounts[positions],
            countries=self.countries[positions],
            transaction_hashes=self.transaction_hashes[positions],
            counterparty_hashes=self.counterparty_hashes[positions],
            dimensions=[self.dimensions[position] for position in chosen],
            offsets=self.offsets[positions],
        )


def stable_hashes(texts: Sequence[str]) -> Hashes:
    """64-bit hashes [n], the same in every process (Python's own ``hash`` is salted), never 0."""
    digests = b"".join([blake2b(text.encode(), digest_size=8).digest() for text in texts])
    hashes: Hashes = np.maximum(np.frombuffer(digests, dtype="<u8"), np.uint64(1))
    return hashes


def short_hashes(hashes: Hashes) -> ShortHashes:
    """The low 32 bits, never 0: enough to tell a subject's few dozen counterparties apart."""
    return np.maximum(hashes.astype(np.uint32), np.uint32(1))


def country_code(country: str | None) -> int:
    """An ISO 3166-1 alpha-2 code as a 16-bit number."""
    return int.from_bytes(country.encode()[:2], "big") if country else NO_COUNTRY
