"""The model on paper: formulas that the simulation is checked by, and that need none.

A worker takes what waits. While it works on a batch the next one gathers, so in balance n transactions come
in the cycle from one batch's start to the next: n = rate * cycle(n). That gives the batch and its cycle; a
transaction waits for the rest of the cycle that it comes in, and then for the whole of its own batch.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.capacity.costs import Costs

_ROUNDS = 200


def utilisation(costs: Costs, rate: float) -> float:
    """Share of a worker's capacity that so many transactions a second take; above 1 its queue grows."""
    return rate / costs.capacity


def mean_batch(costs: Costs, rate: float) -> float:
    """Transactions in a batch on average; one that finds the worker idle is a batch of its own."""
    count = 1.0
    for _ in range(_ROUNDS):
        gathered = rate * _cycle(costs, count)
        count = min(gathered + exp(-gathered), float(costs.most))
    return count


def median_seconds(costs: Costs, rate: float) -> float:
    """About half of the transactions take at most this, from due to seen; for utilisations below 1."""
    count = mean_batch(costs, rate)
    return costs.delay + costs.service(count) + _wait(costs, rate, count, longer=0.5)


def p99_seconds(costs: Costs, rate: float) -> float:
    """About 99 in 100 take at most this; for utilisations below 1.

    What gathers in a stall has to be worked off: the fuller the worker is, the more suffer from it.
    """
    count = mean_batch(costs, rate)
    met = costs.stalls.share / (1.0 - utilisation(costs, rate))
    stall = costs.stalls.mean * log(max(1.0, 100.0 * met))
    return costs.delay + costs.service(count) + _wait(costs, rate, count, longer=0.01) + stall


def catch_up(costs: Costs, rate: float, pause: float) -> float:
    """Seconds after a pause until its backlog is gone: what came meanwhile, by what is to spare."""
    return rate * pause / (costs.capacity - rate)


def _cycle(costs: Costs, count: float) -> float:
    """Seconds from a batch's start to the earliest start of the next."""
    return max(costs.service(count), costs.pace)


def _wait(costs: Costs, rate: float, count: float, longer: float) -> float:
    """Seconds until a transaction's batch begins, which a share `longer` of them exceeds.

    Those that come within a cycle wait for its end, anything up to the whole; others meet an idle worker.
    """
    cycle = _cycle(costs, count)
    waiting = min(1.0, rate / count * cycle)
    return cycle * max(0.0, 1.0 - longer / waiting)
