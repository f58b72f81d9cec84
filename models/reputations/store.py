"""What the bank's labels say about counterparties and categories, as the features see it.

A reputation is keyed ``kind:id``, for example ``counterparty:T-17`` or ``country:FR``. Its sums are as of its
own time and fade until the event that looks at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.decay import DAY, NEVER, kept, rates
from schemas.reputation import COUNTERPARTY, EARLY_DAYS, MATURED_DAYS, SUBJECT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from models.arrays import Flags, Floats, Integers, Records
    from models.batch import EventBatch
    from schemas.reputation import Reputation

RATES: Final = rates(*(days * DAY for days in (*MATURED_DAYS * 2, *EARLY_DAYS * 4)))
MATURED: Final = slice(0, 5)
FRAUDS: Final = slice(5, 10)
EARLY: Final = slice(10, 12)
UNEXPLAINED: Final = slice(12, 14)
EARLY_UNEXPLAINED: Final = slice(14, 16)
EARLY_GENUINE: Final = slice(16, 18)
VIEWED: Final = [2, 4]
"""Places of the time constants whose counts and fraud shares are viewed: 7 and 28 days."""
FORTNIGHT: Final = 3
"""Place of the time constant of 14 days."""

ROW: Final = np.dtype(
    [
        ("time", "<f8"),
        ("last_fraud", "<f8"),
        ("last_genuine", "<f8"),
        ("last_unexplained", "<f8"),
        ("last_early", "<f8"),
        ("last_early_unexplained", "<f8"),
        ("last_early_genuine", "<f8"),
        ("sums", "<f8", len(RATES)),
    ]
)
"""200 bytes; ``time`` is that of the sums, the other times are ``NEVER`` where nothing happened."""

VIEW: Final = np.dtype(
    [
        ("matured", "<f8", 2),
        ("frauds", "<f8", 5),
        ("frauds_shares", "<f8", 5),
        ("since_fraud", "<f8"),
        ("since_genuine", "<f8"),
        ("fraud_run", "<f8"),
        ("unexplained", "<f8", 2),
        ("unexplained_share", "<f8"),
        ("since_unexplained", "<f8"),
        ("early_frauds", "<f8"),
        ("early_unexplained", "<f8", 2),
        ("since_early_unexplained", "<f8"),
        ("early_genuine", "<f8"),
        ("since_early_genuine", "<f8"),
        ("early_run", "<f8"),
        ("merchant_frauds", "<f8"),
        ("merchant_shares", "<f8", 2),
        ("merchant_since_fraud", "<f8"),
        ("merchant_early_frauds", "<f8"),
        ("category_shares", "<f8", (4, 2)),
        ("subject_frauds", "<f8"),
        ("subject_early_frauds", "<f8"),
        ("subject_since_fraud", "<f8"),
    ]
)
"""What the features may know of a transaction's reputations; ages in seconds, infinite for never."""

KINDS: Final = (
    ("merchant",),
    ("merchant-category", "payment-type"),
    ("country",),
    ("channel",),
    ("purpose",),
)
"""Kinds between counterparty and subject, in the order of the places; of categories, a card payment names the
first, a transfer the second."""
_MERCHANT, _CATEGORIES, _SUBJECT = 1, slice(2, 6), 6
NO_REPUTATION: Final = 0
"""The row of whatever has no reputation: no transactions, no frauds."""
FIRST_ROWS: Final = 64
_TIMES: Final = 7


@dataclass(frozen=True, slots=True)
class ReputationView:
    """``columns`` [n] of dtype ``VIEW`` for a batch; ``complete`` [n]: no reputation in it is in doubt."""

    columns: Records
    complete: Flags


class ReputationStore:
    """Every known reputation, 200 bytes each (plus the dictionary's key)."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str | None, int]] = {}
        self._count = 0
        self._free: list[int] = []
        self._doubted: set[tuple[str, str]] = set()
        self._table = np.zeros(FIRST_ROWS, dtype=ROW)
        self._table[NO_REPUTATION] = (*(NEVER,) * _TIMES, 0.0)

    def __len__(self) -> int:
        return self._count

    def update(self, reputation: Reputation) -> None:
        """Put this reputation in the place of the one that its key had."""
        self._doubted.discard((reputation.kind, reputation.id))
        row = self._row_of(reputation.kind, reputation.id)  # may make room, so first
        self._table[row] = _columns(reputation)

    def forget(self, kind: str, name: str) -> None:
        """Drop a reputation, if there is one: nothing is known of its key again."""
        self._doubted.discard((kind, name))
        if row := self._rows.get(kind, {}).get(name):
            self._table[row] = self._table[NO_REPUTATION]
            del self._rows[kind][name]
            self._free.append(row)
            self._count -= 1

    def doubt(self, kind: str, name: str) -> None:
        """Note that the newest reputation of this key could not be read; the one before it stays."""
        self._doubted.add((kind, name))

    def view(self, batch: EventBatch) -> ReputationView:
        """The reputations that the batch's transactions meet, as of each event."""
        found = self._places(batch)
        rows = self._table.take(found)
        ages = batch.times[:, None] - rows["time"]
        sums = rows["sums"] * kept(ages.ravel(), RATES).reshape(*ages.shape, -1)
        columns = np.empty(len(batch), dtype=VIEW)
        _view_counterparty(rows[:, 0], sums[:, 0], batch.times, columns)
        _view_merchant(rows[:, _MERCHANT], sums[:, _MERCHANT], batch.times, columns)
        _view_subject(rows[:, _SUBJECT], sums[:, _SUBJECT], batch.times, columns)
        columns["category_shares"] = _shares(sums[:, _CATEGORIES])[..., VIEWED]
        return ReputationView(columns, self._complete(batch))

    def _complete(self, batch: EventBatch) -> Flags:
        """Whether no reputation that an event meets is in doubt, [n]; what has none is known to have none."""
        complete = np.ones(len(batch), dtype=np.bool_)
        if self._doubted:
            names = zip(batch.counterparties, batch.subjects, batch.dimensions, strict=True)
            for place, (counterparty, subject, named) in enumerate(names):
                met = {(COUNTERPARTY, counterparty), (SUBJECT, subject), *named.items()}
                complete[place] = self._doubted.isdisjoint(met)
        return complete

    def _places(self, batch: EventBatch) -> Integers:
        """Rows [n, 7] of each transaction's counterparty, of what else it names, and of its subject."""
        places = np.full((len(batch), 2 + len(KINDS)), NO_REPUTATION)
        self._find(COUNTERPARTY, batch.counterparties, places[:, 0])
        for column, kinds in enumerate(KINDS, start=1):
            for kind in kinds:
                self._find(kind, (named.get(kind) for named in batch.dimensions), places[:, column])
        self._find(SUBJECT, batch.subjects, places[:, _SUBJECT])
        return places

    def _find(self, kind: str, names: Iterable[str | None], places: Integers) -> None:
        """Set the ``places`` [n] of those that have a reputation of this kind."""
        if rows := self._rows.get(kind):
            found = np.array([rows.get(name, NO_REPUTATION) for name in names])
            np.maximum(places, found, out=places)

    def _row_of(self, kind: str, name: str) -> int:
        """Its row, made if it is new."""
        rows = self._rows.setdefault(kind, {})
        row = rows.get(name)
        if row is None:
            row = self._free.pop() if self._free else len(self) + 1
            if row == len(self._table):
                self._table = np.concatenate([self._table, np.zeros_like(self._table)])
            self._table[row] = self._table[NO_REPUTATION]
            rows[name] = row  # last: a view in another thread never meets a row that is not there yet
            self._count += 1
        return row


def _columns(reputation: Reputation) -> tuple[object, ...]:
    """A reputation as the columns of ``ROW``."""
    sums = (
        *reputation.matured,
        *reputation.matured_frauds,
        *reputation.early_frauds,
        *reputation.unexplained_frauds,
        *reputation.early_unexplained,
        *reputation.early_genuine,
    )
    return (
        reputation.as_of.timestamp(),
        _time_or_never(reputation.last_matured_fraud),
        _time_or_never(reputation.last_matured_genuine),
        _time_or_never(reputation.last_unexplained_fraud),
        _time_or_never(reputation.last_early_fraud),
        _time_or_never(reputation.last_early_unexplained),
        _time_or_never(reputation.last_early_genuine),
        sums,
    )


def _time_or_never(time: datetime | None) -> float:
    return NEVER if time is None else time.timestamp()


def _view_counterparty(rows: Records, sums: Floats, times: Floats, columns: Records) -> None:
    """All that is known of the counterparty; ``rows`` [n], its ``sums`` [n, k] as of ``times`` [n]."""
    shares = _shares(sums)
    columns["matured"] = sums[:, MATURED][:, VIEWED]
    columns["frauds"] = sums[:, FRAUDS]
    columns["frauds_shares"] = shares
    columns["since_fraud"] = _since(rows["last_fraud"], times)
    columns["since_genuine"] = _since(rows["last_genuine"], times)
    columns["fraud_run"] = _run(rows["last_genuine"], rows["last_fraud"])
    columns["unexplained"] = sums[:, UNEXPLAINED]
    columns["unexplained_share"] = sums[:, UNEXPLAINED][:, 1] / _at_least_one(sums[:, MATURED][:, VIEWED[1]])
    columns["since_unexplained"] = _since(rows["last_unexplained"], times)
    columns["early_frauds"] = sums[:, EARLY][:, 0]
    columns["early_unexplained"] = sums[:, EARLY_UNEXPLAINED]
    columns["since_early_unexplained"] = _since(rows["last_early_unexplained"], times)
    columns["early_genuine"] = sums[:, EARLY_GENUINE][:, 0]
    columns["since_early_genuine"] = _since(rows["last_early_genuine"], times)
    columns["early_run"] = _run(rows["last_early_genuine"], rows["last_early_unexplained"])


def _view_merchant(rows: Records, sums: Floats, times: Floats, columns: Records) -> None:
    """What is known of the merchant beside its terminal."""
    columns["merchant_frauds"] = sums[:, FRAUDS][:, VIEWED[1]]
    columns["merchant_shares"] = _shares(sums)[:, VIEWED]
    columns["merchant_since_fraud"] = _since(rows["last_fraud"], times)
    columns["merchant_early_frauds"] = sums[:, EARLY][:, 0]


def _view_subject(rows: Records, sums: Floats, times: Floats, columns: Records) -> None:
    """The known frauds of who pays."""
    columns["subject_frauds"] = sums[:, FRAUDS][:, FORTNIGHT]
    columns["subject_early_frauds"] = sums[:, EARLY][:, 0]
    columns["subject_since_fraud"] = _since(np.maximum(rows["last_fraud"], rows["last_early"]), times)


def _since(last: Floats, times: Floats) -> Floats:
    return np.maximum(times - last, 0.0)


def _run(last_genuine: Floats, last_fraud: Floats) -> Floats:
    """Seconds by which the last fraud is newer than the last genuine transaction; infinite without one."""
    with np.errstate(invalid="ignore"):
        run: Floats = np.where(last_fraud == NEVER, NEVER, last_fraud - last_genuine)
    return run


def _shares(sums: Floats) -> Floats:
    """Fraud shares [..., 5]; a faded memory makes no large share."""
    shares: Floats = sums[..., FRAUDS] / _at_least_one(sums[..., MATURED])
    return shares


def _at_least_one(counts: Floats) -> Floats:
    """Less than one transaction counts as one."""
    return np.maximum(counts, 1.0)
