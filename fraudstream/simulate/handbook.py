"""The Fraud-Detection-Handbook's simulated world of card payments, draw for draw.

Source: Le Borgne, Siblini, Lebichot, Bontempi: *Reproducible Machine Learning for Credit Card Fraud
Detection - Practical Handbook*, chapter 3. Customers and terminals lie on a square map; a customer pays at
the terminals near home; three fraud scenarios are laid over the payments. With the defaults this gives the
published data set (1,754,155 payments, 14,681 frauds); payments of the same second stand in the order of
their customers.

The draws come from the legacy streams ``numpy.random.RandomState`` and ``random.Random``, because those are
the streams of the published data; every seed of the Handbook is kept and moved by the world's own seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DAY = 86_400
"""Seconds in a day."""

_MAP_SIDE = 100.0
_NEAR = 5.0
_MIDDAY, _DAYTIME_SPREAD = 43_200, 20_000
_SEEDS = 2**32
_SEED_STRIDE = 1_000_003  # more than any world's days or customers, so that two worlds share no stream

AMOUNT_SCENARIO, TERMINAL_SCENARIO, CUSTOMER_SCENARIO = 1, 2, 3
"""The scenario numbers: an amount above 220, a compromised terminal, a compromised customer."""

_HIGH_AMOUNT = 220.0
_TERMINAL_DAYS = 28
_CUSTOMER_DAYS = 14
_CUSTOMER_FACTOR = 5


@dataclass(frozen=True)
class Handbook:
    """The parameters of the world; the defaults are the Handbook's.

    Attributes:
        customers: how many customers there are.
        terminals: how many payment terminals there are.
        days: how many days are simulated.
        start: the first day, in UTC.
        seed: 0 draws the published world, any other number another one.
        compromised_terminals: terminals that fall to fraud each day; 0.4 means two in five days.
        compromised_customers: customers that fall to fraud each day.
    """

    customers: int = 5_000
    terminals: int = 10_000
    days: int = 183
    start: date = date(2018, 4, 1)
    seed: int = 0
    compromised_terminals: float = 2.0
    compromised_customers: float = 3.0

    @classmethod
    def of_size(cls, customers: int, days: int, start: date, seed: int = 0) -> Handbook:
        """Return a world with the Handbook's density of terminals and frauds per customer."""
        share = customers / cls.customers
        return cls(
            customers=customers,
            terminals=max(1, round(cls.terminals * share)),
            days=days,
            start=start,
            seed=seed,
            compromised_terminals=cls.compromised_terminals * share,
            compromised_customers=cls.compromised_customers * share,
        )

    @property
    def start_timestamp(self) -> float:
        """The world's first midnight, in seconds since the epoch."""
        return datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC).timestamp()

    def numpy_stream(self, seed: int) -> np.random.RandomState:
        """Return the legacy numpy stream that the Handbook seeds with ``seed``."""
        return np.random.RandomState((self.seed * _SEED_STRIDE + seed) % _SEEDS)

    def python_stream(self, seed: int) -> Random:
        """Return the ``random`` stream that the Handbook seeds with ``seed``."""
        return Random((self.seed * _SEED_STRIDE + seed) % _SEEDS)  # noqa: S311 - a simulation guards no secret


class Customers(NamedTuple):
    """The customers as columns: place on the map, mean amount in EUR, mean payments a day."""

    places: NDArray[np.float64]
    mean_amount: NDArray[np.float64]
    mean_payments: NDArray[np.float64]


class Payments(NamedTuple):
    """Every payment of a world as columns of one length, in order of time.

    ``second`` counts from the world's start; ``amount`` is in EUR; ``scenario`` is 0 for a genuine payment.
    """

    second: NDArray[np.int64]
    customer: NDArray[np.int64]
    terminal: NDArray[np.int64]
    amount: NDArray[np.float64]
    scenario: NDArray[np.int64]

    @property
    def fraud(self) -> NDArray[np.bool_]:
        """Whether each payment is a fraud."""
        return self.scenario > 0


def draw_customers(world: Handbook) -> Customers:
    """Draw the customers, four uniform numbers each."""
    draws = world.numpy_stream(0).random_sample((world.customers, 4))
    return Customers(draws[:, :2] * _MAP_SIDE, 5 + 95 * draws[:, 2], 4 * draws[:, 3])


def draw_terminals(world: Handbook) -> NDArray[np.float64]:
    """Draw the terminals' places on the map, shape ``(terminals, 2)``."""
    return world.numpy_stream(1).random_sample((world.terminals, 2)) * _MAP_SIDE


def draw_payments(world: Handbook) -> Payments:
    """Draw every payment of the world, frauds included."""
    customers, terminals = draw_customers(world), draw_terminals(world)
    rows = [
        (second, customer, terminal, amount)
        for customer in range(world.customers)
        for second, terminal, amount in _payments_of(world, customer, customers, terminals)
    ]
    second, customer, terminal, amount = (np.array(column) for column in zip(*rows, strict=True))
    order = np.argsort(second, kind="stable")
    payments = Payments(
        second[order],
        customer[order],
        terminal[order],
        np.round(amount[order], 2),
        np.zeros(len(order), dtype=np.int64),
    )
    _commit_frauds(world, payments)
    return payments


def _payments_of(
    world: Handbook, customer: int, customers: Customers, terminals: NDArray[np.float64]
) -> Iterator[tuple[int, int, float]]:
    """Yield (second, terminal, unrounded amount) of one customer's genuine payments, day by day."""
    distances = np.sqrt(np.square(terminals - customers.places[customer]).sum(axis=1))
    near: list[int] = np.flatnonzero(distances < _NEAR).tolist()
    mean, payments_a_day = float(customers.mean_amount[customer]), float(customers.mean_payments[customer])
    numbers, choices = world.numpy_stream(customer), world.python_stream(customer)
    for day in range(world.days):
        for _ in range(numbers.poisson(payments_a_day)):
            second = int(numbers.normal(_MIDDAY, _DAYTIME_SPREAD))
            if not 0 < second < DAY:
                continue
            amount = _draw_amount(numbers, mean)
            if near:
                yield day * DAY + second, choices.choice(near), amount


def _draw_amount(numbers: np.random.RandomState, mean: float) -> float:
    amount = numbers.normal(mean, mean / 2)
    return amount if amount >= 0 else numbers.uniform(0, 2 * mean)


class _Compromise(NamedTuple):
    """How parties of one kind fall to fraud: which column names them, how many a day, for how many days."""

    party: NDArray[np.int64]
    parties: int
    per_day: float
    lasting_days: int


def _commit_frauds(world: Handbook, payments: Payments) -> None:
    """Lay the three scenarios over the payments, in place; a later one overwrites an earlier one's number."""
    terminals = _Compromise(payments.terminal, world.terminals, world.compromised_terminals, _TERMINAL_DAYS)
    customers = _Compromise(payments.customer, world.customers, world.compromised_customers, _CUSTOMER_DAYS)
    payments.scenario[payments.amount > _HIGH_AMOUNT] = AMOUNT_SCENARIO
    for day in range(world.days - 1):
        payments.scenario[_compromised_rows(world, day, payments.second, terminals)] = TERMINAL_SCENARIO
    for day in range(world.days - 1):
        rows = _compromised_rows(world, day, payments.second, customers)
        third = rows[world.python_stream(day).sample(range(len(rows)), k=len(rows) // 3)]
        payments.amount[third] *= _CUSTOMER_FACTOR
        payments.scenario[third] = CUSTOMER_SCENARIO


def _compromised_rows(
    world: Handbook, day: int, second: NDArray[np.int64], compromise: _Compromise
) -> NDArray[np.intp]:
    """Return the rows, in order of time, of the parties that fall on ``day``, from then for some days."""
    count = math.floor((day + 1) * compromise.per_day) - math.floor(day * compromise.per_day)
    fallen = world.numpy_stream(day).choice(
        compromise.parties, size=min(count, compromise.parties), replace=False
    )
    first, last = np.searchsorted(second, [day * DAY, (day + compromise.lasting_days) * DAY])
    rows: NDArray[np.intp] = np.flatnonzero(np.isin(compromise.party[first:last], fallen)) + first
    return rows
