"""One worker, transaction by transaction: slow and exact, what the batches side by side are checked by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchmarks.capacity.costs import Costs, Stalls
    from models.arrays import Floats


def poisson_arrivals(rate: float, seconds: float, draws: np.random.Generator) -> Floats:
    """Ascending times of a Poisson process."""
    return np.sort(draws.uniform(0.0, seconds, draws.poisson(rate * seconds)))


def latencies(arrivals: Floats, costs: Costs, draws: np.random.Generator) -> Floats:
    """Seconds from due to seen of transactions that come at ascending times, in their order."""
    clock = _Clock(costs.stalls, draws)
    seen = np.empty_like(arrivals)
    free, paced, commit_due, done = 0.0, 0.0, float(draws.random()) * costs.interval, 0
    while done < len(arrivals):
        begin = max(free, paced, float(arrivals[done]))
        if begin >= commit_due:
            committed = max(commit_due, free) + costs.hold
            begin, commit_due = max(begin, committed), committed + costs.interval
        begin = clock.awake(begin)
        paced = begin + costs.pace
        until = min(int(np.searchsorted(arrivals, begin, side="right")), done + costs.most)
        free = clock.after(begin, costs.service(float(until - done)))
        seen[done:until] = free
        done = until
    return seen - arrivals + costs.delay


class _Clock:
    """Time that stands still in stalls; asked for ascending moments."""

    def __init__(self, stalls: Stalls, draws: np.random.Generator) -> None:
        self._stalls = stalls
        self._draws = draws
        self._begin = self._end = 0.0
        self._next()

    def _next(self) -> None:
        if not self._stalls.share:
            self._begin = self._end = np.inf
            return
        self._begin = self._end + self._draws.exponential(1.0 / self._stalls.rate)
        self._end = self._begin + self._draws.exponential(self._stalls.mean)

    def awake(self, moment: float) -> float:
        """The moment, or the end of the stall that it falls into."""
        while self._end <= moment:
            self._next()
        return self._end if self._begin <= moment else moment

    def after(self, moment: float, work: float) -> float:
        """When so much work is done that begins at a moment."""
        while moment + work > self._begin:
            work -= max(0.0, self._begin - moment)
            moment = self._end
            self._next()
        return moment + work
