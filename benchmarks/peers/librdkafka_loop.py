"""Hand-written librdkafka loops: the worker's job with nothing durable, and the bare poll below any job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.peers.job import Job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

    from agents.topics import Topics

BATCH = 500


def score_loop(progress: Any, bootstrap_servers: str, topics: Topics, partitions: int) -> None:
    """Decode, score by the same core, produce; no group, no commit, no state that outlives the process.

    Args:
        progress: a shared counter of the transactions whose outputs Kafka has.
        bootstrap_servers: of Kafka.
        topics: their names.
        partitions: of the transactions.
    """
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "partitioner": "murmur2_random",
            "linger.ms": 1,
            "enable.idempotence": True,
            "log_level": 3,  # a broker that has just started is asked again, which is not worth a line
        }
    )
    job, count = Job(), 0
    for records in _batches(bootstrap_servers, topics.transactions, partitions):
        for record, score, alert in job.score(records):
            producer.produce(topics.scores, score, record.key())
            if alert is not None:
                producer.produce(topics.alerts, alert, record.key())
        producer.poll(0)
        count += len(records)
        if not records:
            producer.flush()
            progress.value = count


def poll_loop(progress: Any, bootstrap_servers: str, topics: Topics, partitions: int) -> None:
    """Take every message and do nothing with it; arguments as above."""
    for records in _batches(bootstrap_servers, topics.transactions, partitions):
        progress.value += len(records)


def _batches(bootstrap_servers: str, topic: str, partitions: int) -> Iterator[list[Message]]:
    """Yield what is there, up to 500 messages at once; the client is set for throughput as the worker's."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "benchmark-loop",
            "enable.auto.commit": False,
            "queued.min.messages": 100_000,
            "fetch.queue.backoff.ms": 20,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    while True:
        first = consumer.poll(0.1)
        found = [] if first is None else [first, *consumer.consume(BATCH - 1, 0)]
        assert not any(message.error() for message in found)
        yield found
