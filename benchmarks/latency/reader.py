"""The reader, a process of its own: it notes when it first sees each transaction's score."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson
from confluent_kafka import Consumer, KafkaError, TopicPartition

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from confluent_kafka import Message

_MOST_AT_ONCE = 500


def read(
    report: Connection, bootstrap_servers: str, topic: str, partitions: int, isolation: str, count: int
) -> None:
    """Report "ready" at the end of the empty topic, then the times at which `count` transactions were seen.

    Whoever waits for them ends this process when that takes too long.

    Args:
        report: where to.
        bootstrap_servers: of Kafka.
        topic: of the scores, or whatever names a `transaction_id`.
        partitions: of the topic.
        isolation: "read_committed" or "read_uncommitted".
        count: how many different transactions to wait for.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "benchmark-reader",  # librdkafka wants a name; a reader that assigns joins no group
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    ends = 0
    while ends < partitions:
        ends += bool(consumer.poll(1.0))
    report.send("ready")
    seen: dict[str, float] = {}
    while len(seen) < count:
        batch = _batch(consumer)
        now = time.monotonic()
        for message in batch:
            seen.setdefault(orjson.loads(message.value())["transaction_id"], now)
    report.send(seen)
    consumer.close()


def _batch(consumer: Consumer) -> list[Message]:
    """Wait for one message, then take what else is there: waiting for a full batch would show as latency."""
    first = consumer.poll(0.2)
    found = [] if first is None else [first, *consumer.consume(_MOST_AT_ONCE, 0)]
    return [message for message in found if not _is_end(message)]


def _is_end(message: Message) -> bool:
    """Whether this is the end of a partition, for now; any other error is one."""
    if (error := message.error()) is None:
        return False
    assert error.code() == KafkaError._PARTITION_EOF, error  # noqa: SLF001 - its only name
    return True
