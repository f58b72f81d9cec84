"""Measures fraudstream and its peers at the same job, in turns, and writes it down when asked.

    make bench-peers OUT=benchmarks/results/2026-01-31-peers-two-core-vm.json

Nothing needs to run: it starts a Kafka and every system as a process of its own, on loopback, and stops them.
The README.md of the benchmarks says what each system is. What cannot run here is skipped in words.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import program
from benchmarks.machine import describe, load_average
from benchmarks.peers import forest
from benchmarks.peers.backlog import Running, work_off
from benchmarks.peers.bank import Bank
from benchmarks.peers.outputs import Outputs
from benchmarks.peers.programs import Stage, scored_by
from benchmarks.peers.report import machine_lines, plot, table, targets
from benchmarks.peers.results import PeerResults, PeerRun, SystemFigures
from benchmarks.peers.systems import SYSTEMS, Missing, System
from benchmarks.service import BenchmarkFailed, topics
from benchmarks.show import markdown_tables, show_tables
from fraudstream.kafka.admin import kafka_admin
from fraudstream.local.broker import LocalKafka

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fraudstream.settings import Settings

_TITLE = "fraudstream and its peers at the same job"
_PACKAGES = ("onnxruntime",)
_SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: times that each system is measured.
        names: of the systems.
        warm: transactions that warm every system.
        long_warm: those of another bank that Kafka Streams works off before them.
        backlog: transactions that are measured.
        slow_backlog: those of them that a slow system is given.
    """

    rounds: int
    names: tuple[str, ...]
    warm: int = 5_000
    long_warm: int = 1_200_000
    backlog: int = 60_000
    slow_backlog: int = 15_000


class Bench:
    """Measures by plan on one Kafka."""

    def __init__(self, plan: Plan, bootstrap_servers: str, folder: Path) -> None:
        self._plan, self._servers, self._folder = plan, bootstrap_servers, folder
        self._model = folder / "model"
        self._model.mkdir()
        self._forest = forest.make()
        self._forest.write(self._model)
        self._bank = Bank(self._forest, plan.warm + plan.backlog, plan.long_warm)

    def rounds(self, systems: Sequence[System]) -> dict[str, list[PeerRun]]:
        """Every system's runs: they take turns, each round the other way round."""
        runs: dict[str, list[PeerRun]] = {system.name: [] for system in systems}
        for number in range(self._plan.rounds):
            for system in systems if number % 2 == 0 else reversed(systems):
                program.tell(f"round {number + 1}: {system.name}")
                runs[system.name].append(self._measure(system))
        return runs

    def _measure(self, system: System) -> PeerRun:
        """Measure one system once, on topics of its own.

        Raises:
            BenchmarkFailed: it left, was not done in time, or made other scores or alerts than it should.
        """
        os.sync()  # what the run before wrote is not to burden this one
        with topics(self._servers) as settings, _own_topics_only(settings):
            folder = self._folder / settings.topics.prefix.rstrip(".")
            folder.mkdir()
            mark = scored_by(settings).encode() if system.is_ours else b""
            stage = Stage(settings, self._forest, self._model, folder)
            with system.run(stage) as pid, Outputs.reading(settings, mark) as outputs:
                return self._work_off(system, pid, settings, outputs)

    def _work_off(self, system: System, pid: int, settings: Settings, outputs: Outputs) -> PeerRun:
        plan, bank = self._plan, self._bank
        others = plan.long_warm if system.is_late else 0
        count = plan.slow_backlog if system.is_slow else plan.backlog
        due = {
            others + plan.warm: bank.alerts(others, plan.warm),
            others + plan.warm + count: bank.alerts(others, plan.warm + count),
        }

        def is_done(transactions: int) -> bool:
            outputs.look()
            return outputs.scores >= transactions and outputs.alerts >= due[transactions]

        worked = work_off(
            Running(system.name, pid, is_done),
            settings,
            bank.before(others, plan.warm),
            bank.messages[plan.warm : plan.warm + count],
        )
        outputs.look(_SETTLE_SECONDS)
        check_counts(system.name, (outputs.scores, outputs.alerts), max(due.items()))
        return PeerRun(
            warm=others + plan.warm,
            count=count,
            cpu_us_per_event=worked.cpu_us_per_event,
            wall_events_per_s=worked.events_per_second,
            scores=outputs.scores,
            alerts=outputs.alerts,
            load_average=worked.load_average,
        )


def check_counts(name: str, made: tuple[int, int], due: tuple[int, int]) -> None:
    """Hold a system to the (scores, alerts) that its transactions must come to.

    Raises:
        BenchmarkFailed: it made others.
    """
    if made != due:
        raise BenchmarkFailed(f"{name} made {made} scores and alerts where {due} are due.")


@contextmanager
def _own_topics_only(settings: Settings) -> Iterator[None]:
    """Delete after the block the topics that a system made beside the settings' own."""
    try:
        yield
    finally:
        with kafka_admin(settings.kafka) as admin:
            own = {spec.name for spec in settings.topics.specs()}
            made = [name for name in admin.list_topics() if settings.topics.prefix in name]
            admin.delete_topics([name for name in made if name not in own])


def measure(plan: Plan) -> PeerResults:
    """Measure everything that the plan asks for.

    Raises:
        BenchmarkFailed: a system left, was not done in time, or did other work than it should.
        FraudstreamError: there is no Kafka.
    """
    started, before = datetime.now().astimezone(), load_average()
    versions, skipped = _versions([system for system in SYSTEMS if system.name in plan.names])
    with tempfile.TemporaryDirectory(prefix="fraudstream-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with LocalKafka.start(folder / "kafka", announce=program.tell) as kafka:
            bench = Bench(plan, kafka.bootstrap_servers, folder)
            runs = bench.rounds([system for system in SYSTEMS if system.name in versions])
    figures = [_figures(name, versions[name], mine) for name, mine in runs.items()]
    return PeerResults(
        date=started.isoformat(timespec="seconds"),
        command=shlex.join(sys.argv[1:]),
        machine=describe(*_PACKAGES),
        load_before=before,
        systems=figures,
        skipped=skipped,
        targets=targets({each.name: each.cpu_us_per_event for each in figures}),
    )


def _versions(systems: Sequence[System]) -> tuple[dict[str, str], dict[str, str]]:
    """Versions of the systems that can run here, and why others cannot."""
    versions, skipped = dict[str, str](), dict[str, str]()
    for system in systems:
        try:
            versions[system.name] = system.version()
        except Missing as reason:
            program.tell(f"skipping {system.name}: {reason}")
            skipped[system.name] = str(reason)
    return versions, skipped


def _figures(name: str, version: str, runs: list[PeerRun]) -> SystemFigures:
    return SystemFigures(
        name,
        version,
        median(run.cpu_us_per_event for run in runs),
        median(run.wall_events_per_s for run in runs),
        runs,
    )


def plan_and_out(arguments: list[str] | None = None) -> tuple[Plan, Path | None]:
    """Read the command line."""
    every = tuple(system.name for system in SYSTEMS)
    options = program.options(__doc__, every, 3, "how often each system is measured", arguments)
    names = tuple(options.only or every)
    if options.quick:
        return Plan(1, names, warm=1_000, long_warm=5_000, backlog=5_000, slow_backlog=2_000), options.out
    return Plan(options.rounds, names), options.out


def main() -> None:
    """Measure, print, write."""
    plan, out = plan_and_out()
    results = program.measured(lambda: measure(plan))
    lines, found = machine_lines(results), [table(results)]
    show_tables(lines, found)
    if out is not None:
        drawn = out.with_suffix(".svg")
        shown = f"\nCPU microseconds an event:\n\n![as bars]({drawn.name})\n"
        program.write(results, out, lambda raw: markdown_tables(_TITLE, raw, lines, found) + shown)
        drawn.write_text(plot(results))


if __name__ == "__main__":
    main()
