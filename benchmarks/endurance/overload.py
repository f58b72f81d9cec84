"""The overload: several times what a worker can carry, for a while, and what it does then and afterwards.

The worker has one core to itself, so that neither sender nor broker, which share the others, takes its
capacity away. That capacity is measured first, on a backlog.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from benchmarks import traffic
from benchmarks.children import child, receive
from benchmarks.endurance.memory import resident_bytes
from benchmarks.endurance.results import OverloadRun, Second
from benchmarks.growth.workers import Commits
from benchmarks.latency.sender import send
from benchmarks.learning.buckets import Scrape
from benchmarks.learning.scores import read_scores
from benchmarks.machine import load_average
from benchmarks.service import BenchmarkFailed, topics, worker
from fraudstream.demo.scrape import fetch
from fraudstream.demo.workers import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.latency.sender import Sent
    from benchmarks.traffic import Message
    from fraudstream.local.broker import LocalKafka
    from fraudstream.settings import Settings

_START_SECONDS: Final = 60.0
_PATIENCE_SECONDS: Final = 600.0
_LEAD_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Plan:
    """How much is sent.

    Attributes:
        backlog: transactions by which the capacity is measured.
        times: so many times the capacity is sent,
        seconds: for so long.
    """

    backlog: int = 200_000
    times: float = 3.0
    seconds: float = 30.0


@dataclass
class Watch:
    """Looks at the worker every second, from a thread of its own, until it is told to stop."""

    pid: int
    port: int
    stop: Event = field(default_factory=Event)
    seen: list[tuple[float, float, int, float, bool]] = field(default_factory=list)

    def run(self) -> None:
        """Note time (s, monotonic), transactions scored, memory, and how `/readyz` answered."""
        while not self.stop.wait(_LOOK_SECONDS):
            asked = time.monotonic()
            is_ready = fetch(self.port, "/readyz") is not None
            took = time.monotonic() - asked
            scored = Scrape(fetch(self.port, "/metrics") or "").total("fraudstream_transactions_scored_total")
            self.seen.append((asked, scored, resident_bytes(self.pid), took, is_ready))


def measure(plan: Plan, kafka: LocalKafka, folder: Path) -> OverloadRun:
    """Measure the capacity, overload the worker, and let it catch up.

    Raises:
        BenchmarkFailed: there is one core only, the worker leaves, or it does not catch up in ten minutes.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:  # noqa: PLR2004 - one for the worker, one for the others
        raise BenchmarkFailed("An overload is measured on two cores or more.")
    own, others = cores[:1], cores[1:]
    pin(kafka.process.pid, others)
    pin(os.getpid(), others)
    try:
        with topics(kafka.bootstrap_servers) as settings:
            return _measure(plan, settings, folder, own)
    finally:
        pin(os.getpid(), cores)


def pin(pid: int, cores: Sequence[int]) -> None:
    """Keep all threads of a process on these cores; those that it starts later follow."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended since it was listed
            os.sched_setaffinity(int(thread.name), cores)


def _measure(plan: Plan, settings: Settings, folder: Path, own: Sequence[int]) -> OverloadRun:
    (port,) = free_ports(1)
    with worker(settings, "exactly-once", folder, WEB__PORT=str(port)) as pid:
        pin(pid, own)
        backlog = traffic.draw(plan.backlog)
        capacity = _capacity(settings, backlog)
        rate = plan.times * capacity
        messages = traffic.draw(plan.backlog + round(rate * plan.seconds))[plan.backlog :]
        watch = Watch(pid, port)
        looking = Thread(target=watch.run)
        looking.start()
        try:
            sent = _send(settings, messages, rate, folder)
            commits = Commits(settings)
            commits.wait(plan.backlog + len(messages))
            commits.close()
        finally:
            watch.stop.set()
            looking.join()
        offset = time.time() - time.monotonic()
    scored = read_scores(settings.kafka.bootstrap_servers, settings.topics.names().scores)
    done = {each: scored[each].at - offset for each in sent.due}
    first, last = min(sent.due.values()), max(sent.due.values())
    return OverloadRun(
        capacity=capacity,
        rate=rate,
        seconds=plan.seconds,
        sent=len(messages),
        scored=len(done),
        caught_up_seconds=max(done.values()) - last,
        delay_errors=unexplained(sent.due, done),
        fields=_seconds(watch, len(backlog), sorted(sent.due.values()), first),
        load_average=load_average(),
    )


def _capacity(settings: Settings, backlog: Sequence[Message]) -> float:
    """Transactions a second that the worker does of a backlog, from the first commit on."""
    traffic.send_all(settings.kafka.bootstrap_servers, settings.topics.names().transactions, backlog)
    commits = Commits(settings)
    commits.wait(len(backlog) // 4)
    began, before = time.monotonic(), commits.total()
    commits.wait(len(backlog))
    commits.close()
    return (len(backlog) - before) / (time.monotonic() - began)


def _send(settings: Settings, messages: Sequence[Message], rate: float, folder: Path) -> Sent:
    """Send the messages at an even rate, from a process of its own."""
    file, due = folder / "overload.tsv", [number / rate for number in range(len(messages))]
    traffic.save(messages, file)
    where = (settings.kafka.bootstrap_servers, settings.topics.names().transactions)
    with child(send, *where, file, due) as sender:
        receive(sender, _START_SECONDS, "The sender does not start.")
        sender.send(time.monotonic() + _LEAD_SECONDS)
        sent: Sent = receive(sender, _PATIENCE_SECONDS, "Kafka took not every transaction.")
        return sent


def unexplained(due: Mapping[str, float], done: Mapping[str, float]) -> tuple[float, float]:
    """How much longer transactions took than what waited before them explains: median and worst, in seconds.

    What waited before a transaction, divided by what was done a second meanwhile, is the wait of a queue that
    does nothing but wait. One transaction is looked at for every second of the load.

    Args:
        due: when each transaction was due.
        done: when each was scored, by the same clock.
    """
    by_time = sorted(due, key=due.__getitem__)
    ends = sorted(done.values())
    busy = len(ends) / (ends[-1] - due[by_time[0]])
    errors, looked_at = [], due[by_time[0]]
    finished = 0
    for number, each in enumerate(by_time):
        if due[each] < looked_at:
            continue
        looked_at += _LOOK_SECONDS
        while finished < len(ends) and ends[finished] <= due[each]:
            finished += 1
        errors.append(done[each] - due[each] - (number - finished) / busy)
    return median(errors), max(errors)


def _seconds(watch: Watch, already: int, due: Sequence[float], began: float) -> list[Second]:
    """What was seen every second, with the lag of that moment."""
    found, before = [], None
    for asked, scored, size, took, is_ready in watch.seen:
        if before is not None and asked >= began:
            sent = bisect_right(due, asked)
            found.append(
                Second(
                    at=asked - began,
                    lag=max(0, already + sent - int(scored)),
                    scored_a_second=(scored - before[1]) / (asked - before[0]),
                    resident_bytes=size,
                    ready_ms=1e3 * took,
                    is_ready=is_ready,
                )
            )
        before = (asked, scored)
    return found
