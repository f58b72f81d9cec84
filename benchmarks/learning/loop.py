"""The whole loop at a rate: a scoring worker, a learning worker and Kafka, with snapshots coming or none.

A backlog first makes a grown model. Then phases take turns on the same workers' state: in one the learning
worker publishes as by default, in the other ("held") it learns the same but publishes at its start only, so
that all else is alike. At each turn the learning worker is started anew; seconds to settle are not measured.
Then higher rates are tried, one after another, until the workers fall behind.
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
from benchmarks.learning.lag import LabellingLag
from benchmarks.learning.phase import Look, Phase, machine_busy, summary
from benchmarks.learning.results import RISING
from benchmarks.learning.scores import read_scores
from benchmarks.learning.sender import Sender
from benchmarks.machine import cpu_seconds, load_average
from benchmarks.service import BenchmarkFailed, topics, worker
from fraudstream.demo.scrape import fetch
from fraudstream.demo.workers import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.learning.results import LoopRun
    from fraudstream.settings import Settings

SYSTEMS: Final = ("swapping", "held")
"""Those that take turns."""
PUBLISH_SECONDS: Final = {"swapping": 2.0, "held": 3_600.0, RISING: 2.0}
"""Between snapshots."""
_PATIENCE_SECONDS: Final = 120.0
_KEY: Final = "benchmark-" * 4
_GENUINE_SHARE: Final = 0.1
_GENUINE_A_SECOND: Final = 100.0
"""The two limits of the default settings. The bank's time goes faster than ours, so the limit per second of
its time would let too many genuine examples through at high rates: it is set as a share instead."""


@dataclass(frozen=True)
class Plan:
    """How long the loop is measured.

    Attributes:
        rounds: turns of each system.
        rates: transactions a second that are tried after that, ascending.
        warm: transactions of the backlog that makes the first models.
        rate: transactions a second while systems take turns.
        settle: seconds at the rate before each measurement: labels that waited for a model are told in them.
        seconds: of each measurement.
    """

    rounds: int = 2
    rates: tuple[float, ...] = (1_000.0, 2_000.0, 3_000.0, 5_000.0)
    warm: int = 100_000
    rate: float = 1_000.0
    settle: float = 6.0
    seconds: float = 24.0

    @property
    def transactions(self) -> int:
        """How many that takes."""
        rates = [*[self.rate] * (self.rounds * len(SYSTEMS)), *self.rates]
        return self.warm + sum(round(rate * self.settle) + round(rate * self.seconds) for rate in rates)


class LoopBench:
    """Runs the phases on topics of its own."""

    def __init__(self, plan: Plan, settings: Settings, folder: Path) -> None:
        self._plan, self._settings, self._folder = plan, settings, folder
        self._ports = free_ports(2)
        self._lag = LabellingLag(settings)
        self._sender = Sender(
            settings.kafka.bootstrap_servers, settings.topics.names(), iter(list(draw(plan.transactions)))
        )
        gc.freeze()  # else the collector looks through all that was drawn while it is being sent

    def run(self) -> list[LoopRun]:
        """Warm up, measure every phase, then read what was scored."""
        with self._worker("scoring", LEARNING__SIGNING_KEY=_KEY) as scorer:
            with self._learning("swapping", self._plan.rate):
                self._warm()
            phases = [
                self._phase(system, self._plan.rate, number, scorer)
                for number, system in enumerate(turns(self._plan.rounds))
            ]
            phases += self._rising(len(phases), scorer)
            self._wait_for_scores()
        scored = read_scores(self._settings.kafka.bootstrap_servers, self._settings.topics.names().scores)
        return [summary(phase, scored) for phase in phases]

    def _warm(self) -> None:
        """Send the backlog, and wait until all of it was learnt and the newest model is in force."""
        self._sender.send([0.0] * self._plan.warm)
        deadline, before = time.monotonic() + _PATIENCE_SECONDS, -1.0
        while time.monotonic() < deadline:
            time.sleep(2 * PUBLISH_SECONDS["swapping"])
            learner, scorer = self._scrape(1), self._scrape(0)
            learnt = learner.total("fraudstream_examples_learnt_total")
            is_done = learner.total("fraudstream_labelling_transactions") >= self._sender.transactions
            if is_done and learnt == before and scorer.total("fraudstream_model_version"):
                return
            before = learnt
        raise BenchmarkFailed("The backlog was not learnt in time, or no model came of it.")

    def _rising(self, number: int, scorer: int) -> list[Phase]:
        """Try the rates; the first that is not kept is the last."""
        phases: list[Phase] = []
        for rate in self._plan.rates:
            phases.append(self._phase(RISING, rate, number + len(phases), scorer))
            if not phases[-1].is_kept:
                break
        return phases

    def _wait_for_scores(self) -> None:
        """Wait until all that was sent is scored, and the last commit over."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._unscored(self._scrape(0)):
            if time.monotonic() > deadline:
                raise BenchmarkFailed("Not everything was scored in time.")
            time.sleep(1.0)
        time.sleep(1.0)

    def _phase(self, system: str, rate: float, number: int, scorer: int) -> Phase:
        plan = self._plan
        with self._learning(system, rate) as learner:
            self._sender.send(arrival_times(rate, plan.settle, 2 * number))
            before, began = self._look(scorer, learner), time.monotonic()
            sent = self._sender.send(arrival_times(rate, plan.seconds, 2 * number + 1))
            after, seconds = self._look(scorer, learner), time.monotonic() - began
            return Phase(system, rate, sent, before, after, seconds, load_average())

    @contextmanager
    def _learning(self, system: str, rate: float) -> Iterator[int]:
        own = {
            "LABELLING__GENUINE_SHARE": str(min(_GENUINE_SHARE, _GENUINE_A_SECOND / rate)),
            "LEARNING__SIGNING_KEY": _KEY,
            "LEARNING__PUBLISH_SECONDS": str(PUBLISH_SECONDS[system]),
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
        told, behind = self._scrape(0), self._lag.records()
        behind += self._unscored(told)
        return Look(told, self._scrape(1), cpu_seconds(scorer), cpu_seconds(learner), machine_busy(), behind)

    def _unscored(self, told: Scrape) -> int:
        return self._sender.transactions - int(told.total("fraudstream_transactions_scored_total"))

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
