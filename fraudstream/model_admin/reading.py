"""Reads topics of one ordered log from their beginning to their end of now, committed records only."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

from fraudstream.errors import FraudstreamError
from fraudstream.kafka_admin import KafkaUnreachable, kafka_admin
from fraudstream.kafka_reading import reader, records
from fraudstream.topics import TopicsRefused, count_partitions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Consumer, KafkaError, Message

    from fraudstream.settings import KafkaSettings, Settings

_ANSWER_SECONDS = 10.0


class ModelRefused(FraudstreamError):
    """What was asked of a model or a control cannot be done; the text is one sentence."""


class Span(NamedTuple):
    """The offsets of a partition: that of its first record, and the one after its last."""

    first: int
    end: int


def expect_topics(settings: KafkaSettings, *names: str) -> None:
    """See that Kafka answers and has these topics.

    Raises:
        KafkaUnreachable: it does not answer.
        TopicsRefused: it lacks one.
    """
    with kafka_admin(settings) as admin:
        counts = count_partitions(admin, names)
    for name in names:
        if counts[name] is None:
            raise TopicsRefused(f"Topic {name} is missing: `fraudstream topics create` makes it.")


def signing_key(settings: Settings) -> bytes:
    """The key that tells true models and controls.

    Raises:
        ModelRefused: none is set.
    """
    key = settings.learning.signing_key
    if key is None:
        raise ModelRefused(
            "FRAUDSTREAM_LEARNING__SIGNING_KEY is not set, so no model or control can be told from a false "
            "one: set it to what the workers have."
        )
    return key.get_secret_value().encode()


class Log:
    """The one partition of a topic, read without a group.

    Args:
        consumer: reads it.
        settings: of the connection, to be named in sentences.
        topic: its name.
    """

    def __init__(self, consumer: Consumer, settings: KafkaSettings, topic: str) -> None:
        self._consumer = consumer
        self._servers = settings.bootstrap_servers
        self._topic = topic

    def span(self) -> Span:
        """What Kafka has of it.

        Raises:
            KafkaUnreachable: Kafka does not say.
        """
        try:
            return Span(*self._consumer.get_watermark_offsets(self._place(), timeout=_ANSWER_SECONDS))
        except KafkaException as error:
            raise self._unreachable(error.args[0]) from error

    def records(self) -> Iterator[Message]:
        """Every record, up to the end that it has when it is reached.

        Raises:
            KafkaUnreachable: Kafka refuses to give them.
        """
        try:
            yield from records(self._consumer, [self._place()])
        except KafkaException as error:
            raise self._unreachable(error.args[0]) from error

    def _place(self) -> TopicPartition:
        return TopicPartition(self._topic, 0, OFFSET_BEGINNING)

    def _unreachable(self, error: KafkaError) -> KafkaUnreachable:
        return KafkaUnreachable(
            f"Kafka at {self._servers} does not give the records of {self._topic} ({error.name()})."
        )


@contextmanager
def log(settings: KafkaSettings, topic: str) -> Iterator[Log]:
    """The one partition of a topic, for the time of the block."""
    with reader(settings, "fraudstream-model") as consumer:
        yield Log(consumer, settings, topic)
