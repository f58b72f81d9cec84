"""Sends the bank's records at their arrival times, and tells of each before it goes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson

from fraudstream.demo.events import LabelSent, MalformedSent, TransactionSent
from fraudstream.simulate.produce import produce
from fraudstream.simulate.sinks import KafkaSink
from fraudstream.simulate.stream import RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from threading import Event as Flag

    from agents.topics import Topics
    from fraudstream.demo.events import Event
    from fraudstream.settings import KafkaSettings
    from fraudstream.simulate.produce import SendProgress, Sink
    from fraudstream.simulate.stream import StreamRecord


class ToldSink:
    """A sink that tells of each record, then hands it to another sink.

    Args:
        sink: where records go.
        tell: takes one event for each.
        clock: seconds since the epoch.
    """

    def __init__(
        self, sink: Sink, tell: Callable[[Event], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._sink, self._tell, self._clock = sink, tell, clock

    def send(self, record: StreamRecord) -> None:
        """Tell first, so that nothing can be read of a record that nobody knows of."""
        self._tell(self._event(record))
        self._sink.send(record)

    def close(self) -> int:
        """Wait until every record has arrived; return how many never will."""
        return self._sink.close()

    def _event(self, record: StreamRecord) -> Event:
        if record.kind is RecordKind.LABEL:
            return LabelSent()
        if record.kind is RecordKind.MALFORMED:
            return MalformedSent()
        fields = orjson.loads(record.value)
        transaction_id = fields.get("transaction_id") or fields["end_to_end_id"]
        return TransactionSent(transaction_id, self._clock(), record.time, record.fraud)


def send(
    records: Iterable[StreamRecord],
    rate: float,
    kafka: KafkaSettings,
    topics: Topics,
    tell: Callable[[Event], None],
    stop: Flag,
) -> SendProgress:
    """Send the records, `rate` transactions a second, until they or `stop` end it.

    Raises:
        KafkaUnreachable: the cluster does not answer.
        TopicsRefused: a topic is missing.
    """
    return produce(until(stop, records), ToldSink(KafkaSink(kafka, topics), tell), rate)


def until(stop: Flag, records: Iterable[StreamRecord]) -> Iterator[StreamRecord]:
    """Yield the records until `stop` is set."""
    for record in records:
        if stop.is_set():
            return
        yield record
