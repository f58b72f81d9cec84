"""Streams the bank through the workers and watches until everything that was sent is accounted for.

A thread each sends, reads and asks the workers; they tell events into one queue, so that the tally, fed by
the main thread alone, needs no lock, and knows of each transaction before its score.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from fraudstream.demo.bank import bank_records
from fraudstream.demo.errors import DemoFailed
from fraudstream.demo.reading import read
from fraudstream.demo.scrape import scrape
from fraudstream.demo.sending import send
from fraudstream.demo.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fraudstream.demo.display import Display
    from fraudstream.demo.events import Event
    from fraudstream.demo.figures import Figures
    from fraudstream.demo.options import DemoOptions
    from fraudstream.demo.workers import Worker
    from fraudstream.settings import KafkaSettings, TopicSettings
    from fraudstream.simulate.produce import SendProgress

PATIENCE_SECONDS = 60.0
"""How long after the last record everything must be accounted for."""
_FRAME_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last figures, and the producer's own summary."""

    figures: Figures
    sent: SendProgress


def watch(
    options: DemoOptions,
    kafka: KafkaSettings,
    topics: TopicSettings,
    workers: Sequence[Worker],
    display: Display,
    check: Callable[[], None],
) -> Outcome:
    """Send, read and show until everything sent is accounted for.

    Args:
        options: how much is sent, and how fast.
        kafka: the cluster.
        topics: its topics.
        workers: whom to ask for their own figures.
        display: shows the figures.
        check: raises when something that must run has left; called several times a second.

    Raises:
        DemoFailed: something has left, or is not accounted for within a minute.
        KafkaUnreachable: the cluster does not answer.
    """
    stop: threading.Event = threading.Event()
    events: SimpleQueue[Event] = SimpleQueue()
    records = bank_records(options.transactions, datetime.now(UTC).date())
    with display.running(), ThreadPoolExecutor(thread_name_prefix="demo") as threads:
        try:
            sending = threads.submit(send, records, options.rate, kafka, topics.names(), events.put, stop)
            others = (
                threads.submit(read, kafka, topics, events.put, stop),
                threads.submit(scrape, workers, events.put, stop),
            )
            return _follow(events, sending, others, display, check)
        finally:
            stop.set()


def _follow(
    events: SimpleQueue[Event],
    sending: Future[SendProgress],
    others: Iterable[Future[None]],
    display: Display,
    check: Callable[[], None],
) -> Outcome:
    tally = Tally()
    sent_at: float | None = None
    while True:
        check()
        _raise_failures(sending, *others)
        is_sent = sending.done()
        _drain(events, tally)
        now = time.monotonic()
        figures = tally.figures(now)
        display.show(figures, "waiting for the last scores" if is_sent else "streaming")
        if is_sent:
            sent_at = sent_at or now
            if figures.is_accounted_for:
                return Outcome(figures, sending.result())
            if now - sent_at > PATIENCE_SECONDS:
                raise DemoFailed(_unaccounted(figures, sending.result()))
        time.sleep(_FRAME_SECONDS)


def _raise_failures(*threads: Future[SendProgress] | Future[None]) -> None:
    for thread in threads:
        if thread.done():
            thread.result()


def _drain(events: SimpleQueue[Event], tally: Tally) -> None:
    """Tally what has come to pass so far."""
    try:
        while True:
            tally.take(events.get_nowait())
    except Empty:
        pass


def _unaccounted(figures: Figures, sent: SendProgress) -> str:
    """What is missing, and what there is."""
    return (
        f"Not everything is accounted for {PATIENCE_SECONDS:.0f} s after the last record was sent: "
        f"{figures.messages:,} in, {figures.scored:,} scored, {figures.refused:,} dead letters, "
        f"{figures.repeats:,} repeats, {figures.unscored:,} without a score; {figures.labels_taken:,} of "
        f"{figures.labels_sent:,} labels; {sent.undelivered:,} records that Kafka did not take."
    )
