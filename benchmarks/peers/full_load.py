"""What a transaction costs a process that has a backlog to work off: CPU microseconds of all its threads.

Each system first works off a small backlog, which warms it, and is then stopped (SIGSTOP) while a large one
is put into Kafka; from its continuation until all of it is done, its CPU time is counted. So neither the
start nor waiting for a sender is in the figure.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from benchmarks.machine import cpu_seconds, load_average
from benchmarks.peers.librdkafka_loop import poll_loop, score_loop
from benchmarks.results import LoadRun
from benchmarks.service import BenchmarkFailed, group, topics, worker
from benchmarks.traffic import send_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.service import Mode
    from benchmarks.traffic import Message
    from fraudstream.settings import Settings

_SPAWN = get_context("spawn")  # librdkafka's threads do not survive a fork
_LOOK_SECONDS = 0.02
_PATIENCE_SECONDS = 300.0


class Running(NamedTuple):
    """A system at work: its process, and how many transactions it is wholly done with."""

    pid: int
    done: Callable[[], int]


@dataclass(frozen=True)
class System:
    """Something that works off transactions: a worker in some mode, or a loop."""

    name: str
    mode: Mode | None = None
    loop: Callable[..., None] | None = None


SYSTEMS: Final = (
    System("poll loop", loop=poll_loop),
    System("librdkafka loop", loop=score_loop),
    System("at-least-once", mode="at-least-once"),
    System("exactly-once", mode="exactly-once"),
)


def measure(
    system: System, warm: Sequence[Message], backlog: Sequence[Message], bootstrap_servers: str, folder: Path
) -> LoadRun:
    """Measure one system once, on topics of its own.

    Raises:
        BenchmarkFailed: it does not start, or is not done within five minutes.
    """
    with topics(bootstrap_servers) as settings, _running(system, settings, folder) as running:
        source = settings.topics.names().transactions
        send_all(bootstrap_servers, source, warm)
        _wait(running, len(warm), system.name)
        with _stopped(running.pid):
            send_all(bootstrap_servers, source, backlog)
            busy, start = cpu_seconds(running.pid), time.monotonic()
        _wait(running, len(warm) + len(backlog), system.name)
        wall, busy = time.monotonic() - start, cpu_seconds(running.pid) - busy
        return LoadRun(
            system=system.name,
            count=len(backlog),
            cpu_us_per_event=1e6 * busy / len(backlog),
            events_per_second=len(backlog) / wall,
            scores=_committed_records(settings, settings.topics.names().scores),
            alerts=_committed_records(settings, settings.topics.names().alerts),
            load_average=load_average(),
        )


def check(runs: Sequence[LoadRun]) -> None:
    """Hold all that do the job to have done the same.

    Raises:
        BenchmarkFailed: their numbers of scores or alerts differ.
    """
    made = {(run.scores, run.alerts) for run in runs if run.system != "poll loop"}
    if len(made) > 1:
        raise BenchmarkFailed(f"The systems made different numbers of (scores, alerts): {sorted(made)}.")


@contextmanager
def _running(system: System, settings: Settings, folder: Path) -> Iterator[Running]:
    """Run the system on these topics."""
    if system.mode is not None:
        with worker(settings, system.mode, folder) as pid, _commits(settings) as done:
            yield Running(pid, done)
        return
    progress: Any = _SPAWN.Value("q", 0)
    arguments = (
        progress,
        settings.kafka.bootstrap_servers,
        settings.topics.names(),
        settings.topics.partitions,
    )
    process = _SPAWN.Process(target=system.loop, args=arguments, daemon=True)
    process.start()
    try:
        yield Running(process.pid or 0, lambda: progress.value if process.is_alive() else _left(system))
    finally:
        process.kill()
        process.join()


def _left(system: System) -> int:
    raise BenchmarkFailed(f"The {system.name} left.")


@contextmanager
def _commits(settings: Settings) -> Iterator[Callable[[], int]]:
    """Tell how many transactions the workers have committed, by asking the broker: it costs them nothing."""
    source, partitions = settings.topics.names().transactions, settings.topics.partitions
    places = [TopicPartition(source, partition) for partition in range(partitions)]
    consumer = Consumer({"bootstrap.servers": settings.kafka.bootstrap_servers, "group.id": group(settings)})
    try:
        yield lambda: sum(max(0, place.offset) for place in consumer.committed(places, timeout=30))
    finally:
        consumer.close()


def _wait(running: Running, count: int, name: str) -> None:
    """Return when so many transactions are done."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while running.done() < count:
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"{name}: not done after {_PATIENCE_SECONDS:.0f} s.")
        time.sleep(_LOOK_SECONDS)


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """Hold a process for the time of the block, far shorter than its session in the group."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _committed_records(settings: Settings, topic: str) -> int:
    """Count the records of a topic that a reader of committed records sees."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "group.id": "benchmark-count",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    partitions = len(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    ends = records = 0
    while ends < partitions:
        for message in consumer.consume(500, 0.1):
            ends, records = (ends + 1, records) if message.error() else (ends, records + 1)
    consumer.close()
    return records
