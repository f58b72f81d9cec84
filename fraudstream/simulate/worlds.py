"""The simulated banks by name, at any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from fraudstream.simulate.transfers import TransferWorld
from fraudstream.simulate.world import WorldName

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from fraudstream.simulate.world import SimulatedTransaction


def make_world(
    name: WorldName, customers: int, days: int, start: date, seed: int
) -> Iterable[SimulatedTransaction]:
    """Return a world; it is drawn when it is iterated.

    Args:
        name: which bank.
        customers: how many customers it has.
        days: how many days are simulated.
        start: the first day, in UTC. A service refuses transactions of the future, so today minus ``days`` is
            the latest start that it takes.
        seed: the same one gives the same world, and with the same start the same transaction ids.
    """
    if name is WorldName.HANDBOOK:
        return CardWorld(Handbook.of_size(customers, days, start, seed))
    return TransferWorld(customers=customers, days=days, start=start, seed=seed)
