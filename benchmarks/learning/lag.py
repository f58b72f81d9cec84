"""How far the learning side is behind with the scores, by what its group has committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, TopicPartition

from benchmarks.service import group

if TYPE_CHECKING:
    from fraudstream.settings import Settings

_ANSWER_SECONDS: Final = 10.0


class LabellingLag:
    """Looks at Kafka's book of the learning workers' group, without joining it."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka.bootstrap_servers,
                "group.id": f"{group(settings)}.learning",
                "enable.auto.commit": False,
            }
        )
        topic = settings.topics.names().scores
        self._partitions = [TopicPartition(topic, each) for each in range(settings.topics.score_partitions)]

    def records(self) -> int:
        """Scores that labelling has not committed, with the few marks that Kafka's transactions leave."""
        committed = self._consumer.committed(self._partitions, timeout=_ANSWER_SECONDS)
        return sum(self._end(each) - max(each.offset, 0) for each in committed)

    def _end(self, partition: TopicPartition) -> int:
        _, end = self._consumer.get_watermark_offsets(partition, timeout=_ANSWER_SECONDS)
        return int(end)
