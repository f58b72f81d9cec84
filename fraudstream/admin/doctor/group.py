"""Checks of the workers' consumer groups: whether somebody works, how much waits, and for how long."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING
from uuid import UUID

from kafka import KafkaConsumer
from kafka.admin import OffsetSpec
from kafka.errors import AuthorizationError

from agents.runtime.logs import identity
from agents.runtime.offset_metadata import OffsetMetadata
from fraudstream.admin.doctor.finding import Finding, problem, warning, well
from fraudstream.kafka.access import learning_group
from fraudstream.kafka.admin import connect, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kafka import TopicPartition
    from kafka.admin import KafkaAdminClient

    from fraudstream.settings import KafkaSettings, Settings

    Lags = Mapping[TopicPartition, "Lag"]

_ANSWER_MS = 3_000
_LONG_SECONDS = 60.0
_MS = 1000


class Lag:
    """What waits in one partition: the first offset that is not committed, and how many records follow.

    The marker that ends a sender's transaction takes an offset too, so one a partition is not counted.
    """

    def __init__(self, next_offset: int, end: int, metadata: str = "") -> None:
        """Take the committed offset, that after the last record, and the metadata of the commit."""
        self.next_offset = next_offset
        self.end = end
        self.note = OffsetMetadata.read(metadata)
        self.records = max(0, end - next_offset - 1)


def check_groups(admin: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    """The groups of both sides: members, and what they have not committed, by topic."""
    for group in (settings.worker.group, learning_group(settings.worker.group)):
        try:
            waiting = lags(admin, group)
            yield from check_offsets(admin, group, waiting or {})
            yield _look(admin, settings, group, waiting)
        except AuthorizationError as error:
            yield warning("group", f"These credentials may not look at group {group} ({word(error)}).")


def check_offsets(admin: KafkaAdminClient, group: str, waiting: Lags) -> Iterator[Finding]:
    """Find committed offsets that count in another log than the topic's: beyond its end, or of another id."""
    topics = sorted({place.topic for place in waiting})
    described = admin.describe_topics(topics) if topics else []
    ids = {topic["name"]: _identity(topic.get("topic_id")) for topic in described if not topic["error_code"]}
    for place, lag in waiting.items():
        where, log = f"{place.topic} partition {place.partition}", ids.get(place.topic)
        if lag.note.log and log and lag.note.log != log ^ lag.note.epoch:
            yield warning(
                "group",
                f"Group {group} has committed to another {where} than there is now (topic id): it was made "
                "anew, and workers read it from its beginning, with the profiles as they are; restart those "
                "that ran before.",
            )
        elif lag.next_offset > lag.end:
            yield problem(
                "group",
                f"Group {group} has committed offset {lag.next_offset} of {where}, which ends at "
                f"{lag.end}: the topic was cut or made anew, or this is another cluster; stop the "
                "workers and run `fraudstream profiles rebase`.",
            )


def _identity(topic_id: str | None) -> int:
    """Shorten a topic id as workers do; 0 where the broker gives none."""
    return identity(UUID(topic_id).int) if topic_id else 0


def _look(admin: KafkaAdminClient, settings: Settings, group: str, waiting: Lags | None) -> Finding:
    members = len(admin.describe_groups([group])[group]["members"])
    seen = f"group {group} has {members} worker(s)"
    if waiting is None:
        return well("group", f"The {seen} and has committed nothing yet.")
    if not any(lag.records for lag in waiting.values()):
        return well("group", f"The {seen}; nothing waits.")
    return _judge(seen, members, waiting, _oldest(settings.kafka, waiting))


def _judge(seen: str, members: int, waiting: Lags, oldest: float | None) -> Finding:
    """Judge what waits; `oldest` is the epoch second of the oldest record of it that can be read."""
    age = None if oldest is None else max(0.0, time.time() - oldest)
    backlog = f"{_by_topic(waiting)} wait" + ("" if age is None else f", the oldest for {age:.0f} s")
    if not members:
        return problem("group", f"The {seen} while {backlog}: start one with `fraudstream worker`.")
    if age is not None and age > _LONG_SECONDS:
        return warning(
            "group", f"The {seen}, and {backlog}: they are behind, so start more, or look at their logs."
        )
    return well("group", f"The {seen}; {backlog}.")


def _by_topic(waiting: Lags) -> str:
    counts: dict[str, int] = {}
    for place, lag in waiting.items():
        counts[place.topic] = counts.get(place.topic, 0) + lag.records
    return " and ".join(f"about {count} records of {topic}" for topic, count in counts.items() if count)


def lags(admin: KafkaAdminClient, group: str) -> dict[TopicPartition, Lag] | None:
    """What waits behind the group's commits, by partition; None when it never committed."""
    committed = admin.list_group_offsets(group)[group]
    if not committed:
        return None
    ends = admin.list_partition_offsets(dict.fromkeys(committed, OffsetSpec.LATEST))
    return {place: Lag(said.offset, ends[place].offset, said.metadata) for place, said in committed.items()}


def _oldest(settings: KafkaSettings, waiting: Lags) -> float | None:
    """Kafka timestamp (epoch s) of the oldest first record that waits; None where none can be read."""
    behind = {place: lag for place, lag in waiting.items() if lag.records}
    with closing(connect(settings, KafkaConsumer, group_id=None, enable_auto_commit=False)) as consumer:
        consumer.assign(list(behind))
        for place, lag in behind.items():
            consumer.seek(place, lag.next_offset)
        return min(_first_times(consumer, set(behind)), default=None)


def _first_times(consumer: KafkaConsumer, places: set[TopicPartition]) -> Iterable[float]:
    """The time of the first record of each place that gives one in time."""
    deadline = time.monotonic() + _ANSWER_MS / _MS
    while places and time.monotonic() < deadline:
        for place, records in consumer.poll(timeout_ms=_ANSWER_MS, max_records=1).items():
            if place in places:
                places.discard(place)
                consumer.pause(place)
                yield records[0].timestamp / _MS
