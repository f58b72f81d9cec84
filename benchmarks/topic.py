"""What stands on a topic in the end, for readers of committed records."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from confluent_kafka import OFFSET_BEGINNING

from agents.runtime.reading import read_batches
from fraudstream.kafka.read import reader
from fraudstream.settings import KafkaSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

_ID: Final = re.compile(rb'"transaction_id":"([^"]+)"')


def records(bootstrap_servers: str, topic: str) -> Iterator[Message]:
    """Yield every committed record that is on the topic now."""
    with reader(KafkaSettings(bootstrap_servers=bootstrap_servers), "benchmark-topic") as consumer:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        starts = {(topic, partition): OFFSET_BEGINNING for partition in partitions}
        yield from chain.from_iterable(read_batches(consumer, starts))


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
