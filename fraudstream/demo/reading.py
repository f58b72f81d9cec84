"""Reads what the workers make of the stream as a bank would: committed records only, as soon as it can."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from agents.headers import read_headers
from fraudstream.demo.errors import DemoFailed
from fraudstream.demo.events import AlertRead, DeadLetterRead, LabelRead, ScoreRead
from schemas.alert import decode_alert
from schemas.dead_letter import ERROR_TYPE_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event as Flag

    from confluent_kafka import Message

    from agents.topics import Topics
    from fraudstream.demo.events import Event
    from fraudstream.settings import KafkaSettings, TopicSettings

_POLL_SECONDS = 0.2
_MOST_AT_ONCE = 500


def read(kafka: KafkaSettings, settings: TopicSettings, tell: Callable[[Event], None], stop: Flag) -> None:
    """Tell of each score, alert, dead letter and keyed label, from the first one on, until `stop`.

    Raises:
        DemoFailed: Kafka refused to give them.
    """
    topics = settings.names()
    consumer = Consumer(
        {
            **kafka.librdkafka(),
            "group.id": "fraudstream-demo",  # librdkafka wants a name; a reader that assigns joins no group
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "log_level": 0,  # the demo says in a sentence what goes wrong
        }
    )
    consumer.assign(_partitions(settings))
    try:
        while not stop.is_set():
            for message in _batch(consumer):
                if (event := _event(message, topics, time.time())) is not None:
                    tell(event)
    finally:
        consumer.close()


def _partitions(settings: TopicSettings) -> list[TopicPartition]:
    topics = settings.names()
    read = {topics.scores, topics.alerts, topics.dead_letters, topics.labels_keyed}
    return [
        TopicPartition(spec.name, partition, OFFSET_BEGINNING)
        for spec in settings.specs()
        if spec.name in read
        for partition in range(spec.partitions)
    ]


def _batch(consumer: Consumer) -> list[Message]:
    """Wait for one record, then take what else is there: waiting for a full batch would show as latency."""
    first = consumer.poll(_POLL_SECONDS)
    return [] if first is None else [first, *consumer.consume(_MOST_AT_ONCE, timeout=0)]


def _event(message: Message, topics: Topics, now: float) -> Event | None:
    if message.error():
        raise DemoFailed(f"The demo cannot read from Kafka any more: {message.error().str()}.")
    topic, value = message.topic(), message.value()
    if topic == topics.scores:
        score = orjson.loads(value)
        return ScoreRead(score["transaction_id"], now, score["scored_by"])
    if topic == topics.alerts:
        return AlertRead(decode_alert(value))
    if topic == topics.dead_letters:
        error_type = dict(read_headers(message)).get(ERROR_TYPE_HEADER)
        return None if error_type is None else DeadLetterRead(error_type.decode())  # else a replay's note
    return LabelRead()
