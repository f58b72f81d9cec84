"""Reads partitions from where one likes to their end of now: committed records only, without a group."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, KafkaError, KafkaException

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from confluent_kafka import Message, TopicPartition

    from fraudstream.settings import KafkaSettings

_MOST_AT_ONCE: Final = 1_000
_POLL_SECONDS: Final = 0.1


@contextmanager
def reader(settings: KafkaSettings, group: str) -> Iterator[Consumer]:
    """A consumer for the time of the block.

    Args:
        settings: of the connection.
        group: librdkafka wants a name, and whose commits are asked for is by it; a reader that assigns joins
            no group.
    """
    consumer = Consumer(
        {
            **settings.librdkafka(),
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,  # the end is told at once
            "log_level": 0,  # what goes wrong is said once, in a sentence
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def records(consumer: Consumer, starts: Collection[TopicPartition]) -> Iterator[Message]:
    """Every record of these partitions from their offsets, up to the end that each has when it is reached.

    Raises:
        KafkaException: Kafka refuses to give them.
    """
    consumer.assign(list(starts))
    left = {(each.topic, each.partition) for each in starts}
    while left:
        for message in consumer.consume(_MOST_AT_ONCE, _POLL_SECONDS):
            if (error := message.error()) is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
                left.discard((message.topic(), message.partition()))
            elif not error.retriable():
                raise KafkaException(error)
