"""How long a worker takes to start with a state of some size in its changelog."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.growth.results import RestoreRun
from benchmarks.growth.state import changelog_bytes
from benchmarks.growth.workers import expect_cards, running
from benchmarks.machine import cpu_seconds, load_average

if TYPE_CHECKING:
    from pathlib import Path

    from fraudstream.local.broker import LocalKafka
    from fraudstream.settings import Settings


def measure(settings: Settings, cards: int, kafka: LocalKafka, folder: Path) -> RestoreRun:
    """Start a worker, see that it holds these cards, and stop it.

    Raises:
        BenchmarkFailed: it does not become ready within a minute, or holds others.
    """
    start = time.monotonic()
    with running(settings, folder) as workers:
        ready = time.monotonic() - start
        [worker] = workers
        busy = cpu_seconds(worker.pid)
        expect_cards(workers, cards)
        scrape = worker.scrape()
    return RestoreRun(
        cards=cards,
        ready_seconds=ready,
        cpu_seconds=busy,
        restore_seconds=scrape.total("fraudstream_restore_seconds_sum"),
        records=int(scrape.total("fraudstream_restored_records_total")),
        changelog_bytes=changelog_bytes(settings, kafka),
        resident_bytes=int(scrape.total("process_resident_memory_bytes")),
        load_average=load_average(),
    )
