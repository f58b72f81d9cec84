"""The world of account transfers as a stream of simulated transactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from random import Random
from typing import TYPE_CHECKING

from fraudstream.simulate.transfers.calendar import midnight
from fraudstream.simulate.transfers.fraud_scenarios import Crimes
from fraudstream.simulate.transfers.genuine import genuine_orders
from fraudstream.simulate.transfers.population import draw_population
from fraudstream.simulate.world import token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from fraudstream.simulate.transfers.order import Order
    from fraudstream.simulate.world import SimulatedTransaction


@dataclass(frozen=True, slots=True)
class TransferWorld:
    """A bank of account transfers; iterating draws it anew, the same each time, a day at a time.

    Attributes:
        customers: how many households; a thousand, with the companies, make about 750 transfers a day.
        days: how many days are simulated.
        start: the first day, in UTC.
        seed: of everything that is left to chance.
    """

    customers: int
    days: int
    start: date
    seed: int = 0

    def __iter__(self) -> Iterator[SimulatedTransaction]:
        """Yield every transfer in order of time."""
        for number, order in enumerate(self._orders()):
            # By the order's place alone, so that the id of a fraud is like any other.
            yield order.transaction(token("transfer", self.seed, self.start.isoformat(), number))

    def _orders(self) -> Iterator[Order]:
        population = draw_population(self.customers, self.seed, self._stream("population"))
        crimes = Crimes(population, self._stream("crimes"))
        habits = self._stream("habits")
        waiting: list[Order] = []
        for number in range(self.days):
            day = self.start + timedelta(days=number)
            waiting += [*genuine_orders(population, day, habits), *crimes.orders(day)]
            waiting.sort(key=attrgetter("time"))
            tomorrow = midnight(day + timedelta(days=1))
            yield from (order for order in waiting if order.time < tomorrow)
            waiting = [order for order in waiting if order.time >= tomorrow]

    def _stream(self, purpose: str) -> Random:
        """Return a stream of its own for each purpose, so that none disturbs another."""
        return Random(f"transfers {purpose} {self.seed}")  # noqa: S311 - a simulation guards no secret
