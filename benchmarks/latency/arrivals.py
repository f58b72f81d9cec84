"""Arrival times, all fixed before the first message is sent.

An open loop: customers pay when they pay, whether or not the service keeps up. The latency of a message
counts from the time at which it was due, so a stall of sender, broker or worker is in the figures of every
message that was due meanwhile, and not only of the one that met it (coordinated omission).
"""

from __future__ import annotations

import random
from itertools import accumulate


def arrival_times(rate: float, seconds: float, seed: int = 0) -> list[float]:
    """Seconds after the start at which messages are due: a seeded Poisson process of so many a second."""
    gaps = random.Random(seed)
    count = round(rate * seconds)
    return list(accumulate(gaps.expovariate(rate) for _ in range(count)))
