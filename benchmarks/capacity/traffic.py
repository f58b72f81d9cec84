"""What arrives: how many transactions a second over time, and how the cards share them among partitions."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from models.arrays import Floats, Integers

SEED: Final = 5
CARDS: Final = 10_000_000
HEAD: Final = 500.0
"""Ranks by which Zipf's law is shifted: the busiest of the cards makes one in 5,000 transactions."""
HOUR: Final = 3_600
BURST_AT: Final = 20
RAMP: Final = 60
_EVENING: Final = 20.0
_FROM, _UNTIL = 19, 22


@dataclass(frozen=True)
class Scenario:
    """An arrival rate over time, second by second.

    Attributes:
        name: in words.
        rates: transactions a second, of each second.
        since: the first second whose transactions count.
        until: the second before which they end.
    """

    name: str
    rates: Floats
    since: int
    until: int

    @property
    def top(self) -> float:
        """The highest rate."""
        return float(self.rates.max())


def steady(rate: float, seconds: int = HOUR) -> Scenario:
    """The same rate all the time."""
    return Scenario(f"steady {rate:,.0f}/s", np.full(seconds, rate), 0, seconds)


def burst(base: float, factor: float = 5.0) -> Scenario:
    """A day from 19 to 22 o'clock with an hour of so many times the rate; that hour's transactions count.

    The day swings between `base` at 20 o'clock and a fifth of it at 8. The burst comes and goes in a minute.
    """
    seconds = np.arange(_FROM * HOUR, _UNTIL * HOUR)
    day = base * (0.6 + 0.4 * np.cos(2.0 * pi * (seconds / HOUR - _EVENING) / 24.0))
    since, until = BURST_AT * HOUR, (BURST_AT + 1) * HOUR
    raised = np.interp(seconds, [since, since + RAMP, until - RAMP, until], [1.0, factor, factor, 1.0])
    name = f"burst {base:,.0f}/s to {base * factor:,.0f}/s"
    return Scenario(name, day * raised, since - _FROM * HOUR, until - _FROM * HOUR)


def partition_shares(partitions: int, *, skewed: bool = True) -> Floats:
    """Share of the transactions that each partition gets: cards by hash, activity by a shifted Zipf's law."""
    if not skewed:
        return np.full(partitions, 1.0 / partitions)
    activity = 1.0 / (np.arange(CARDS) + HEAD)
    places = np.random.default_rng(SEED).integers(partitions, size=CARDS)
    shares = np.bincount(places, activity, partitions)
    return shares / shares.sum()


def owners(partitions: int, workers: int) -> Integers:
    """The worker of each partition as Kafka's range assignor deals them: in a row, the first get one more."""
    counts = [len(part) for part in np.array_split(np.arange(partitions), workers)]
    return np.repeat(np.arange(workers), counts)


def worker_shares(shares: Floats, workers: int) -> Floats:
    """Share of the transactions that each worker gets."""
    return np.bincount(owners(len(shares), workers), shares, workers)
