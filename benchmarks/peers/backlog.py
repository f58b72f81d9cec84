"""What a transaction costs a process that has a backlog to work off: CPU microseconds of all its threads.

A system first works off what warms it, and is then stopped (SIGSTOP) while a backlog is put into Kafka; from
its continuation until all of it is done, its CPU time is counted, its children's included. So neither the
start nor waiting for a sender is in the figure.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from benchmarks.machine import cpu_seconds, load_average
from benchmarks.service import BenchmarkFailed
from benchmarks.traffic import send_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.traffic import Message
    from fraudstream.settings import Settings

_LOOK_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 600.0
_MOST_SENT: Final = 200_000


class Running(NamedTuple):
    """A system at work: its process, and whether it is wholly done with its first so many transactions."""

    name: str
    pid: int
    is_done: Callable[[int], bool]


@dataclass(frozen=True)
class Worked:
    """A backlog that was worked off: how many transactions, CPU and wall seconds, load average at the end."""

    count: int
    cpu_seconds: float
    wall_seconds: float
    load_average: float

    @property
    def cpu_us_per_event(self) -> float:
        """CPU microseconds for each transaction."""
        return 1e6 * self.cpu_seconds / self.count

    @property
    def events_per_second(self) -> float:
        """Transactions a second by the clock on the wall."""
        return self.count / self.wall_seconds


def work_off(
    running: Running, settings: Settings, warm: Sequence[Message], backlog: Sequence[Message]
) -> Worked:
    """Let a system work off what warms it, then a backlog that is there when it goes on.

    Raises:
        BenchmarkFailed: it leaves, or is not done in ten minutes.
    """
    _send(settings, warm)
    _wait(running, len(warm))
    with _stopped(running.pid):
        _send(settings, backlog)
        busy, start = _cpu_seconds(running.pid), time.monotonic()
    _wait(running, len(warm) + len(backlog))
    wall, busy = time.monotonic() - start, _cpu_seconds(running.pid) - busy
    return Worked(len(backlog), busy, wall, load_average())


def committed_records(settings: Settings, topic: str) -> int:
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


def _send(settings: Settings, messages: Sequence[Message]) -> None:
    """Put messages into Kafka, not more at once than a producer holds."""
    servers, source = settings.kafka.bootstrap_servers, settings.topics.names().transactions
    for start in range(0, len(messages), _MOST_SENT):
        send_all(servers, source, messages[start : start + _MOST_SENT])


def _wait(running: Running, count: int) -> None:
    """Return when so many transactions are done."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not running.is_done(count):
        if not _is_alive(running.pid):
            raise BenchmarkFailed(f"{running.name} left.")
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"{running.name}: not done after {_PATIENCE_SECONDS:.0f} s.")
        time.sleep(_LOOK_SECONDS)


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """Hold a process and its children for the time of the block, far shorter than a session in a group."""
    held = _family(pid)
    for each in held:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in held:
            os.kill(each, signal.SIGCONT)


def _cpu_seconds(pid: int) -> float:
    return sum(map(cpu_seconds, _family(pid)))


def _family(pid: int) -> list[int]:
    """A process and all that it started, and they."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [
        pid,
        *(each for task in tasks for child in task.read_text().split() for each in _family(int(child))),
    ]


def _is_alive(pid: int) -> bool:
    """Whether a process is there and not just waiting to be buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}
