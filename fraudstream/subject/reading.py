"""Reads whole topics from a running service: committed records, all partitions, without a group."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from fraudstream.kafka_admin import KafkaUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from confluent_kafka import Message

    from fraudstream.settings import KafkaSettings, Settings

    Place = tuple[str, int]

_ANSWER_SECONDS = 20.0
_MOST_AT_ONCE = 5_000
_POLL_SECONDS = 0.2


class Topics:
    """Topics of one Kafka, to be read.

    Args:
        consumer: reads them; it belongs to no group.
        settings: of the connection.
    """

    def __init__(self, consumer: Consumer, settings: KafkaSettings) -> None:
        self._consumer = consumer
        self._settings = settings

    def places(self, topics: Iterable[str]) -> list[Place]:
        """Every partition of these topics; none of one that is not there.

        Raises:
            KafkaUnreachable: Kafka does not say.
        """
        with self._sentences():
            known = self._consumer.list_topics(timeout=_ANSWER_SECONDS).topics
        return [(name, number) for name in topics if name in known for number in known[name].partitions]

    def ends(self, topics: Iterable[str]) -> dict[Place, int]:
        """The offset after the last record of each partition."""
        places = self.places(topics)
        with self._sentences():
            spans = [
                self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=_ANSWER_SECONDS)
                for place in places
            ]
        return {place: end for place, (_, end) in zip(places, spans, strict=True)}

    def records(self, topics: Iterable[str], starts: Mapping[Place, int] | None = None) -> Iterator[Message]:
        """Every record up to the end that its partition has when it is reached, from `starts` if given.

        Raises:
            KafkaUnreachable: Kafka refuses to give them.
        """
        left = set(self.places(topics)) if starts is None else set(starts)
        begin = dict.fromkeys(left, OFFSET_BEGINNING) if starts is None else starts
        self._consumer.assign([TopicPartition(*place, begin[place]) for place in left])
        while left:
            with self._sentences():
                messages = self._consumer.consume(_MOST_AT_ONCE, _POLL_SECONDS)
            for message in messages:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
                    left.discard((message.topic(), message.partition()))
                elif not error.retriable():
                    raise self._unreachable(error)

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise self._unreachable(error.args[0]) from error

    def _unreachable(self, error: KafkaError) -> KafkaUnreachable:
        servers = self._settings.bootstrap_servers
        return KafkaUnreachable(f"Kafka at {servers} does not give its records ({error.name()}).")


@contextmanager
def topics_of(settings: Settings) -> Iterator[Topics]:
    """The topics of this Kafka, for the time of the block."""
    with _consumer(settings.kafka, f"{settings.worker.group}.operator") as consumer:
        yield Topics(consumer, settings.kafka)


def committed(settings: KafkaSettings, group: str, places: Iterable[Place]) -> dict[Place, tuple[int, str]]:
    """The offset that a group has committed of each partition (-1001 for none), and what it noted with it.

    Raises:
        KafkaUnreachable: Kafka does not say.
    """
    with _consumer(settings, group) as consumer:
        try:
            found = consumer.committed([TopicPartition(*place) for place in places], timeout=_ANSWER_SECONDS)
        except KafkaException as error:
            raise KafkaUnreachable(
                f"Kafka at {settings.bootstrap_servers} does not say what group {group} has done "
                f"({error.args[0].name()})."
            ) from error
    return {(each.topic, each.partition): (each.offset, each.metadata or "") for each in found}


@contextmanager
def _consumer(settings: KafkaSettings, group: str) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            **settings.librdkafka(),
            "group.id": group,  # to ask for its offsets; a reader that assigns joins no group
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,  # the ends are told at once
            "log_level": 0,  # what goes wrong is said once, in a sentence
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()
