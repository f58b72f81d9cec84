"""Sends the bank's records: transactions at times fixed beforehand, labels with the next transaction."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import orjson
from confluent_kafka import Producer

from fraudstream.simulate.stream import RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.topics import Topics
    from fraudstream.simulate.stream import StreamRecord

_SERVE_EVERY = 50


class Sent(NamedTuple):
    """When each transaction was due (s since 1970), how late it went (s), and how many labels there were."""

    due: dict[str, float]
    late: list[float]
    labels: int


class Sender:
    """Sends one stream of records, part after part.

    Args:
        bootstrap_servers: of Kafka.
        topics: names of the topics.
        records: what there is to send.
    """

    def __init__(self, bootstrap_servers: str, topics: Topics, records: Iterator[StreamRecord]) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "partitioner": "murmur2_random",
                "linger.ms": 0.5,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        self._topics = topics
        self._records = records
        self.transactions = 0
        """Sent so far."""
        for topic in (topics.transactions, topics.labels):
            self._producer.list_topics(topic, timeout=10)  # the first message must not wait for it

    def send(self, arrivals: Sequence[float]) -> Sent:
        """Send a transaction at each of these seconds from now, stamped with the time when it was due.

        A wait of the sender itself, or of Kafka, is therefore in every latency counted from that timestamp.
        """
        start, late, due, labels = time.time(), list[float](), dict[str, float](), 0
        for arrival in arrivals:
            at = start + arrival
            if (wait := at - time.time()) > 0:
                time.sleep(wait)
            late.append(time.time() - at)
            while (record := next(self._records)).kind is RecordKind.LABEL:
                self._produce(self._topics.labels, record, at)
                labels += 1
            self._produce(self._topics.transactions, record, at)
            due[orjson.loads(record.value)["transaction_id"]] = at
            if len(due) % _SERVE_EVERY == 0:
                self._producer.poll(0)
        self.transactions += len(due)
        assert self._producer.flush(60) == 0
        return Sent(due, late, labels)

    def _produce(self, topic: str, record: StreamRecord, at: float) -> None:
        self._producer.produce(topic, record.value, record.key, timestamp=round(1e3 * at))
