"""What the topic of scores tells afterwards: when each transaction was scored, and by which model.

Read when all is over, so that reading costs the measured system nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import orjson
from confluent_kafka import Consumer, KafkaError, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MOST_AT_ONCE = 1_000


class Scoring(NamedTuple):
    """When a transaction was scored (s since 1970) and by which version of the model."""

    at: float
    scored_by: str


def read_scores(bootstrap_servers: str, topic: str, partitions: int) -> dict[str, Scoring]:
    """Read the whole topic, committed records alone; by transaction."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "benchmark-scores",  # librdkafka wants a name; a reader that assigns joins no group
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    found: dict[str, Scoring] = {}
    ended: set[int] = set()
    while len(ended) < partitions:
        for message in consumer.consume(_MOST_AT_ONCE, 0.1):
            if (error := message.error()) is None:
                score = orjson.loads(message.value())
                at = datetime.fromisoformat(score["scored_at"]).timestamp()
                found[score["transaction_id"]] = Scoring(at, score["scored_by"])
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error  # noqa: SLF001 - its only name
                ended.add(message.partition())
    consumer.close()
    return found


def swap_times(scorings: Iterable[Scoring]) -> list[float]:
    """When each model but the first scored its first transaction, in order of time."""
    first: dict[str, float] = {}
    for each in sorted(scorings):
        first.setdefault(each.scored_by, each.at)
    return list(first.values())[1:]


def latencies(
    due: Mapping[str, float],
    scored: Mapping[str, Scoring],
    swaps: Sequence[float],
    before: float,
    after: float,
) -> tuple[list[float], list[float]]:
    """Seconds from due to scored: of all transactions, and of those due around a swap.

    Args:
        due: when each transaction was due, s since 1970.
        scored: must hold each of them; one that was never scored is a KeyError and no good latency.
        swaps: ascending.
        before: seconds before a swap from which a transaction is near it.
        after: seconds after it until which it is.
    """
    every, near = [], []
    for transaction_id, at in due.items():
        latency = scored[transaction_id].at - at
        every.append(latency)
        following = bisect_left(swaps, at - after)
        if following < len(swaps) and swaps[following] - at <= before:
            near.append(latency)
    return every, near
