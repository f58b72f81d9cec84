"""What a worker's time goes to: the few figures that the model of a worker is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from models.arrays import Floats

Count = TypeVar("Count", float, "Floats")


@dataclass(frozen=True)
class Stalls:
    """Times in which a worker stands still without its own doing: scheduler, collector, broker.

    They come at random, and how long each lasts is exponential.

    Attributes:
        mean: seconds that one lasts.
        share: of all time that they take.
    """

    mean: float
    share: float

    @classmethod
    def fitted(cls, p50: float, p99: float, p999: float) -> Stalls:
        """Those that lengthen a latency of `p50` so that its tail is as measured; all in seconds.

        A transaction meets a stall with the probability `share` and waits for its rest, exponential again.
        The distance of the two high percentiles gives the mean; it is never so short that the stalls would
        take more than a tenth of the time to explain the lower one.
        """
        mean = max(p999 - p99, p99 - p50) / log(10.0)
        return cls(mean, 0.01 * exp((p99 - p50) / mean)) if mean > 0.0 else cls(0.0, 0.0)

    @property
    def rate(self) -> float:
        """How many begin in a second of work."""
        return self.share / (self.mean * (1.0 - self.share)) if self.share else 0.0

    def chance(self, seconds: Floats) -> Floats:
        """Probability to be in one so many seconds after having been in none; there must be some."""
        return self.share * -np.expm1(-seconds * (self.rate + 1.0 / self.mean))


@dataclass(frozen=True)
class Costs:
    """One worker on one core. Seconds, unless said.

    Attributes:
        batch: of CPU for a batch, however small.
        event: of CPU for each transaction in it.
        background: share of the core that commits and idle polling take.
        delay: of sender, broker and reader, which no worker can shorten.
        hold: for which a commit keeps new batches back.
        interval: between commits.
        pace: between the starts of two batches, at least.
        most: transactions in a batch, at most.
        stalls: what the machine adds.
    """

    batch: float
    event: float
    background: float
    delay: float
    hold: float
    interval: float
    pace: float
    most: int
    stalls: Stalls

    def service(self, count: Count) -> Count:
        """Seconds that a batch of so many takes by the clock, stalls and commits apart."""
        return (self.batch + self.event * count) / (1.0 - self.background)

    @property
    def capacity(self) -> float:
        """Transactions a second with nothing but full batches."""
        return self.most / max(self.service(float(self.most)), self.pace) * self.working

    @property
    def working(self) -> float:
        """Share of the time that stalls and commits leave to batches."""
        return (1.0 - self.stalls.share) * self.interval / (self.interval + self.hold)

    def scaled(self, factor: float) -> Costs:
        """The same worker with dearer or cheaper scoring."""
        return replace(self, batch=factor * self.batch, event=factor * self.event)
