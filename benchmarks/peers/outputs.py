"""Counts scores and alerts as a reader of committed records sees them come."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from confluent_kafka import Consumer, TopicPartition

from benchmarks.service import BenchmarkFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fraudstream.settings import Settings

_MOST: Final = 20_000


class Outputs:
    """What has come so far.

    Args:
        settings: where Kafka is, and the topics' names.
        mark: what every score must hold.
    """

    def __init__(self, settings: Settings, mark: bytes) -> None:
        self.scores = self.alerts = 0
        self._mark = mark
        names = settings.topics.names()
        self._scores = names.scores
        options: dict[str, Any] = {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "group.id": "benchmark-outputs",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            # Seldom and much at once: it shares the machine with what is measured.
            "fetch.min.bytes": 1_000_000,
            "fetch.wait.max.ms": 50,
        }
        self._consumer = Consumer(options)
        self._consumer.assign(
            [
                TopicPartition(topic, partition, 0)
                for topic in (names.scores, names.alerts)
                for partition in self._consumer.list_topics(topic, timeout=30).topics[topic].partitions
            ]
        )

    @classmethod
    @contextmanager
    def reading(cls, settings: Settings, mark: bytes) -> Iterator[Self]:
        """Read for the time of the block."""
        outputs = cls(settings, mark)
        try:
            yield outputs
        finally:
            outputs._consumer.close()

    def look(self, seconds: float = 0.0) -> None:
        """Count what has come, waiting so long for more.

        Raises:
            BenchmarkFailed: a score lacks the mark.
        """
        for message in self._consumer.consume(_MOST, seconds):
            assert not message.error()
            if message.topic() == self._scores:
                self.scores += 1
                if self._mark not in message.value():
                    raise BenchmarkFailed(f"A score lacks {self._mark.decode()}: {message.value().decode()}")
            else:
                self.alerts += 1
