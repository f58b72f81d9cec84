"""A worker's state of any size, put where a worker finds it: in its changelog, offsets committed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, Producer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from agents.runtime.state import seal
from benchmarks.growth.cards import card, partitions_of
from benchmarks.growth.past import LAST_OFFSET, Feed
from benchmarks.service import group, topics
from fraudstream.kafka.admin import kafka_admin
from models.scoring.state import PROFILE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.growth.past import Past
    from fraudstream.local.broker import LocalKafka
    from fraudstream.settings import Settings

COMMITTED: Final = LAST_OFFSET + 1
"""Where a worker goes on in each partition of the transactions."""
CHECKPOINT: Final = 2_000
"""Records of one transaction: about what a worker under full load commits at once."""
_BLOCK: Final = 100_000
_SECONDS: Final = 30.0
_UNTOUCHED: Final = {"min.compaction.lag.ms": str(24 * 3_600 * 1_000)}
"""Each key stands in it once, so a cleaner would find nothing, and take a core while looking."""


@dataclass(frozen=True)
class State:
    """Topics whose changelog holds so many cards, and the transactions of these cards.

    Attributes:
        cards: how many.
        settings: name Kafka and topics.
        feed: the transactions.
        changelog_bytes: of the changelog on the broker's disk, as first written.
    """

    cards: int
    settings: Settings
    feed: Feed
    changelog_bytes: int


@contextmanager
def state(cards: int, past: Past, kafka: LocalKafka) -> Iterator[State]:
    """Make topics and a state of so many cards, for the time of the block."""
    with topics(kafka.bootstrap_servers) as settings:
        _leave_uncompacted(settings)
        _commit(settings, past)
        _write(settings, cards, past)
        yield State(cards, settings, Feed(past, cards), changelog_bytes(settings, kafka))


def changelog_bytes(settings: Settings, kafka: LocalKafka) -> int:
    """What the changelog takes on the broker's disk."""
    folders = (kafka.data_dir / "data").glob(f"{settings.topics.names().scoring_changelog}-*")
    return sum(segment.stat().st_size for folder in folders for segment in folder.glob("*.log"))


def _leave_uncompacted(settings: Settings) -> None:
    topic = settings.topics.names().scoring_changelog
    with kafka_admin(settings.kafka) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, _UNTOUCHED)], incremental=True)


def _commit(settings: Settings, past: Past) -> None:
    """Put a first transaction into each partition, and commit it for the group."""
    servers, topic = settings.kafka.bootstrap_servers, settings.topics.names().transactions
    producer, message = Producer({"bootstrap.servers": servers}), past.messages[0]
    for partition in range(settings.topics.partitions):
        producer.produce(topic, message.value, message.key, partition)
    assert producer.flush(_SECONDS) == 0
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group(settings)})
    places = [TopicPartition(topic, each, COMMITTED) for each in range(settings.topics.partitions)]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()


def _write(settings: Settings, cards: int, past: Past) -> None:
    """Write every profile as checkpoints do: sealed, beside its source partition, in transactions."""
    topic = settings.topics.names().scoring_changelog
    values = [seal(COMMITTED, profile) for profile in past.profiles]
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "transactional.id": f"{settings.topics.prefix}growth",
            "linger.ms": 1,  # as the worker's
            "log_level": 3,  # a broker that has just started is asked again, which is not worth a line
        }
    )
    producer.init_transactions(_SECONDS)
    for start in range(0, cards, _BLOCK):
        numbers = range(start, min(start + _BLOCK, cards))
        keys = [card(number).encode() for number in numbers]
        partitions = partitions_of(keys, settings.topics.partitions).tolist()
        records = [*zip(numbers, keys, partitions, strict=True)]
        for first in range(0, len(records), CHECKPOINT):
            producer.begin_transaction()
            for number, key, partition in records[first : first + CHECKPOINT]:
                producer.produce(topic, values[number % len(values)], PROFILE_PREFIX + key, partition)
            producer.commit_transaction(_SECONDS)
