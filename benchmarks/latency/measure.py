"""Latency from the time a transaction was due to the time a reader saw its score, at a fixed rate.

Sender, service under test and reader are processes of their own, timed by the one monotonic clock of the
machine. The echo is measured in the same round, so that what machine and broker cost shows beside the rest.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.children import SPAWN, child, receive
from benchmarks.latency.arrivals import arrival_times
from benchmarks.latency.echo import echo
from benchmarks.latency.reader import read
from benchmarks.latency.sender import send
from benchmarks.machine import cpu_seconds, load_average
from benchmarks.percentiles import Percentiles, nearest_rank
from benchmarks.results import LatencyRun
from benchmarks.service import BenchmarkFailed, Mode, topics, worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.latency.sender import Sent
    from fraudstream.settings import Settings

_START_SECONDS = 60.0
_LEAD_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class System:
    """Something that answers each transaction: the echo, or a worker seen by some reader.

    Attributes:
        name: as in the results.
        mode: of the worker's delivery; None is the echo.
        isolation: of the reader.
    """

    name: str
    mode: Mode | None
    isolation: str = "read_uncommitted"


SYSTEMS: Final = (
    System("echo", None),
    System("at-least-once", "at-least-once"),
    System("exactly-once, any reader", "exactly-once"),
    System("exactly-once, committed reader", "exactly-once", "read_committed"),
)
FULLEST: Final = SYSTEMS[2]
"""The one by which a machine's capacity is found."""


@dataclass(frozen=True)
class Traffic:
    """What is sent: `messages` is the file of them, `warm` seconds are not counted, then come `seconds`."""

    messages: Path
    rate: float
    warm: float
    seconds: float

    @property
    def arrivals(self) -> list[float]:
        """When each message is due, in seconds after the start."""
        return arrival_times(self.rate, self.warm + self.seconds)


def measure(system: System, traffic: Traffic, bootstrap_servers: str, folder: Path) -> LatencyRun:
    """Measure one system once, on topics of its own.

    Raises:
        BenchmarkFailed: it does not start, or a score is missing a minute after the last transaction.
    """
    with topics(bootstrap_servers) as settings, _running(system, settings, folder) as pid:
        return _measure(system, traffic, settings, pid)


def _measure(system: System, traffic: Traffic, settings: Settings, pid: int) -> LatencyRun:
    servers, names, arrivals = settings.kafka.bootstrap_servers, settings.topics.names(), traffic.arrivals
    partitions = settings.topics.score_partitions
    reading = (servers, names.scores, partitions, system.isolation, len(arrivals))
    sending = (servers, names.transactions, traffic.messages, arrivals)
    with child(read, *reading) as reader, child(send, *sending) as sender:
        for each in (reader, sender):
            receive(each, _START_SECONDS, f"{system.name}: sender and reader do not start.")
        sender.send(start := time.monotonic() + _LEAD_SECONDS)
        time.sleep(max(0.0, start + traffic.warm - time.monotonic()))
        busy = cpu_seconds(pid)
        time.sleep(traffic.seconds)
        busy = cpu_seconds(pid) - busy
        sent: Sent = receive(sender, _PATIENCE_SECONDS, f"{system.name}: Kafka took not every transaction.")
        seen = receive(reader, _PATIENCE_SECONDS, f"{system.name}: a score is missing.")
    latencies = matched(sent.due, seen, start + traffic.warm)
    late = sorted(sent.late)
    return LatencyRun(
        system=system.name,
        rate=traffic.rate,
        count=len(latencies),
        ms=Percentiles.of(latencies),
        cpu_us_per_event=1e6 * busy / (traffic.rate * traffic.seconds),
        sender_late_p99_ms=1e3 * nearest_rank(late, 0.99),
        sender_late_max_ms=1e3 * late[-1],
        load_average=load_average(),
    )


def matched(due: Mapping[str, float], seen: Mapping[str, float], since: float) -> list[float]:
    """Seconds from due to seen of each transaction that was due from `since` on."""
    return [seen[transaction_id] - at for transaction_id, at in due.items() if at >= since]


@contextmanager
def _running(system: System, settings: Settings, folder: Path) -> Iterator[int]:
    """Run the system; gives its process id."""
    if system.mode is not None:
        with worker(settings, system.mode, folder) as pid:
            yield pid
        return
    names, ready = settings.topics.names(), SPAWN.Event()
    places = (settings.kafka.bootstrap_servers, names.transactions, names.scores, settings.topics.partitions)
    process = SPAWN.Process(target=echo, args=(ready, *places), daemon=True)
    process.start()
    try:
        if not ready.wait(_START_SECONDS):
            raise BenchmarkFailed("The echo does not start.")
        yield process.pid
    finally:
        process.kill()
        process.join()
