"""Keeps profiles where they are needed when the log of the transactions changes under them.

`repartition`: the topic got more partitions, so senders place some cards and accounts elsewhere than their
profiles. `rebase`: the topic was cut, or is another cluster's, and its broker gives no id that would say so.
Both want every scoring worker stopped.
"""

from __future__ import annotations

import secrets
import zlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from kafka.partitioner.default import murmur2

from agents.runtime.offset_metadata import OffsetMetadata
from agents.runtime.reading import read_batches
from agents.runtime.restore import Restoration
from agents.runtime.state import seal
from agents.scoring import NAME
from fraudstream.admin.profiles import ProfilesRefused, expect_no_worker
from fraudstream.kafka.admin import KafkaUnreachable, kafka_admin
from fraudstream.kafka.read import expect_topics, reader
from fraudstream.kafka.topics import count_partitions
from models.profiles.merge import merge, moved
from models.scoring.state import PROFILE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fraudstream.settings import Settings

    Partitioner = Callable[[bytes], int]

_ANSWER_SECONDS: Final = 30.0
_TRANSACTION_MS: Final = 600_000
_EPOCHS: Final = 2**62
_POSITIVE: Final = 0x7FFFFFFF


def _fnv1a(key: bytes) -> int:
    value = 0x811C9DC5
    for byte in key:
        value = (value ^ byte) * 0x01000193 % 2**32
    return value


PARTITIONERS: Final[Mapping[str, Partitioner]] = {
    "murmur2 (Java clients)": lambda key: murmur2(key) & _POSITIVE,
    "crc32 (librdkafka by default)": zlib.crc32,
    "fnv1a": _fnv1a,
}
"""How senders may turn a key into a number, whose remainder is the partition."""


@dataclass
class _Partition:
    """What the changelog holds of one partition."""

    entries: dict[bytes, bytes] = field(default_factory=dict)

    def restore(self, key: bytes, payload: bytes | None) -> None:
        if payload is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = payload

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        return []

    def __len__(self) -> int:
        return len(self.entries)

    def profiles(self) -> dict[bytes, bytes]:
        return {key: payload for key, payload in self.entries.items() if key.startswith(PROFILE_PREFIX)}


@dataclass(frozen=True)
class Repartitioned:
    """What was done.

    Attributes:
        partitions: of `transactions` and of the changelog.
        partitioner: by which the senders place their records.
        profiles: in the changelog.
        moved: those of them that went to another partition.
        merged: those of these that met a younger profile of their subject there.
    """

    partitions: int
    partitioner: str
    profiles: int
    moved: int
    merged: int


def repartition(settings: Settings) -> Repartitioned:
    """Move each profile to the partition where its card's or account's transactions come in now.

    Raises:
        ProfilesRefused: workers run, the changelog has fewer partitions, or profiles stand where no
            partitioner that is known would have placed their transactions.
        KafkaUnreachable: Kafka does not answer, or refuses something.
        TopicsRefused: a topic is missing.
    """
    topics = settings.topics.names()
    expect_topics(settings.kafka, topics.transactions, topics.scoring_changelog)
    with kafka_admin(settings.kafka) as admin:
        counts = count_partitions(admin, [topics.transactions, topics.scoring_changelog])
    count, kept = counts[topics.transactions] or 0, counts[topics.scoring_changelog] or 0
    if kept < count:
        raise ProfilesRefused(
            f"Topic {topics.scoring_changelog} has {kept} partitions and {topics.transactions} {count}: "
            f"raise it first (kafka-topics --alter --topic {topics.scoring_changelog} --partitions {count})."
        )
    expect_no_worker(settings)
    try:
        with reader(settings.kafka, settings.worker.group) as consumer:
            return _repartition(settings, consumer, count)
    except KafkaException as error:
        raise _refused(settings, error) from error


def _repartition(settings: Settings, consumer: Consumer, count: int) -> Repartitioned:
    topics = settings.topics.names()
    held = _read_changelog(consumer, topics.scoring_changelog, count)
    name, place = _find_partitioner(held, count)
    committed = consumer.committed(
        [TopicPartition(topics.transactions, number) for number in range(count)], timeout=_ANSWER_SECONDS
    )
    after = {number: partition.profiles() for number, partition in held.items()}
    going = [
        (key, number, target)
        for number, profiles in after.items()
        for key in profiles
        if (target := place(key.removeprefix(PROFILE_PREFIX)) % count) != number
    ]
    changes: dict[int, dict[bytes, bytes | None]] = defaultdict(dict)
    merged = 0
    for key, number, target in going:
        profile, there = moved(after[number].pop(key)), after[target].get(key)
        merged += there is not None
        after[target][key] = profile if there is None else merge(profile, there)
        changes[number].setdefault(key, None)
        changes[target][key] = after[target][key]
    notes = [_noted(each, len(after[each.partition])) for each in committed]
    _write(settings, changes, {each.partition: each for each in notes})
    consumer.commit(offsets=[each for each in notes if each.offset >= 0], asynchronous=False)
    return Repartitioned(count, name, sum(map(len, after.values())), len(going), merged)


def _read_changelog(consumer: Consumer, changelog: str, count: int) -> dict[int, _Partition]:
    restorations = {number: Restoration(_Partition()) for number in range(count)}
    starts = {(changelog, number): OFFSET_BEGINNING for number in restorations}
    for record in chain.from_iterable(read_batches(consumer, starts)):
        restorations[record.partition()].take(record)
    return {number: done.state for number, done in restorations.items()}  # type: ignore[misc]


def _find_partitioner(held: Mapping[int, _Partition], count: int) -> tuple[str, Partitioner]:
    """Tell by where profiles stand how the senders place records: by today's count, or by the one before."""
    standing = [
        (number, key.removeprefix(PROFILE_PREFIX))
        for number, partition in held.items()
        for key in partition.profiles()
    ]
    for name, partitioner in PARTITIONERS.items():
        places = [(number, partitioner(key)) for number, key in standing]
        if any(_explains(places, count, before) for before in range(count, 0, -1)):
            return name, partitioner
    raise ProfilesRefused(
        f"The profiles stand where none of these would have placed their transactions: "
        f"{', '.join(PARTITIONERS)}. Their senders use a partitioner of their own: run `fraudstream profiles "
        "rebuild` instead, which makes them anew from the transactions that are still there."
    )


def _explains(places: Iterable[tuple[int, int]], count: int, before: int) -> bool:
    return all(number in {value % count, value % before} for number, value in places)


def _noted(committed: TopicPartition, profiles: int) -> TopicPartition:
    note = OffsetMetadata.read(committed.metadata)
    note = replace(note, states={**note.states, NAME: str(profiles)})
    return TopicPartition(committed.topic, committed.partition, committed.offset, note.text())


def _write(
    settings: Settings,
    changes: Mapping[int, Mapping[bytes, bytes | None]],
    notes: Mapping[int, TopicPartition],
) -> None:
    """Write all of it or nothing: a second run would add up what the first had added up already."""
    producer = Producer(
        {
            **settings.kafka.librdkafka(),
            "transactional.id": f"{settings.worker.group}-repartition",
            "transaction.timeout.ms": _TRANSACTION_MS,
            "log_level": 0,
        }
    )
    producer.init_transactions(_ANSWER_SECONDS)
    producer.begin_transaction()
    changelog = settings.topics.names().scoring_changelog
    for number, entries in changes.items():
        log = OffsetMetadata.read(notes[number].metadata).log
        for key, payload in entries.items():
            value = seal(log, max(notes[number].offset, 0), payload)
            while True:
                try:
                    producer.produce(changelog, value, key, number)
                except BufferError:
                    producer.poll(1.0)
                else:
                    break
            producer.poll(0)
    producer.commit_transaction(_TRANSACTION_MS / 1_000)


@dataclass(frozen=True)
class Rebased:
    """One partition that is read from its beginning, as another log than before."""

    partition: int
    was: int
    """Offset that the group had committed."""


def rebase(settings: Settings) -> list[Rebased]:
    """Have `transactions` read from its beginning as a new log; profiles stay as they are.

    What was scored before and still stands there is known again only as far as profiles remember it.

    Raises:
        ProfilesRefused: workers run.
        KafkaUnreachable: Kafka does not answer, or refuses something.
        TopicsRefused: the topic is missing.
    """
    topic = settings.topics.names().transactions
    expect_topics(settings.kafka, topic)
    expect_no_worker(settings)
    try:
        with reader(settings.kafka, settings.worker.group) as consumer:
            count = len(consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions)
            places = [TopicPartition(topic, number) for number in range(count)]
            committed = consumer.committed(places, timeout=_ANSWER_SECONDS)
            epoch = secrets.randbelow(_EPOCHS) + 1
            consumer.commit(
                offsets=[_begun_again(consumer, each, epoch) for each in committed], asynchronous=False
            )
            return [Rebased(each.partition, each.offset) for each in committed if each.offset >= 0]
    except KafkaException as error:
        raise _refused(settings, error) from error


def _begun_again(consumer: Consumer, committed: TopicPartition, epoch: int) -> TopicPartition:
    place = TopicPartition(committed.topic, committed.partition)
    low, _ = consumer.get_watermark_offsets(place, _ANSWER_SECONDS)
    note = OffsetMetadata(None, OffsetMetadata.read(committed.metadata).states, epoch=epoch)
    return TopicPartition(place.topic, place.partition, low, note.text())


def _refused(settings: Settings, error: KafkaException) -> KafkaUnreachable:
    return KafkaUnreachable(
        f"Kafka at {settings.kafka.bootstrap_servers} refused a request ({error.args[0].name()})."
    )
