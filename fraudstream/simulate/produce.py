"""Sends a stream of records at a steady rate, each transaction at an instant fixed before the first was sent.

Arrival times do not depend on how the service or Kafka is doing: after a stall the late records are sent at
once, so that the wait shows in their latency instead of being left out (coordinated omission).
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fraudstream.simulate.stream import RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fraudstream.simulate.stream import StreamRecord

_PROGRESS_SECONDS = 0.1


class Sink(Protocol):
    """Where records go: Kafka, a terminal, or a list in a test."""

    def send(self, record: StreamRecord) -> None:
        """Hand over one record."""

    def close(self) -> int:
        """Wait until every record has arrived; return how many never will."""


@dataclass(frozen=True, slots=True)
class SendProgress:
    """How far the stream is; after the end, its summary. Times are in seconds.

    Attributes:
        transactions: sent, malformed ones not counted.
        frauds: transactions among them that are fraud.
        labels: sent.
        malformed: messages sent that the service must refuse.
        undelivered: records that Kafka never took; known at the end alone.
        seconds: since the first record was sent.
        latest_seconds: the longest that a transaction was sent after its arrival time.
        simulated_time: where the stream is in its own time, since the epoch.
    """

    transactions: int = 0
    frauds: int = 0
    labels: int = 0
    malformed: int = 0
    undelivered: int = 0
    seconds: float = 0.0
    latest_seconds: float = 0.0
    simulated_time: float = 0.0


def produce(
    records: Iterable[StreamRecord],
    sink: Sink,
    rate: float,
    *,
    on_progress: Callable[[SendProgress], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> SendProgress:
    """Send every record and return the summary.

    Args:
        records: in the order to send them; labels and malformed messages follow the transaction before them.
        sink: where to; closed in any case.
        rate: transactions per second; 0 sends as fast as the sink takes them.
        on_progress: called about ten times a second, from this thread.
        clock: seconds that only rise.
        sleep: waits for some seconds.
    """
    pace = _Pace(rate, clock, sleep)
    counts: Counter[str] = Counter()
    reported = simulated = 0.0
    try:
        for record in records:
            if record.kind is RecordKind.TRANSACTION:
                pace.wait()
            sink.send(record)
            counts.update((record.kind, "fraud") if record.fraud else (record.kind,))
            simulated = record.time
            if pace.seconds - reported >= _PROGRESS_SECONDS:
                reported = pace.seconds
                on_progress(_progress(counts, pace, simulated))
    finally:
        undelivered = sink.close()
    summary = _progress(counts, pace, simulated, undelivered)
    on_progress(summary)
    return summary


class _Pace:
    """The arrival times: transaction n comes n / rate seconds after the first, which comes at once."""

    def __init__(self, rate: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.latest = 0.0
        self._interval = 1 / rate if rate else 0.0
        self._clock, self._sleep = clock, sleep
        self._arrived = 0
        self._start: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the first arrival."""
        return 0.0 if self._start is None else self._clock() - self._start

    def wait(self) -> None:
        """Wait for the next arrival time."""
        if self._start is None:  # the world is drawn before its first record: the clock starts after that
            self._start = self._clock()
        due = self._arrived * self._interval
        self._arrived += 1
        late = self.seconds - due
        if late < 0:
            self._sleep(-late)
        elif self._interval:
            self.latest = max(self.latest, late)


def _progress(counts: Counter[str], pace: _Pace, simulated_time: float, undelivered: int = 0) -> SendProgress:
    return SendProgress(
        transactions=counts[RecordKind.TRANSACTION],
        frauds=counts["fraud"],
        labels=counts[RecordKind.LABEL],
        malformed=counts[RecordKind.MALFORMED],
        undelivered=undelivered,
        seconds=pace.seconds,
        latest_seconds=pace.latest,
        simulated_time=simulated_time,
    )
