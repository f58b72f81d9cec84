"""Loops beside the worker on full load: its core without delivery, and the bare poll below any job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.peers.job import Job
from benchmarks.peers.librdkafka_loop import batches, new_producer

if TYPE_CHECKING:
    from agents.topics import Topics


def core_loop(progress: Any, bootstrap_servers: str, topics: Topics) -> None:
    """Decode, score by the same core, produce; no group, no commit, no state that outlives the process.

    Args:
        progress: a shared counter of the transactions whose outputs Kafka has.
        bootstrap_servers: of Kafka.
        topics: their names.
    """
    producer = new_producer(bootstrap_servers)
    job, count = Job(), 0
    for records in batches(bootstrap_servers, topics.transactions):
        for record, score, alert in job.score(records):
            producer.produce(topics.scores, score, record.key())
            if alert is not None:
                producer.produce(topics.alerts, alert, record.key())
        producer.poll(0)
        count += len(records)
        if not records:
            producer.flush()
            progress.value = count


def poll_loop(progress: Any, bootstrap_servers: str, topics: Topics) -> None:
    """Take every message and do nothing with it; arguments as above."""
    for records in batches(bootstrap_servers, topics.transactions):
        progress.value += len(records)
