"""The whole loop at a rate: a scoring worker, a learning worker and Kafka, with snapshots coming or none.

A backlog first makes a grown model. Then phases take turns on the same workers' state: in one the learning
worker publishes as by default, in the other ("held") it learns the same but publishes at its start only, so
that all else is alike. At each turn the learning worker is started anew; seconds to settle are not measured.
"""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.latency.arrivals import arrival_times
from benchmarks.learning.bank import draw
from benchmarks.learning.buckets import Scrape
from benchmarks.learning.results import LearnTimes, LoopRun
from benchmarks.learning.scores import latencies, read_scores, swap_times
from benchmarks.learning.sender import Sender
from benchmarks.machine import cpu_seconds, load_average
from benchmarks.percentiles import Percentiles, nearest_rank
from benchmarks.service import BenchmarkFailed, topics, worker
from fraudstream.demo.scrape import fetch
from fraudstream.demo.workers import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.learning.scores import Scoring
    from benchmarks.learning.sender import Sent
    from fraudstream.settings import Settings

SYSTEMS: Final = {"swapping": 2.0, "held": 3_600.0}
"""Seconds between snapshots."""
BEFORE_SWAP: Final = 0.1
AFTER_SWAP: Final = 0.05
_PATIENCE_SECONDS: Final = 120.0
_KEY: Final = "benchmark-" * 4
_TIME_TO_LEARN: Final = "fraudstream_time_to_learn_seconds"


@dataclass(frozen=True)
class Plan:
    """How long the loop is measured.

    Attributes:
        rounds: turns of each system.
        warm: transactions of the backlog that makes the first models.
        rate: transactions a second.
        settle: seconds at that rate before each measurement: labels that waited for a model are told in them.
        seconds: of each measurement.
    """

    rounds: int = 2
    warm: int = 100_000
    rate: float = 1_000.0
    settle: float = 6.0
    seconds: float = 24.0

    @property
    def transactions(self) -> int:
        """How many that takes."""
        phases = self.rounds * len(SYSTEMS)
        return self.warm + phases * (round(self.rate * self.settle) + round(self.rate * self.seconds))


@dataclass(frozen=True)
class Look:
    """What both workers say at one moment, and the CPU seconds that they have taken."""

    scorer: Scrape
    learner: Scrape
    scorer_cpu: float
    learner_cpu: float


@dataclass(frozen=True)
class Phase:
    """One measurement, before the scores are read."""

    system: str
    sent: Sent
    before: Look
    after: Look
    seconds: float
    load_average: float


class LoopBench:
    """Runs the phases on topics of its own."""

    def __init__(self, plan: Plan, settings: Settings, folder: Path) -> None:
        self._plan, self._settings, self._folder = plan, settings, folder
        self._ports = free_ports(2)
        self._sender = Sender(
            settings.kafka.bootstrap_servers, settings.topics.names(), iter(list(draw(plan.transactions)))
        )
        gc.freeze()  # else the collector looks through all that was drawn while it is being sent

    def run(self) -> list[LoopRun]:
        """Warm up, measure every phase, then read what was scored."""
        with self._worker("scoring", LEARNING__SIGNING_KEY=_KEY) as scorer:
            with self._learning("swapping"):
                self._warm()
            phases = [
                self._phase(system, number, scorer) for number, system in enumerate(turns(self._plan.rounds))
            ]
        names, partitions = self._settings.topics.names(), self._settings.topics.score_partitions
        scored = read_scores(self._settings.kafka.bootstrap_servers, names.scores, partitions)
        return [summary(phase, scored, self._plan.rate) for phase in phases]

    def _warm(self) -> None:
        """Send the backlog, and wait until all of it was learnt and the newest model is in force."""
        self._sender.send([0.0] * self._plan.warm)
        deadline, before = time.monotonic() + _PATIENCE_SECONDS, -1.0
        while time.monotonic() < deadline:
            time.sleep(2 * SYSTEMS["swapping"])
            learner, scorer = self._scrape(1), self._scrape(0)
            learnt = learner.total("fraudstream_examples_learnt_total")
            is_done = learner.total("fraudstream_labelling_transactions") >= self._sender.transactions
            if is_done and learnt == before and scorer.total("fraudstream_model_version"):
                return
            before = learnt
        raise BenchmarkFailed("The backlog was not learnt in time, or no model came of it.")

    def _phase(self, system: str, number: int, scorer: int) -> Phase:
        plan = self._plan
        with self._learning(system) as learner:
            self._sender.send(arrival_times(plan.rate, plan.settle, 2 * number))
            before, began = self._look(scorer, learner), time.monotonic()
            sent = self._sender.send(arrival_times(plan.rate, plan.seconds, 2 * number + 1))
            after, seconds = self._look(scorer, learner), time.monotonic() - began
            return Phase(system, sent, before, after, seconds, load_average())

    @contextmanager
    def _learning(self, system: str) -> Iterator[int]:
        own = {
            "LEARNING__SIGNING_KEY": _KEY,
            "LEARNING__PUBLISH_SECONDS": str(SYSTEMS[system]),
            "WORKER__AGENTS": "labelling,reputation,learning",
            "WORKER__FOLDER": str(self._folder / "learning-side"),
        }
        with self._worker("learning", **own) as pid:
            yield pid

    @contextmanager
    def _worker(self, name: str, **own: str) -> Iterator[int]:
        own["WEB__PORT"] = str(self._ports[name == "learning"])
        own["WORKER__SLOT"] = name
        with worker(self._settings, "exactly-once", self._folder, name, **own) as pid:
            yield pid

    def _look(self, scorer: int, learner: int) -> Look:
        return Look(self._scrape(0), self._scrape(1), cpu_seconds(scorer), cpu_seconds(learner))

    def _scrape(self, number: int) -> Scrape:
        """The metrics of the scoring (0) or the learning worker (1)."""
        exposition = fetch(self._ports[number], "/metrics")
        if exposition is None:
            raise BenchmarkFailed("A worker does not tell its metrics.")
        return Scrape(exposition)


def turns(rounds: int) -> list[str]:
    """The systems in turns, each round the other way round: whatever grows with time favours neither."""
    ways = [*SYSTEMS], [*reversed(SYSTEMS)]
    return [system for number in range(rounds) for system in ways[number % 2]]


def measure(plan: Plan, bootstrap_servers: str, folder: Path) -> list[LoopRun]:
    """Measure the loop by plan.

    Raises:
        BenchmarkFailed: a worker does not start, or no model comes of the backlog.
    """
    with topics(bootstrap_servers) as settings:
        return LoopBench(plan, settings, folder).run()


def summary(phase: Phase, scored: dict[str, Scoring], rate: float) -> LoopRun:
    """What a phase comes to, given every score of the run."""
    sent, before, after = phase.sent, phase.before, phase.after
    swaps = swap_times(scored[transaction_id] for transaction_id in sent.due)
    every, near = latencies(sent.due, scored, swaps, BEFORE_SWAP, AFTER_SWAP)
    learnt = _since(before.learner, after.learner, "fraudstream_examples_learnt_total")
    late = sorted(sent.late)
    return LoopRun(
        system=phase.system,
        rate=rate,
        count=len(every),
        ms=Percentiles.of(every),
        near_ms=Percentiles.of(near) if near else None,
        near=len(near),
        swaps=len(swaps),
        learn=_learn_times(phase) if swaps else None,
        snapshot_ms=_snapshot_ms(phase),
        snapshot_bytes=int(after.learner.total("fraudstream_snapshot_bytes")),
        examples_per_second=learnt / phase.seconds,
        scorer_cpu_us=1e6 * (after.scorer_cpu - before.scorer_cpu) / len(every),
        learner_cpu=(after.learner_cpu - before.learner_cpu) / phase.seconds,
        sender_late_p99_ms=1e3 * nearest_rank(late, 0.99),
        sender_late_max_ms=1e3 * late[-1],
        load_average=phase.load_average,
    )


def _learn_times(phase: Phase) -> LearnTimes:
    told = phase.after.scorer.buckets(_TIME_TO_LEARN) - phase.before.scorer.buckets(_TIME_TO_LEARN)
    at_most = {str(bound): count for bound, count in told.at_most.items()}
    return LearnTimes(at_most, told.total, phase.sent.labels)


def _snapshot_ms(phase: Phase) -> float | None:
    before, after = phase.before.learner, phase.after.learner
    count = _since(before, after, "fraudstream_snapshot_seconds_count")
    return 1e3 * _since(before, after, "fraudstream_snapshot_seconds_sum") / count if count else None


def _since(before: Scrape, after: Scrape, name: str) -> float:
    return after.total(name) - before.total(name)
