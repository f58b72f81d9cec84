"""What stands on a topic in the end, for readers of committed records."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

_MOST_AT_ONCE: Final = 1_000
_ID: Final = re.compile(rb'"transaction_id":"([^"]+)"')


def records(bootstrap_servers: str, topic: str) -> Iterator[Message]:
    """Yield every committed record that is on the topic now."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "benchmark-topic",  # librdkafka wants a name; a reader that assigns joins no group
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    ended: set[int] = set()
    while len(ended) < len(partitions):
        for message in consumer.consume(_MOST_AT_ONCE, 0.1):
            if (error := message.error()) is None:
                yield message
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error  # noqa: SLF001 - its only name
                ended.add(message.partition())
    consumer.close()


def count_records(bootstrap_servers: str, topic: str) -> int:
    """Count them."""
    return sum(1 for _ in records(bootstrap_servers, topic))


def count_transactions(bootstrap_servers: str, topic: str) -> tuple[int, int]:
    """Count the records, and the transactions that they name."""
    count, found = 0, set()
    for message in records(bootstrap_servers, topic):
        named = _ID.search(message.value())
        assert named is not None, "a score names its transaction"
        count += 1
        found.add(named[1])
    return count, len(found)
