"""Reads alerts by kafka-python, so that what the service wrote is seen by another client than its own."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from kafka import KafkaConsumer, TopicPartition

from fraudstream.kafka.admin import connect, refusals_as_sentences
from fraudstream.kafka.topics import TopicsRefused
from schemas.alert import decode_alert
from schemas.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fraudstream.settings import KafkaSettings
    from schemas.alert import Alert


@contextmanager
def alert_values(settings: KafkaSettings, topic: str, *, from_beginning: bool) -> Iterator[Iterator[bytes]]:
    """Yield the values of the topic's records as they are committed, without end.

    It joins no group, so it leaves no trace.

    Raises:
        KafkaUnreachable: Kafka does not answer, or refuses to be read.
        TopicsRefused: the topic is missing.
    """
    consumer = connect(
        settings,
        KafkaConsumer,
        group_id=None,
        isolation_level="read_committed",
        auto_offset_reset="earliest" if from_beginning else "latest",
        allow_auto_create_topics=False,
    )
    with closing(consumer), refusals_as_sentences(settings):
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            raise TopicsRefused(f"Topic {topic} is missing: `fraudstream topics create` makes it.")
        consumer.assign([TopicPartition(topic, partition) for partition in partitions])
        yield (record.value for record in consumer if record.value)


def unrepeated(values: Iterable[bytes], complain: Callable[[str], None]) -> Iterator[Alert]:
    """Yield each alert once, by its `alert_id`.

    The service sends an alert again when it cannot know that the first was received. Ids are remembered for
    the whole run: about 100 bytes an alert.

    Args:
        values: as in the topic.
        complain: is called with a sentence about each value that is no alert.
    """
    seen: set[str] = set()
    for value in values:
        try:
            alert = decode_alert(value)
        except InvalidMessage as error:
            complain(f"A record is no alert and was skipped: {error.reason}")
            continue
        if alert.alert_id not in seen:
            seen.add(alert.alert_id)
            yield alert
