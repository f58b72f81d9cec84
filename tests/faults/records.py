"""Whole topics, as readers see them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from agents.headers import read_headers
from tests.faults.waiting import NotWithinTimeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

_ANSWER_SECONDS = 20.0
_READ_SECONDS = 90.0
_MOST_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Stored:
    """One record, with the methods of `confluent_kafka.Message` that the service reads records by."""

    of_topic: str
    of_partition: int
    of_offset: int
    of_key: bytes | None
    of_value: bytes | None
    of_headers: tuple[tuple[str, bytes | None], ...] = ()
    milliseconds: int = 0

    @classmethod
    def of(cls, message: Message) -> Stored:
        return cls(
            message.topic(),
            message.partition(),
            message.offset(),
            message.key(),
            message.value(),
            tuple(read_headers(message)),
            message.timestamp()[1],
        )

    @property
    def place(self) -> tuple[int, int]:
        """Partition and offset."""
        return self.of_partition, self.of_offset

    def topic(self) -> str:
        return self.of_topic

    def partition(self) -> int:
        return self.of_partition

    def offset(self) -> int:
        return self.of_offset

    def key(self) -> bytes | None:
        return self.of_key

    def value(self) -> bytes | None:
        return self.of_value

    def headers(self) -> list[tuple[str, bytes | None]]:
        return list(self.of_headers)

    def timestamp(self) -> tuple[int, int]:
        return 1, self.milliseconds


@contextmanager
def reader(servers: str, *, committed: bool, group: str = "faults") -> Iterator[Consumer]:
    """A consumer that joins no group; `committed` chooses the isolation level."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "fetch.wait.max.ms": 50,
            "log_level": 0,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def read(servers: str, topic: str, *, committed: bool = True) -> list[Stored]:
    """Every record of a topic, up to the end that it has now, each partition in its order.

    A reader of committed records waits for the transactions that are open now; a killed worker leaves one.
    What cannot be unpacked is stepped over.

    Raises:
        NotWithinTimeError: the end was not reached.
    """
    ends = end_offsets(servers, topic)
    left = {partition for partition, end in ends.items() if end > 0}
    records: list[Stored] = []
    deadline = monotonic() + _READ_SECONDS
    with reader(servers, committed=committed) as consumer:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in left])
        while left:
            if monotonic() > deadline:
                raise NotWithinTimeError(f"{topic} is not read to its end within {_READ_SECONDS:.0f} s.")
            for message in consumer.consume(_MOST_AT_ONCE, 0.05):
                error = message.error()
                after = message.offset() + 1
                if error is None:
                    records.append(Stored.of(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    after = message.offset()
                elif error.code() == KafkaError._BAD_COMPRESSION:
                    consumer.seek(TopicPartition(topic, message.partition(), after))
                else:
                    continue
                if after >= ends[message.partition()]:
                    left.discard(message.partition())
    return sorted(records, key=lambda record: record.place)


def end_offsets(servers: str, topic: str) -> dict[int, int]:
    """The end of each partition, open transactions included."""
    with reader(servers, committed=False) as consumer:
        partitions = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions
        return {
            partition: consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=_ANSWER_SECONDS
            )[1]
            for partition in partitions
        }


def committed_offsets(servers: str, group: str, topic: str) -> dict[int, int]:
    """What a group has committed of each partition of a topic, 0 where nothing."""
    with reader(servers, committed=False, group=group) as consumer:
        partitions = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions
        places = consumer.committed(
            [TopicPartition(topic, partition) for partition in partitions], timeout=_ANSWER_SECONDS
        )
    for place in places:
        if place.error is not None:
            raise KafkaException(place.error)
    return {place.partition: max(0, place.offset) for place in places}
