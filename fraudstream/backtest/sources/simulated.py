"""Where the past comes from. Each source is a few words that another process can make the same data of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, Protocol

from fraudstream.backtest.sources.dataset import of_world
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from fraudstream.simulate.transfers import TransferWorld

if TYPE_CHECKING:
    from fraudstream.backtest.sources.dataset import Dataset

HANDBOOK_DAYS: Final = 183
HANDBOOK_START: Final = date(2018, 4, 1)
TRANSFER_DAYS: Final = 120


class TransactionSource(Protocol):
    """Makes the same data each time."""

    def load(self, delay: float) -> Dataset:
        """The data; where they do not say when labels came, frauds are known ``delay`` seconds after."""


@dataclass(frozen=True)
class HandbookSource:
    """The Handbook's card payments; seed 0 and 5,000 customers are the published data."""

    customers: int = 5_000
    seed: int = 0

    def load(self, delay: float) -> Dataset:
        """Draw the world."""
        world = Handbook.of_size(self.customers, HANDBOOK_DAYS, HANDBOOK_START, self.seed)
        which = "the published data set" if self == HandbookSource() else f"seed {self.seed}: another world"
        sentence = f"Fraud-Detection-Handbook generator, {self.customers:,} customers, {which}"
        return of_world(CardWorld(world), sentence, delay)


@dataclass(frozen=True)
class TransferSource:
    """Account transfers of a simulated bank."""

    customers: int = 2_000
    seed: int = 0

    def load(self, delay: float) -> Dataset:
        """Draw the world."""
        world = TransferWorld(self.customers, TRANSFER_DAYS, HANDBOOK_START, self.seed)
        return of_world(
            world, f"Simulated account transfers, {self.customers:,} households, seed {self.seed}", delay
        )
