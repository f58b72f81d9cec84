"""What is asked of the model: is it right, how many workers does a load need, what does losing one cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.capacity import calibration, events, histogram, paper, rebalance, traffic
from benchmarks.capacity.results import (
    AgainstEvents,
    AgainstMeasured,
    Quantiles,
    RecoveryRun,
    ScenarioRun,
    Variant,
    WorkersRun,
)
from benchmarks.capacity.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.capacity.calibration import Calibration
    from benchmarks.capacity.costs import Costs
    from benchmarks.capacity.traffic import Scenario
    from models.arrays import Floats

TARGET_SECONDS: Final = 0.05
TARGET_SHARE: Final = 0.99
RATE: Final = 50_000.0
PARTITIONS: Final = 64
UTILISATIONS: Final = (0.3, 0.6, 0.8, 0.9)
LOST: Final = "one killed, not replaced"
EVENTS: Final = {
    "one joins": rebalance.joins,
    "one killed, restarted under its name": rebalance.restarts,
    LOST: rebalance.is_lost,
}
LAG_SECONDS: Final = 5
_LAG_UNTIL: Final = 300.0
_EVENT_SECONDS: Final = 600.0
_ALONE_SECONDS: Final = 6 * traffic.HOUR
_FURTHER: Final = 3
_SEED: Final = 7


def against_measured(found: Calibration) -> Iterator[AgainstMeasured]:
    """Yield the model beside what was measured at each rate."""
    costs = found.costs
    for each in found.at_rate:
        cpu = calibration.cpu_microseconds(costs, each.rate, paper.mean_batch(costs, each.rate))
        measured = Quantiles(each.p50_ms, each.p99_ms, each.p999_ms)
        yield AgainstMeasured(each.rate, _alone(costs, each.rate), measured, cpu, each.cpu_us)


def against_events(costs: Costs) -> Iterator[AgainstEvents]:
    """Yield the model beside the exact simulation of one worker, at several utilisations."""
    for utilisation in UTILISATIONS:
        rate, draws = utilisation * costs.capacity, np.random.default_rng(_SEED)
        exact = events.latencies(events.poisson_arrivals(rate, _EVENT_SECONDS, draws), costs, draws)
        yield AgainstEvents(
            utilisation,
            rate,
            batches=_alone(costs, rate),
            events=Quantiles(*(1e3 * np.quantile(exact, (0.5, 0.99, 0.999))).tolist()),
            paper_p50=1e3 * paper.median_seconds(costs, rate),
            paper_p99=1e3 * paper.p99_seconds(costs, rate),
        )


def scenario_run(scenario: Scenario, costs: Costs, shares: Floats) -> ScenarioRun:
    """Try numbers of workers from one too few on, until the target is hit and some further."""
    paper_workers = _paper_workers(scenario.top, costs, shares)
    runs: list[WorkersRun] = []
    least = None
    for workers in range(max(1, (paper_workers or len(shares)) - 1), len(shares) + 1):
        if least is not None and workers > least + _FURTHER:
            break
        runs.append(workers_run(scenario, costs, shares, workers))
        if least is None and is_hit(runs[-1].late):
            least = workers
    return ScenarioRun(scenario.name, len(shares), paper_workers, least, runs)


def workers_run(scenario: Scenario, costs: Costs, shares: Floats, workers: int) -> WorkersRun:
    """Run a scenario with so many workers."""
    mine = traffic.worker_shares(shares, workers)
    found = simulate(scenario, costs, mine, np.random.default_rng(_SEED))
    hottest = float(scenario.top * mine.max())
    utilisation = paper.utilisation(costs, hottest)
    is_stable = utilisation < 1.0
    return WorkersRun(
        workers=workers,
        hottest=hottest,
        utilisation=utilisation,
        paper_p50=1e3 * paper.median_seconds(costs, hottest) if is_stable else None,
        paper_p99=1e3 * paper.p99_seconds(costs, hottest) if is_stable else None,
        ms=_quantiles(found.counts),
        late=histogram.share_over(found.counts, TARGET_SECONDS),
        longest_wait=found.longest_wait,
        p99_by_minute=[round(1e3 * histogram.quantile(each, TARGET_SHARE), 1) for each in found.by_minute],
    )


class Recoveries:
    """What events cost a group at the steady rate."""

    def __init__(self, costs: Costs, shares: Floats) -> None:
        """Take each worker's costs and each partition's share of the transactions."""
        self._costs = costs
        self._shares = shares
        self._late: dict[int, float] = {}

    def run(self, event: str, workers: int) -> RecoveryRun:
        """Let it happen to so many workers."""
        waiting = EVENTS[event](self._shares, workers, RATE, rebalance.Pauses())
        found = rebalance.recovery(waiting, self._costs, RATE, TARGET_SECONDS)
        steps = slice(0, round(_LAG_UNTIL / rebalance.STEP), round(LAG_SECONDS / rebalance.STEP))
        return RecoveryRun(
            event=event,
            workers=workers,
            longest_wait=found.longest_wait,
            caught_up=found.caught_up,
            late=found.waited + (1.0 - found.waited) * self._late_when_steady(waiting.workers),
            lag=found.lag[steps].round(1).tolist(),
        )

    def least(self, event: str, first: int) -> int | None:
        """The least number of workers, from `first` on, that hit the target in the event's hour."""
        tried = range(max(2, first), len(self._shares))
        return next((each for each in tried if is_hit(self.run(event, each).late)), None)

    def _late_when_steady(self, workers: int) -> float:
        if workers not in self._late:
            run = workers_run(traffic.steady(RATE), self._costs, self._shares, workers)
            self._late[workers] = run.late
        return self._late[workers]


def variants(found: Calibration, scenarios: Sequence[Scenario]) -> Iterator[Variant]:
    """Yield how many workers are needed when one thing is different; the careful variant is the last.

    The first of the scenarios is the steady one, which the events happen to.
    """
    costs, shares = found.costs, traffic.partition_shares
    as_is = shares(PARTITIONS)
    for name, other, among in (
        (f"as measured, {PARTITIONS} partitions", costs, as_is),
        ("batch and transaction cost half", costs.scaled(0.5), as_is),
        ("batch and transaction cost double", costs.scaled(2.0), as_is),
        ("32 partitions", costs, shares(32)),
        ("128 partitions", costs, shares(128)),
        ("cards that are all alike", costs, shares(PARTITIONS, skewed=False)),
        ("stalls as in the worker's own tail", replace(costs, stalls=found.own_stalls), as_is),
    ):
        least = {each.name: least_workers(each, other, among) for each in scenarios}
        recovering, steady = Recoveries(other, among), least[scenarios[0].name] or len(among)
        yield Variant(name, least | {event: recovering.least(event, steady) for event in EVENTS})


def least_workers(scenario: Scenario, costs: Costs, shares: Floats) -> int | None:
    """The least number of workers that hit the target; None: none up to one a partition."""
    first = _paper_workers(scenario.top, costs, shares)
    tried = range(first, len(shares) + 1) if first else ()
    return next(
        (workers for workers in tried if is_hit(workers_run(scenario, costs, shares, workers).late)), None
    )


def is_hit(late: float) -> bool:
    """Whether p99 is within the target."""
    return late <= 1.0 - TARGET_SHARE


def _paper_workers(top: float, costs: Costs, shares: Floats) -> int | None:
    """The least number of workers none of which is overloaded at the top."""

    def is_stable(workers: int) -> bool:
        return paper.utilisation(costs, top * float(traffic.worker_shares(shares, workers).max())) < 1.0

    return next(filter(is_stable, range(1, len(shares) + 1)), None)


def _alone(costs: Costs, rate: float) -> Quantiles:
    """One worker at a rate."""
    long = traffic.steady(rate, _ALONE_SECONDS)
    return _quantiles(simulate(long, costs, np.ones(1), np.random.default_rng(_SEED)).counts)


def _quantiles(counts: Floats) -> Quantiles:
    return Quantiles(*(1e3 * histogram.quantile(counts, share) for share in (0.5, TARGET_SHARE, 0.999)))
