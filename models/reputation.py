"""What the bank's labels say about counterparties and categories: decayed counts of transactions and frauds.

A reputation is keyed ``kind:id``, for example ``counterparty:T-17`` or ``country:FR``. Its sums are as of its
own time and fade until the event that looks at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.decay import DAY, NEVER, fold, kept, rates
from schemas.reputation import COUNTERPARTY, EARLY_DAYS, MATURED_DAYS, reputation_key

if TYPE_CHECKING:
    from datetime import datetime

    from models.arrays import Flags, Floats, Integers, Records
    from models.batch import EventBatch
    from schemas.reputation import Reputation

RATES: Final = rates(*(days * DAY for days in (*MATURED_DAYS, *MATURED_DAYS, *EARLY_DAYS)))
MATURED: Final = slice(0, 5)
FRAUDS: Final = slice(5, 10)
EARLY: Final = slice(10, 12)
VIEWED: Final = [2, 4]
"""Places of the time constants whose counts and fraud shares are viewed: 7 and 28 days."""

ROW: Final = np.dtype(
    [("time", "<f8"), ("last_fraud", "<f8"), ("last_early_fraud", "<f8"), ("sums", "<f8", len(RATES))]
)
"""120 bytes; ``time`` is that of the sums, the other times are ``NEVER`` where nothing happened."""

VIEW: Final = np.dtype(
    [
        ("matured", "<f8", 2),
        ("frauds", "<f8", 5),
        ("since_fraud", "<f8"),
        ("early_frauds", "<f8", 2),
        ("since_early_fraud", "<f8"),
        ("shares", "<f8", (4, 2)),
    ]
)
"""What the features may know of a transaction's reputations; ages in seconds, infinite for never."""

CATEGORIES: Final = (("merchant-category", "payment-type"), ("country",), ("channel",))
"""Kinds beside the counterparty, in the order of the view: a card payment names the first category, a
transfer the second."""
NO_REPUTATION: Final = 0
"""The row of whatever has no reputation: no transactions, no frauds."""
FIRST_ROWS: Final = 64


@dataclass(frozen=True, slots=True)
class ReputationView:
    """``columns`` [n] of dtype ``VIEW`` for a batch; ``complete`` [n]: its counterparty is known."""

    columns: Records
    complete: Flags


class ReputationStore:
    """Every known reputation, 120 bytes each (plus the dictionary's key)."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._table = np.zeros(FIRST_ROWS, dtype=ROW)
        self._table[NO_REPUTATION] = (NEVER, NEVER, NEVER, 0.0)

    def __len__(self) -> int:
        return len(self._rows)

    def update(self, reputation: Reputation) -> None:
        """Put this reputation in the place of the one that its key had."""
        row = self._row_of(reputation.key)  # may make room, so first
        self._table[row] = _row(reputation)

    def add(self, reputation: Reputation) -> None:
        """Add this partial reputation, made somewhere else, to what its key has."""
        row = self._row_of(reputation.key)
        self._table[row] = _added(self._table[row : row + 1], _row(reputation))

    def view(self, batch: EventBatch) -> ReputationView:
        """The reputations that the batch's transactions meet, as of each event."""
        found = self._places(batch)
        rows = self._table.take(found)
        ages = batch.times[:, None] - rows["time"]
        sums = rows["sums"] * kept(ages.ravel(), RATES).reshape(*ages.shape, -1)
        columns = np.empty(len(batch), dtype=VIEW)
        _view_counterparty(rows[:, 0], sums[:, 0], batch.times, columns)
        columns["shares"] = _shares(sums)
        return ReputationView(columns, found[:, 0] != NO_REPUTATION)

    def _places(self, batch: EventBatch) -> Integers:
        """Rows [n, 4] of each transaction's counterparty, category, country and channel."""
        rows = self._rows
        return np.array(
            [
                (
                    rows.get(reputation_key(COUNTERPARTY, counterparty), NO_REPUTATION),
                    *(_first_known(rows, kinds, named) for kinds in CATEGORIES),
                )
                for counterparty, named in zip(batch.counterparties, batch.dimensions, strict=True)
            ]
        )

    def _row_of(self, key: str) -> int:
        """The key's row, made if it is new."""
        row = self._rows.get(key)
        if row is None:
            row = len(self._rows) + 1
            if row == len(self._table):
                self._table = np.concatenate([self._table, np.zeros_like(self._table)])
            self._table[row] = self._table[NO_REPUTATION]
            self._rows[key] = row  # last: a view in another thread never meets a row that is not there yet
        return row


def _first_known(rows: dict[str, int], kinds: tuple[str, ...], named: dict[str, str]) -> int:
    """The row of whichever of these kinds the transaction names."""
    for kind in kinds:
        if kind in named:
            return rows.get(reputation_key(kind, named[kind]), NO_REPUTATION)
    return NO_REPUTATION


def _row(reputation: Reputation) -> Records:
    """A reputation as a row [1]."""
    row = np.zeros(1, dtype=ROW)
    row["time"] = reputation.as_of.timestamp()
    row["last_fraud"] = _time_or_never(reputation.last_matured_fraud)
    row["last_early_fraud"] = _time_or_never(reputation.last_early_fraud)
    row["sums"] = (*reputation.matured, *reputation.matured_frauds, *reputation.early_frauds)
    return row


def _time_or_never(time: datetime | None) -> float:
    return NEVER if time is None else time.timestamp()


def _added(row: Records, other: Records) -> Records:
    """The sum of two rows [1] as of the later of their times."""
    total = row.copy()
    total["sums"] = fold(row["sums"], row["time"], other["sums"], other["time"], RATES)
    for name in ("time", "last_fraud", "last_early_fraud"):
        total[name] = np.maximum(row[name], other[name])
    return total


def _view_counterparty(rows: Records, sums: Floats, times: Floats, columns: Records) -> None:
    """All that is known of the counterparty; ``rows`` [n], its ``sums`` [n, k] as of ``times`` [n]."""
    columns["matured"] = sums[:, MATURED][:, VIEWED]
    columns["frauds"] = sums[:, FRAUDS]
    columns["since_fraud"] = np.maximum(times - rows["last_fraud"], 0.0)
    columns["early_frauds"] = sums[:, EARLY]
    columns["since_early_fraud"] = np.maximum(times - rows["last_early_fraud"], 0.0)


def _shares(sums: Floats) -> Floats:
    """Fraud shares [..., 2]; less than one transaction counts as one: a faded memory makes no large share."""
    return sums[..., FRAUDS][..., VIEWED] / np.maximum(sums[..., MATURED][..., VIEWED], 1.0)
