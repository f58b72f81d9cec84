"""A group of workers under a load that changes over hours.

Two clocks. Second by second a fluid carries each worker's backlog over the whole time, with what chance does
to arrivals and stalls. From time to time, from the backlog of that moment on, a second is worked off batch by
batch; its transactions stand for those of the seconds around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.capacity import histogram
from benchmarks.capacity.batches import Lanes, serve
from benchmarks.capacity.fluid import Flow, flow

if TYPE_CHECKING:
    from benchmarks.capacity.costs import Costs
    from benchmarks.capacity.traffic import Scenario
    from models.arrays import Floats, Integers

EVERY: Final = 20
"""One second in so many is worked off batch by batch."""
_MINUTE: Final = 60
_WARM_SECONDS: Final = 0.25
_LANES_AT_ONCE: Final = 2_048


@dataclass(frozen=True)
class Latencies:
    """What transactions went through.

    Attributes:
        counts: histogram of those that the scenario counts.
        by_minute: histogram of all that were seen in each minute.
        longest_wait: seconds that the oldest waiting transaction had waited, at worst, by the fluid.
    """

    counts: Floats
    by_minute: Floats
    longest_wait: float


def simulate(scenario: Scenario, costs: Costs, shares: Floats, draws: np.random.Generator) -> Latencies:
    """Run a scenario of whole minutes; `shares` is each worker's of all transactions."""
    rates = scenario.rates[:, None] * shares
    fluid = _fluid(rates, costs, draws)
    age = fluid.age()
    moments = np.arange(EVERY // 2, len(rates), EVERY)
    lanes = Lanes(rates[moments].ravel(), np.rint(fluid.backlog[moments]).ravel(), age[moments].ravel())
    starts = np.repeat(moments, len(shares))
    counts, by_minute = np.zeros(histogram.BINS), np.zeros((len(rates) // _MINUTE, histogram.BINS))
    for first in range(0, len(starts), _LANES_AT_ONCE):
        part = slice(first, first + _LANES_AT_ONCE)
        some = Lanes(lanes.rate[part], lanes.backlog[part], lanes.age[part])
        seen = _second(some, starts[part], costs, draws)
        minute = seen.start // _MINUTE
        by_minute += np.bincount(minute * histogram.BINS + seen.bins, seen.weight, by_minute.size).reshape(
            by_minute.shape
        )
        counted = (scenario.since <= seen.due) & (seen.due < scenario.until)
        counts += np.bincount(seen.bins[counted], seen.weight[counted], len(counts))
    counts[-1] += np.maximum(fluid.arrived[scenario.until] - fluid.served[-1], 0.0).sum()
    return Latencies(counts, by_minute, float(age.max()))


class _Seen(NamedTuple):
    """Batches: the second that they were done in, when theirs came, their latency, for how many."""

    start: Integers
    due: Floats
    bins: Integers
    weight: Floats


def _fluid(rates: Floats, costs: Costs, draws: np.random.Generator) -> Flow:
    """Backlogs by second; the time that stalls take in a second varies as a sum of exponential ones does."""
    spread = np.sqrt(2.0 * costs.stalls.share * costs.stalls.mean) / (1.0 - costs.stalls.share)
    luck = np.maximum(1.0 + spread * draws.standard_normal(rates.shape), 0.0)
    return flow(draws.poisson(rates).astype(np.float64), costs.capacity * luck, 1.0)


def _second(lanes: Lanes, starts: Integers, costs: Costs, draws: np.random.Generator) -> _Seen:
    """Work off a second of every lane, once the lanes have run in."""
    served = serve(lanes, costs, _WARM_SECONDS + 1.0, draws)
    inside = (served.seen >= _WARM_SECONDS) & (served.seen < _WARM_SECONDS + 1.0)
    due, seen = served.due[inside], served.seen[inside]
    start = np.broadcast_to(starts[:, None], inside.shape)[inside]
    return _Seen(start, start + due, histogram.bin_of(seen - due + costs.delay), EVERY * served.count[inside])
