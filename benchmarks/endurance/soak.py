"""The soak: the whole service at a steady rate for an hour, while a second worker joins and leaves by turns.

What stays is one scoring worker and one learning worker; the simulated bank sends payments and their late
labels. Every ten seconds memory, lag and readiness are looked at; in the end each transaction has its score.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from benchmarks.endurance.memory import resident_bytes
from benchmarks.endurance.results import Sample, SoakRun
from benchmarks.learning.buckets import Scrape
from benchmarks.learning.lag import LabellingLag
from benchmarks.machine import load_average
from benchmarks.service import BenchmarkFailed, group, topics, worker
from benchmarks.topic import count_records, count_transactions
from fraudstream.admin.doctor.group import lags
from fraudstream.demo.scrape import fetch
from fraudstream.demo.workers import free_ports
from fraudstream.kafka.admin import kafka_admin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fraudstream.admin.doctor.group import Lag
    from fraudstream.local.broker import LocalKafka
    from fraudstream.settings import Settings

_KEY: Final = "endurance-" * 4
_CARDS: Final = 20_000
_LEAST_A_CARD_A_DAY: Final = 1.7
_PATIENCE_SECONDS: Final = 300.0


@dataclass(frozen=True)
class Plan:
    """How long at how many transactions a second; times in seconds."""

    rate: float = 1_000.0
    seconds: float = 3_600.0
    rebalance_every: float = 60.0
    look_every: float = 10.0

    @property
    def transactions(self) -> int:
        """How many that takes."""
        return round(self.rate * self.seconds)

    @property
    def days(self) -> int:
        """How many days of the bank's time."""
        return 2 + round(self.transactions / (_CARDS * _LEAST_A_CARD_A_DAY))


class Soak:
    """One run, on topics of its own."""

    def __init__(self, plan: Plan, settings: Settings, folder: Path, broker: int) -> None:
        self._plan, self._settings, self._folder, self._broker = plan, settings, folder, broker
        self._ports = free_ports(3)
        self._labelling = LabellingLag(settings)
        self._samples: list[Sample] = []
        self._began = 0.0

    def run(self) -> SoakRun:
        """Send everything while the second worker comes and goes; then wait until all is done, and count."""
        rebalances = 0
        with self._scoring(0) as scorer, self._learning() as learner, ExitStack() as second:
            with self._bank() as bank:
                while bank.poll() is None:
                    rebalances += self._turn(second, rebalances)
                    self._look(scorer, learner)
                    time.sleep(self._plan.look_every)
                if bank.returncode:
                    raise BenchmarkFailed(f"The simulated bank left with status {bank.returncode}.")
                sent = int(orjson.loads(bank.stdout.read().splitlines()[-1])["transactions"])
            ended = time.monotonic()
            self._wait_for_commits()
            caught_up = time.monotonic() - ended
            self._look(scorer, learner)
            told = Scrape(fetch(self._ports[1], "/metrics") or "")
        names, servers = self._settings.topics.names(), self._settings.kafka.bootstrap_servers
        scored, distinct = count_transactions(servers, names.scores)
        return SoakRun(
            rate=self._plan.rate,
            seconds=self._plan.seconds,
            rebalances=rebalances,
            sent=sent,
            scored=scored,
            distinct=distinct,
            dead_lettered=count_records(servers, names.dead_letters),
            caught_up_seconds=caught_up,
            versions=int(told.total("fraudstream_snapshots_published_total")),
            samples=self._samples,
            load_average=load_average(),
        )

    def _turn(self, second: ExitStack, turns: int) -> int:
        """When it is time, let the second worker join or leave; gives how often."""
        if self._since_start() < (turns + 1) * self._plan.rebalance_every:
            return 0
        if turns % 2:
            second.close()
        else:
            second.enter_context(self._scoring(2))
        return 1

    def _since_start(self) -> float:
        """Seconds since the first transactions were committed."""
        if not self._began and any(each.next_offset for each in self._lags()):
            self._began = time.monotonic()
        return time.monotonic() - self._began if self._began else 0.0

    def _look(self, scorer: int, learner: int) -> None:
        if not (at := self._since_start()):
            return
        self._samples.append(
            Sample(
                at=at,
                scoring_bytes=resident_bytes(scorer),
                learning_bytes=resident_bytes(learner),
                broker_bytes=resident_bytes(self._broker),
                scoring_lag=self._lag_of_scoring(),
                labelling_lag=self._labelling.records(),
                is_ready=fetch(self._ports[0], "/readyz") is not None,
            )
        )

    def _lag_of_scoring(self) -> int:
        return sum(each.records for each in self._lags())

    def _lags(self) -> list[Lag]:
        with kafka_admin(self._settings.kafka) as admin:
            return list((lags(admin, group(self._settings)) or {}).values())

    def _wait_for_commits(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._lag_of_scoring():
            if time.monotonic() > deadline:
                raise BenchmarkFailed("Not everything was scored in time.")
            time.sleep(1.0)

    @contextmanager
    def _bank(self) -> Iterator[subprocess.Popen[bytes]]:
        """The simulated bank, a process of its own, that sends from when it has drawn its world."""
        plan, names = (
            self._plan,
            {
                "KAFKA__BOOTSTRAP_SERVERS": self._settings.kafka.bootstrap_servers,
                "TOPICS__PREFIX": self._settings.topics.prefix,
            },
        )
        options = {
            "--rate": plan.rate,
            "--count": plan.transactions,
            "--customers": _CARDS,
            "--days": plan.days,
            "--seed": 1,
        }
        words = [str(word) for option in options.items() for word in option]
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "fraudstream", "simulate", "--json", *words],
            env={**os.environ, **{f"FRAUDSTREAM_{name}": value for name, value in names.items()}},
            stdout=subprocess.PIPE,
        ) as bank:
            try:
                yield bank
            finally:
                bank.kill()

    @contextmanager
    def _scoring(self, place: int) -> Iterator[int]:
        with self._worker("one" if place == 0 else "two", place) as pid:
            yield pid

    @contextmanager
    def _learning(self) -> Iterator[int]:
        own = {
            "WORKER__AGENTS": "labelling,reputation,learning",
            "WORKER__FOLDER": str(self._folder / "learning-side"),
        }
        with self._worker("learning", 1, **own) as pid:
            yield pid

    @contextmanager
    def _worker(self, slot: str, place: int, **own: str) -> Iterator[int]:
        own |= {
            "WORKER__SLOT": slot,
            "WEB__PORT": str(self._ports[place]),
            "LEARNING__SIGNING_KEY": _KEY,
        }
        with worker(self._settings, "exactly-once", self._folder, slot, **own) as pid:
            yield pid


def measure(plan: Plan, kafka: LocalKafka, folder: Path) -> SoakRun:
    """Run the soak by plan.

    Raises:
        BenchmarkFailed: a worker does not start or leaves, or something is not scored in time.
    """
    with topics(kafka.bootstrap_servers) as settings:
        return Soak(plan, settings, folder, kafka.process.pid).run()
