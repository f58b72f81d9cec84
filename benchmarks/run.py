"""Measures what an event costs and how long it takes, prints it, and writes it down when asked.

    make bench ARGS="--out benchmarks/results/2026-01-31-two-core-vm.json"

Nothing needs to run: it starts a Kafka and workers of its own, on loopback, and stops them. README.md says
what each figure means.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import plots, program, traffic
from benchmarks.latency import measure as latency
from benchmarks.machine import describe
from benchmarks.peers import full_load
from benchmarks.results import Results
from benchmarks.show import markdown, show
from benchmarks.stages import all as stages
from fraudstream.local.broker import LocalKafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.results import LatencyRun, LoadRun

PARTS = ("stages", "load", "latency")
RATES = (200.0, 1_000.0)
CAPACITY_SHARE = 0.7
"""The highest rate, as a share of what sender, broker, worker and reader can do together on this machine."""
FLOOD, FLOOD_SECONDS = 20_000.0, 5.0
"""Transactions a second, more than that for sure, and for how long."""


@dataclass(frozen=True)
class Plan:
    """How much is measured: which parts, how often, and how many transactions or seconds of each."""

    rounds: int
    parts: tuple[str, ...] = PARTS
    warm: int = 5_000
    backlog: int = 60_000
    warm_seconds: float = 5.0
    seconds: float = 60.0
    top_seconds: float = 20.0

    @property
    def messages(self) -> int:
        """How many different transactions that takes."""
        return round(
            max(
                self.warm + self.backlog,
                max(RATES) * (self.warm_seconds + self.seconds),
                CAPACITY_SHARE * FLOOD * (self.warm_seconds + self.top_seconds),
                1.1 * FLOOD * FLOOD_SECONDS,  # arrivals are drawn, so some more may come
            )
        )


class Bench:
    """Measures by plan on one Kafka, system after system, round after round."""

    def __init__(self, plan: Plan, kafka: LocalKafka, folder: Path) -> None:
        self._plan, self._servers, self._folder = plan, kafka.bootstrap_servers, folder
        self._messages = traffic.draw(plan.messages)

    def full_load(self) -> Iterator[LoadRun]:
        """Yield every run under full load."""
        warm = self._messages[: self._plan.warm]
        backlog = self._messages[self._plan.warm : self._plan.warm + self._plan.backlog]
        for number in range(self._plan.rounds):
            for system in full_load.SYSTEMS:
                program.tell(f"full load, round {number + 1}: {system.name}")
                yield full_load.measure(system, warm, backlog, self._servers, self._folder)

    def latency(self) -> Iterator[LatencyRun]:
        """Yield every run at a rate."""
        file = self._folder / "messages.tsv"
        traffic.save(self._messages, file)
        seconds = dict.fromkeys(RATES, self._plan.seconds)
        seconds[round(CAPACITY_SHARE * self._capacity(file), -2)] = self._plan.top_seconds
        for number in range(self._plan.rounds):
            for rate in seconds:
                sent = latency.Traffic(file, rate, self._plan.warm_seconds, seconds[rate])
                for system in latency.SYSTEMS:
                    program.tell(f"latency at {rate:,.0f} a second, round {number + 1}: {system.name}")
                    yield latency.measure(system, sent, self._servers, self._folder)

    def _capacity(self, file: Path) -> float:
        """Transactions a second that come through when too many are sent."""
        program.tell("capacity of sender, broker, worker and reader together")
        flood = latency.Traffic(file, FLOOD, 0.0, FLOOD_SECONDS)
        run = latency.measure(latency.FULLEST, flood, self._servers, self._folder)
        return run.count / (FLOOD_SECONDS + run.ms.max / 1_000)


def measure(plan: Plan) -> Results:
    """Measure everything that the plan asks for.

    Raises:
        BenchmarkFailed: a system did not start, was not done in time, or made less than it should.
        FraudstreamError: there is no Kafka.
    """
    started = datetime.now().astimezone()
    costs = stages.measure() if "stages" in plan.parts else {}
    load: list[LoadRun] = []
    delays: list[LatencyRun] = []
    if {"load", "latency"} & set(plan.parts):
        with tempfile.TemporaryDirectory(prefix="fraudstream-bench-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            with LocalKafka.start(folder / "kafka", announce=program.tell) as kafka:
                bench = Bench(plan, kafka, folder)
                load += bench.full_load() if "load" in plan.parts else ()
                full_load.check(load)
                delays += bench.latency() if "latency" in plan.parts else ()
    return Results(
        date=started.isoformat(timespec="seconds"),
        command=shlex.join(sys.argv[1:]),
        machine=describe(),
        stages=costs,
        full_load=load,
        latency=delays,
    )


def plan_and_out(arguments: list[str] | None = None) -> tuple[Plan, Path | None]:
    """Read the command line."""
    options = program.options(__doc__, PARTS, 3, "how often each system is measured", arguments)
    parts = tuple(options.only or PARTS)
    if options.quick:
        return Plan(1, parts, 1_000, 5_000, warm_seconds=1.0, seconds=3.0, top_seconds=2.0), options.out
    return Plan(options.rounds, parts), options.out


def main() -> None:
    """Measure, print, write."""
    plan, out = plan_and_out()
    results = program.measured(lambda: measure(plan))
    show(results)
    program.write(results, out, lambda raw: markdown(results, raw))
    if out and results.stages:
        out.with_suffix(".stages.svg").write_text(plots.stages(results.stages))


if __name__ == "__main__":
    main()
