"""The past of one bank as columns: transactions in order of time, and when the truth became known."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import numpy as np

from models.decay import DAY
from schemas.transaction import CardTransaction, TransferTransaction

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from fraudstream.simulate.world import SimulatedTransaction
    from models.arrays import Flags, Floats, Integers
    from schemas.transaction import Transaction

    Dimensions = tuple[tuple[str, str], ...]

T = TypeVar("T", bound="Hashable")

NEVER_LABELLED = np.inf
"""Label time of a transaction that nobody said anything about."""
_TICKS = 64
"""Ticks a second of event times: a 64th is exact both in microseconds and in binary, so that a label that is
due exactly at the horizon neither comes before it nor after it by rounding."""


@dataclass(frozen=True, slots=True)
class PastTransaction:
    """What the core reads of a transaction, without the cost of a message: 1 us instead of 13."""

    transaction_id: str
    event_timestamp: float
    subject: str
    counterparty: str
    amount_value: float
    dimensions: dict[str, str]

    @property
    def money(self) -> tuple[float, str, bool]:
        """The amount, without a currency: all have the same."""
        return self.amount_value, "", False

    @property
    def event_time(self) -> datetime:
        """Event time as a message has it."""
        return datetime.fromtimestamp(self.event_timestamp, UTC)


@dataclass(frozen=True)
class Dataset:
    """``n`` transactions in order of event time, as columns of one length.

    Attributes:
        sentence: what the data are, for the report.
        ids: transaction ids.
        times: event times, seconds since 1970.
        subjects: places in ``subject_names``.
        counterparties: places in ``counterparty_names``.
        facts: places in ``fact_list``.
        amounts: in major units.
        frauds: the truth.
        label_times: when somebody said it, seconds since 1970, ``NEVER_LABELLED`` where nobody did.
        subject_names: tokens of cards or debtor accounts.
        counterparty_names: terminals, merchants or creditor accounts.
        fact_list: what else transactions name, each combination once.
    """

    sentence: str
    ids: Sequence[str]
    times: Floats
    subjects: Integers
    counterparties: Integers
    facts: Integers
    amounts: Floats
    frauds: Flags
    label_times: Floats
    subject_names: Sequence[str]
    counterparty_names: Sequence[str]
    fact_list: Sequence[Dimensions]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def days(self) -> Integers:
        """Day of each transaction (UTC), counted from 1970-01-01."""
        days: Integers = (self.times // DAY).astype(np.int64)
        return days

    def transactions(self, start: int, stop: int) -> list[Transaction]:
        """The transactions of these rows, as the core takes them."""
        rows = slice(start, stop)
        past = [
            PastTransaction(
                transaction_id,
                time,
                self.subject_names[subject],
                self.counterparty_names[counterparty],
                amount,
                dict(self.fact_list[fact]),
            )
            for transaction_id, time, subject, counterparty, amount, fact in zip(
                self.ids[rows],
                self.times[rows].tolist(),
                self.subjects[rows].tolist(),
                self.counterparties[rows].tolist(),
                self.amounts[rows].tolist(),
                self.facts[rows].tolist(),
                strict=True,
            )
        ]
        return cast("list[Transaction]", past)  # it has all that the core reads of one

    def known_by(self, time: float, horizon: float) -> tuple[Integers, Flags]:
        """Rows whose outcome counts as known at ``time``, and whether each is known as a fraud.

        That is every labelled row, and of the others those older than ``horizon`` seconds, as genuine.
        """
        labelled = self.label_times <= time
        rows = np.flatnonzero(labelled | (self.times + horizon <= time))
        return rows, (self.frauds & labelled)[rows]


def whole_ticks(times: Floats) -> Floats:
    """Event times (s) without what is finer than the dataset's ticks."""
    return np.floor(times * _TICKS) / _TICKS


def of_world(world: Iterable[SimulatedTransaction], sentence: str, delay: float) -> Dataset:
    """The past of a simulated bank, each of its frauds known ``delay`` seconds after it."""
    ids: list[str] = []
    times, amounts, frauds = array("d"), array("d"), array("b")
    subjects, counterparties, facts, named_by = Names[str](), Names[str](), Names["Dimensions"](), _NamedBy()
    for transaction in world:
        counterparty, dimensions = named_by(transaction.message)
        ids.append(transaction.transaction_id)
        times.append(transaction.event_time)
        amounts.append(_amount(transaction.message))
        frauds.append(transaction.fraud)
        subjects.add(transaction.subject)
        counterparties.add(counterparty)
        facts.add(dimensions)
    when, is_fraud = whole_ticks(np.array(times)), np.array(frauds, dtype=np.bool_)
    return Dataset(
        sentence=sentence,
        ids=ids,
        times=when,
        subjects=subjects.column(),
        counterparties=counterparties.column(),
        facts=facts.column(),
        amounts=np.array(amounts),
        frauds=is_fraud,
        label_times=np.where(is_fraud, when + delay, NEVER_LABELLED),
        subject_names=subjects.names(),
        counterparty_names=counterparties.names(),
        fact_list=facts.names(),
    )


class Names(Generic[T]):
    """Numbers things in the order in which they first come."""

    def __init__(self) -> None:
        self._places: dict[T, int] = {}
        self._column = array("q")

    def add(self, name: T) -> None:
        """Append the thing's number to the column."""
        self._column.append(self._places.setdefault(name, len(self._places)))

    def column(self) -> Integers:
        """The numbers of all that was added, in its order."""
        return np.array(self._column, dtype=np.int64)

    def names(self) -> list[T]:
        """Everything once, by its number."""
        return list(self._places)


class _NamedBy:
    """Asks the schema's own classes whom and what a message names, once for each combination of fields."""

    _FIELDS: Final = (
        *("kind", "merchant_id", "terminal_id", "merchant_category_code", "country", "channel"),
        *("creditor_account", "creditor_country", "payment_type", "purpose_code"),
    )

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], tuple[str, Dimensions]] = {}

    def __call__(self, message: Mapping[str, str | bool | int]) -> tuple[str, Dimensions]:
        fields = tuple([message.get(name) for name in self._FIELDS])
        known = self._known.get(fields)
        if known is None:
            kind = CardTransaction if message["kind"] == "card" else TransferTransaction
            told: dict[str, Any] = dict(message)
            transaction = kind.model_construct(**told)
            known = self._known[fields] = transaction.counterparty, tuple(transaction.dimensions.items())
        return known


def _amount(message: Mapping[str, str | bool | int]) -> float:
    """The amount that the core compares: a simulated bank has one currency."""
    return float(message.get("amount") or message["instructed_amount"])
