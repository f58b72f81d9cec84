"""Workers on a grown state: started, asked what they hold, and how far their group has come."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, TopicPartition

from benchmarks.learning.buckets import Scrape
from benchmarks.service import BenchmarkFailed, group, worker
from fraudstream.demo.scrape import fetch
from fraudstream.demo.workers import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fraudstream.settings import Settings

_LOOK_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 300.0


@dataclass(frozen=True)
class Worker:
    """A worker process at work, by the port of its web server."""

    pid: int
    port: int

    def scrape(self) -> Scrape:
        """Its metrics now."""
        exposition = fetch(self.port, "/metrics")
        if exposition is None:
            raise BenchmarkFailed("A worker does not tell its metrics.")
        return Scrape(exposition)


@contextmanager
def running(settings: Settings, folder: Path, count: int = 1) -> Iterator[list[Worker]]:
    """Run so many exactly-once workers with default settings; each is ready before the next starts."""
    with ExitStack() as stack:
        workers = []
        for port in free_ports(count):
            name = f"worker-{port}"
            pid = stack.enter_context(worker(settings, "exactly-once", folder, name, WEB__PORT=str(port)))
            workers.append(Worker(pid, port))
        yield workers


def expect_cards(workers: Sequence[Worker], cards: int) -> None:
    """Hold the workers to what their changelog held: that many profiles among them, no more, no fewer.

    Raises:
        BenchmarkFailed: they do not have them.
    """
    held = sum(each.scrape().total("fraudstream_profiles") for each in workers)
    if held != cards:
        raise BenchmarkFailed(f"The workers hold {held:,.0f} profiles where {cards:,} are known.")


@contextmanager
def stopped(workers: Sequence[Worker]) -> Iterator[None]:
    """Hold the processes for the time of the block, far shorter than their sessions in the group."""
    for each in workers:
        os.kill(each.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in workers:
            os.kill(each.pid, signal.SIGCONT)


class Commits:
    """How far the group has come in its transactions, by the broker's word: it costs the workers nothing."""

    def __init__(self, settings: Settings) -> None:
        topic = settings.topics.names().transactions
        self._places = [TopicPartition(topic, number) for number in range(settings.topics.partitions)]
        self._consumer = Consumer(
            {"bootstrap.servers": settings.kafka.bootstrap_servers, "group.id": group(settings)}
        )

    def total(self) -> int:
        """Offsets committed, added up over the partitions."""
        return sum(max(0, place.offset) for place in self._consumer.committed(self._places, timeout=30))

    def wait(self, total: int) -> None:
        """Return when they add up to so many.

        Raises:
            BenchmarkFailed: they do not within five minutes.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.total() < total:
            if time.monotonic() > deadline:
                raise BenchmarkFailed(f"The backlog was not done after {_PATIENCE_SECONDS:.0f} s.")
            time.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()
