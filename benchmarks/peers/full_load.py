"""The worker beside the bare core and the bare poll: what delivery adds to the job, on one backlog."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer, TopicPartition

from benchmarks.children import SPAWN
from benchmarks.peers.backlog import Running, committed_records, work_off
from benchmarks.peers.core_loop import core_loop, poll_loop
from benchmarks.results import LoadRun
from benchmarks.service import BenchmarkFailed, group, topics, worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.service import Mode
    from benchmarks.traffic import Message
    from fraudstream.settings import Settings


@dataclass(frozen=True)
class System:
    """Something that works off transactions: a worker in some mode, or a loop."""

    name: str
    mode: Mode | None = None
    loop: Callable[..., None] | None = None


SYSTEMS: Final = (
    System("poll loop", loop=poll_loop),
    System("core loop", loop=core_loop),
    System("at-least-once", mode="at-least-once"),
    System("exactly-once", mode="exactly-once"),
)


def measure(
    system: System, warm: Sequence[Message], backlog: Sequence[Message], bootstrap_servers: str, folder: Path
) -> LoadRun:
    """Measure one system once, on topics of its own.

    Raises:
        BenchmarkFailed: it does not start, leaves, or is not done in time.
    """
    with topics(bootstrap_servers) as settings, _running(system, settings, folder) as running:
        worked = work_off(running, settings, warm, backlog)
        return LoadRun(
            system=system.name,
            count=worked.count,
            cpu_us_per_event=worked.cpu_us_per_event,
            events_per_second=worked.events_per_second,
            scores=committed_records(settings, settings.topics.names().scores),
            alerts=committed_records(settings, settings.topics.names().alerts),
            load_average=worked.load_average,
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
            yield Running(f"The worker ({system.name})", pid, lambda count: done() >= count)
        return
    progress: Any = SPAWN.Value("q", 0)
    arguments = (progress, settings.kafka.bootstrap_servers, settings.topics.names())
    process = SPAWN.Process(target=system.loop, args=arguments, daemon=True)
    process.start()
    try:
        yield Running(f"The {system.name}", process.pid or 0, lambda count: progress.value >= count)
    finally:
        process.kill()
        process.join()


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
