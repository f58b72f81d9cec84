"""Where a batch of records ends, found in its header alone: for batches that must not be decompressed.

librdkafka says only at which offset it failed, and to try each offset behind it would read the batch again
and again. kafka-python leaves what a fetch gave packed until it is asked for its records, which it never is
here.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.consumer import FetchRequest
from kafka.record import MemoryRecords

from fraudstream.errors import FraudstreamError
from fraudstream.kafka.admin import connect

if TYPE_CHECKING:
    from fraudstream.settings import KafkaSettings

_LOG = logging.getLogger("fraudstream")
_NEWEST_FETCH: Final = 12
"""Version of the request: the last one that names topics, not their ids."""
_WAIT_MS: Final = 500


def batch_end(settings: KafkaSettings, topic: str, partition: int, offset: int) -> int | None:
    """Give the last offset of the batch that holds an offset; None where Kafka does not show it."""
    try:
        with closing(connect(settings, KafkaConsumer)) as consumer:
            return _end(consumer, topic, partition, offset)
    except (KafkaError, FraudstreamError, OSError) as failure:
        _LOG.warning("the end of a batch cannot be found: %s", type(failure).__name__)
        return None


def _end(consumer: KafkaConsumer, topic: str, partition: int, offset: int) -> int | None:
    consumer.partitions_for_topic(topic)  # looks up the leaders
    manager = consumer._manager  # noqa: SLF001 - the only way to send a request that no public call makes
    fetched = FetchRequest.FetchTopic(
        topic=topic,
        partitions=[
            FetchRequest.FetchTopic.FetchPartition(
                partition=partition,
                current_leader_epoch=-1,
                fetch_offset=offset,
                last_fetched_epoch=-1,
                partition_max_bytes=1,  # a first batch comes whole, however large
            )
        ],
    )
    request = FetchRequest(
        max_wait_ms=_WAIT_MS,
        min_bytes=1,
        max_bytes=1,
        isolation_level=0,
        session_id=0,
        session_epoch=-1,
        topics=[fetched],
        forgotten_topics_data=[],
        rack_id="",
        max_version=_NEWEST_FETCH,
    )
    leader = manager.cluster.leader_for_partition(TopicPartition(topic, partition))
    answer = manager.run(manager.send, request, leader)
    batch = MemoryRecords(answer.responses[0].partitions[0].records or b"").next_batch()
    return None if batch is None else int(batch.last_offset)
