"""Reads partitions to their end, without a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import confluent_kafka as ck

from agents.runtime.errors import is_transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Place = tuple[str, int]
    """Topic and partition."""


class TopicUnreadable(ck.KafkaException):
    """A partition cannot be read, and will not become readable by itself.

    Attributes:
        place: its topic and number.
        error: librdkafka's.
    """

    is_for_people: ClassVar = True

    def __init__(self, place: Place, error: ck.KafkaError) -> None:
        super().__init__(error)
        self.place = place
        self.error = error


def read_batches(
    consumer: ck.Consumer,
    starts: Mapping[Place, int],
    ends: Mapping[Place, int] | None = None,
    *,
    most: int = 1_000,
    wait: float = 0.1,
) -> Iterator[list[ck.Message]]:
    """Yield the records of partitions in batches until each partition has come to its end.

    A batch comes at least every `wait` seconds. It is empty where there was nothing to read, so that a caller
    can lose patience.

    Args:
        consumer: has `enable.partition.eof` set, and no group to join.
        starts: offset of the first record to read of each partition.
        ends: offset behind the last record to read of each. None: the end that the partition has when it is
            reached, for a reader of committed records the first transaction that is open.
        most: records in a batch.
        wait: seconds.

    Raises:
        TopicUnreadable: Kafka refuses to give a partition.
    """
    left = {place for place, start in starts.items() if ends is None or ends[place] > start}
    consumer.assign([ck.TopicPartition(*place, starts[place]) for place in left])
    while left:
        messages = consumer.consume(most, wait)
        for message in messages:
            position, place = position_after(message), (message.topic(), message.partition())
            is_end = message.error() is not None
            if position is not None and (is_end if ends is None else position >= ends[place]):
                left.discard(place)
        yield [message for message in messages if message.error() is None]


def position_after(message: ck.Message) -> int | None:
    """Return the offset up to which a partition is read once this message came: a record, or the end for now.

    None stands for an error that passes by itself.

    Raises:
        TopicUnreadable: it is an error that does not.
    """
    error = message.error()
    if error is None:
        return int(message.offset()) + 1
    if error.code() == ck.KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
        return int(message.offset())
    if is_transient(error):
        return None
    raise TopicUnreadable((message.topic(), message.partition()), error)
