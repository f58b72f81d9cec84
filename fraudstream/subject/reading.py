"""Reads whole topics from a running service: committed records, all partitions, without a group."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

from fraudstream.kafka_admin import KafkaUnreachable
from fraudstream.kafka_reading import reader, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from confluent_kafka import Consumer, KafkaError, Message

    from fraudstream.settings import KafkaSettings, Settings

    Place = tuple[str, int]

_ANSWER_SECONDS = 20.0


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
        if starts is None:
            starts = dict.fromkeys(self.places(topics), OFFSET_BEGINNING)
        with self._sentences():
            yield from records(self._consumer, [TopicPartition(*place, at) for place, at in starts.items()])

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
    with reader(settings.kafka, f"{settings.worker.group}.operator") as consumer:
        yield Topics(consumer, settings.kafka)


def committed(settings: KafkaSettings, group: str, places: Iterable[Place]) -> dict[Place, tuple[int, str]]:
    """The offset that a group has committed of each partition (-1001 for none), and what it noted with it.

    Raises:
        KafkaUnreachable: Kafka does not say.
    """
    with reader(settings, group) as consumer:
        try:
            found = consumer.committed([TopicPartition(*place) for place in places], timeout=_ANSWER_SECONDS)
        except KafkaException as error:
            raise KafkaUnreachable(
                f"Kafka at {settings.bootstrap_servers} does not say what group {group} has done "
                f"({error.args[0].name()})."
            ) from error
    return {(each.topic, each.partition): (each.offset, each.metadata or "") for each in found}
