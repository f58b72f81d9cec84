"""Reads topics to their end: committed records only, without joining a group."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from agents.runtime.logs import Logs
from agents.runtime.reading import read_batches
from fraudstream.kafka.admin import KafkaUnreachable, kafka_admin
from fraudstream.kafka.topics import TopicsRefused, count_partitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from confluent_kafka import Message

    from agents.runtime.reading import Place
    from fraudstream.settings import KafkaSettings, Settings

_ANSWER_SECONDS: Final = 20.0


class Span(NamedTuple):
    """The offsets of a partition: that of its first record, and the one after its last."""

    first: int
    end: int


class TopicReader:
    """Reads topics of one Kafka.

    Args:
        consumer: reads them.
        settings: of the connection.
    """

    def __init__(self, consumer: Consumer, settings: KafkaSettings) -> None:
        self._consumer = consumer
        self._settings = settings

    def places(self, topics: Iterable[str]) -> list[Place]:
        """Return every partition of these topics; none of a topic that does not exist.

        Raises:
            KafkaUnreachable: Kafka does not answer.
        """
        with self._errors_as_sentences("the partitions of its topics"):
            known = self._consumer.list_topics(timeout=_ANSWER_SECONDS).topics
        return [(name, number) for name in topics if name in known for number in known[name].partitions]

    def spans(self, topics: Iterable[str]) -> dict[Place, Span]:
        """Return the offsets that each partition has committed records at.

        Raises:
            KafkaUnreachable: Kafka does not answer.
        """
        places = self.places(topics)
        with self._errors_as_sentences("the ends of its topics"):
            return {
                place: Span(
                    *self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=_ANSWER_SECONDS)
                )
                for place in places
            }

    def records(self, topics: Iterable[str], starts: Mapping[Place, int] | None = None) -> Iterator[Message]:
        """Yield every record up to the end that its partition has when it is reached.

        Args:
            topics: to read.
            starts: offset of the first record to read of each partition; None for all records.

        Raises:
            KafkaUnreachable: Kafka refuses to give them.
        """
        if starts is None:
            starts = dict.fromkeys(self.places(topics), OFFSET_BEGINNING)
        return chain.from_iterable(self.batches(starts))

    def batches(
        self, starts: Mapping[Place, int], ends: Mapping[Place, int] | None = None
    ) -> Iterator[list[Message]]:
        """Yield records as `agents.runtime.reading.read_batches` does.

        Raises:
            KafkaUnreachable: Kafka refuses to give them.
        """
        topics = ", ".join(sorted({topic for topic, _ in starts}))
        with self._errors_as_sentences(f"the records of {topics}"):
            yield from read_batches(self._consumer, starts, ends)

    @contextmanager
    def _errors_as_sentences(self, wanted: str) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            servers, reason = self._settings.bootstrap_servers, error.args[0].name()
            raise KafkaUnreachable(f"Kafka at {servers} does not give {wanted} ({reason}).") from error


@contextmanager
def reader(settings: KafkaSettings, group: str) -> Iterator[Consumer]:
    """Open a consumer for the time of the block.

    Args:
        settings: of the connection.
        group: whose commits it can look up. It does not join it; librdkafka wants a name in any case.
    """
    consumer = Consumer(
        {
            **settings.librdkafka(),
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,  # the end of a partition is reported without delay
            "log_level": 0,  # an error is said once, in a sentence
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


@contextmanager
def topic_reader(settings: Settings) -> Iterator[TopicReader]:
    """Open a reader of topics for the time of the block."""
    with reader(settings.kafka, f"{settings.worker.group}.operator") as consumer:
        yield TopicReader(consumer, settings.kafka)


def expect_topics(settings: KafkaSettings, *names: str) -> dict[str, int]:
    """Return the number of partitions of each of these topics.

    Raises:
        KafkaUnreachable: Kafka does not answer.
        TopicsRefused: a topic is missing.
    """
    with kafka_admin(settings) as admin:
        counts = count_partitions(admin, names)
    for name in names:
        if counts[name] is None:
            raise TopicsRefused(f"Topic {name} is missing: `fraudstream topics create` makes it.")
    return {name: count for name, count in counts.items() if count is not None}


def high_watermarks(settings: KafkaSettings, places: Iterable[Place]) -> dict[Place, int]:
    """Return the offset after the last record of each partition, records of open transactions included.

    Raises:
        KafkaUnreachable: Kafka does not answer.
    """
    client = {**settings.librdkafka(), "log_level": 0}
    try:
        return Logs(client, _ANSWER_SECONDS).ends(places)
    except (KafkaException, TimeoutError) as error:
        raise KafkaUnreachable(
            f"Kafka at {settings.bootstrap_servers} does not give the ends of its topics."
        ) from error


def committed(settings: KafkaSettings, group: str, places: Iterable[Place]) -> dict[Place, tuple[int, str]]:
    """Return the offset that a group has committed of each partition (-1001 for none), and its metadata.

    Raises:
        KafkaUnreachable: Kafka does not answer.
    """
    with reader(settings, group) as consumer:
        try:
            found = consumer.committed([TopicPartition(*place) for place in places], timeout=_ANSWER_SECONDS)
        except KafkaException as error:
            raise KafkaUnreachable(
                f"Kafka at {settings.bootstrap_servers} does not give the commits of group {group} "
                f"({error.args[0].name()})."
            ) from error
    return {(each.topic, each.partition): (each.offset, each.metadata or "") for each in found}
