"""What a transaction costs workers that have a backlog to work off, by the size of their state.

As in `benchmarks/peers`: the workers are warmed by a small backlog, then held (SIGSTOP) while a large one is
put into Kafka; the CPU time of all their threads counts from their continuation until all of it is committed.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks.growth.results import LoadRun
from benchmarks.growth.workers import Commits, expect_cards, running, stopped
from benchmarks.machine import cpu_seconds, load_average
from benchmarks.service import BenchmarkFailed
from benchmarks.traffic import send_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.growth.state import State
    from benchmarks.growth.workers import Worker
    from fraudstream.local.broker import LocalKafka


def measure(state: State, count: int, warm: int, backlog: int, kafka: LocalKafka, folder: Path) -> LoadRun:
    """Have so many workers work off a backlog of known cards.

    Raises:
        BenchmarkFailed: they are not done within five minutes, do not share alike, or hold other cards.
    """
    settings = state.settings
    servers, source = settings.kafka.bootstrap_servers, settings.topics.names().transactions
    warming, working = state.feed.take(warm), state.feed.take(backlog)
    with running(settings, folder, count) as workers, closing(Commits(settings)) as commits:
        _expect_shares(workers)
        done = commits.total()
        send_all(servers, source, warming)
        commits.wait(done + warm)
        with stopped(workers):
            send_all(servers, source, working)
            before, start = _busy(workers, kafka), time.monotonic()
        commits.wait(done + warm + backlog)
        wall, after = time.monotonic() - start, _busy(workers, kafka)
        expect_cards(workers, state.cards)
    *busy, broker = (late - early for early, late in zip(before, after, strict=True))
    return LoadRun(
        cards=state.cards,
        workers=count,
        count=backlog,
        cpu_us_per_event=1e6 * sum(busy) / backlog,
        shares=[each / sum(busy) for each in busy],
        events_per_second=backlog / wall,
        broker_cpu_us_per_event=1e6 * broker / backlog,
        load_average=load_average(),
    )


def _busy(workers: Sequence[Worker], kafka: LocalKafka) -> list[float]:
    """CPU seconds of each worker so far, then the broker's."""
    return [cpu_seconds(pid) for pid in (*(each.pid for each in workers), kafka.process.pid)]


def _expect_shares(workers: Sequence[Worker]) -> None:
    """Hold the workers to as many partitions each."""
    held = [each.scrape().total("fraudstream_assigned_partitions") for each in workers]
    if len(set(held)) > 1:
        raise BenchmarkFailed(f"The workers do not share alike: they hold {held} partitions.")
