"""Reads the dead-letter topic whole, and single messages where they first stood."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from fraudstream.dead_letters.errors import DeadLettersRefused
from fraudstream.dead_letters.letters import LetterBook
from fraudstream.kafka_admin import KafkaUnreachable, kafka_admin
from fraudstream.kafka_reading import reader
from fraudstream.topics import TopicsRefused, count_partitions

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from confluent_kafka import Consumer, Message

    from fraudstream.dead_letters.letters import Letter
    from fraudstream.settings import Settings
    from schemas.score import Source

_ANSWER_SECONDS: Final = 10.0
_PATIENCE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1
_MOST_AT_ONCE: Final = 1_000


def read_letters(settings: Settings, wanted: Callable[[Letter], Letter | None]) -> LetterBook:
    """Read all letters and notes that are committed by now.

    The end is the high watermark: what is part of a transaction that is open now, of a worker or of another
    operator, is waited for.

    Args:
        settings: where the topic is.
        wanted: makes of each letter what is kept of it, None for nothing.

    Raises:
        KafkaUnreachable: Kafka does not answer, or does not give the records.
        TopicsRefused: the topic is missing.
        DeadLettersRefused: a transaction stays open.
    """
    topic = settings.topics.names().dead_letters
    book = LetterBook(wanted)
    left = _ends(settings, topic)
    with _reader(settings) as consumer:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in left])
        heard = time.monotonic()
        while left:
            messages = consumer.consume(_MOST_AT_ONCE, _POLL_SECONDS)
            for message in messages:
                if _place_reached(settings, message) >= left.get(message.partition(), 0):
                    left.pop(message.partition(), None)
                if message.error() is None:
                    book.take(message)
            heard = time.monotonic() if messages else heard
            if time.monotonic() - heard > _PATIENCE_SECONDS:
                raise DeadLettersRefused(
                    f"Topic {topic} has a transaction that stays open, so what follows cannot be read: "
                    "wait for its writer, or end it with `kafka-transactions abort`."
                )
    return book


def fetch(settings: Settings, source: Source) -> Message | None:
    """The message that stands at a position, None where it is gone.

    Raises:
        KafkaUnreachable: Kafka does not give it.
    """
    with _reader(settings) as consumer:
        consumer.assign([TopicPartition(source.topic, source.partition, source.offset)])
        deadline = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < deadline:
            for message in consumer.consume(1, _POLL_SECONDS):
                if _place_reached(settings, message) >= source.offset and message.error() is not None:
                    return None
                if message.error() is None:
                    return message if message.offset() == source.offset else None
    raise KafkaUnreachable(
        f"Kafka at {settings.kafka.bootstrap_servers} does not give offset {source.offset} of partition "
        f"{source.partition} of {source.topic}."
    )


def _ends(settings: Settings, topic: str) -> dict[int, int]:
    """High watermark of each partition that is not empty."""
    with kafka_admin(settings.kafka) as admin:
        count = count_partitions(admin, [topic])[topic]
    if count is None:
        raise TopicsRefused(f"Topic {topic} is missing: `fraudstream topics create` makes it.")
    admin_client = AdminClient({**settings.kafka.librdkafka(), "log_level": 0})
    asked = admin_client.list_offsets(
        {TopicPartition(topic, partition): OffsetSpec.latest() for partition in range(count)},
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=_ANSWER_SECONDS,
    )
    try:
        ends = {place.partition: future.result(_ANSWER_SECONDS).offset for place, future in asked.items()}
    except (KafkaException, TimeoutError) as error:
        raise KafkaUnreachable(
            f"Kafka at {settings.kafka.bootstrap_servers} does not say where {topic} ends."
        ) from error
    return {partition: end for partition, end in ends.items() if end > 0}


def _reader(settings: Settings) -> AbstractContextManager[Consumer]:
    return reader(settings.kafka, f"{settings.worker.group}.operator")


def _place_reached(settings: Settings, message: Message) -> int:
    """The offset up to which a partition is read once this message, or its end, was given.

    Raises:
        KafkaUnreachable: it is neither.
    """
    error = message.error()
    if error is None:
        return int(message.offset()) + 1
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
        return int(message.offset())
    if error.retriable():
        return -1
    raise KafkaUnreachable(
        f"Kafka at {settings.kafka.bootstrap_servers} does not give the records of {message.topic()} "
        f"({error.name()})."
    )
