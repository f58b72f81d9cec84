"""Options of delivery: one frozen object, and the librdkafka properties that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_METADATA_MS = 3_000
"""Between two looks at who leads a partition: by default librdkafka may take five minutes to notice that a
broker that was away is back."""


class DeliveryMode(StrEnum):
    """A worker's promise to readers of its output topics."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


@dataclass(frozen=True)
class DeliveryOptions:
    """Options of one worker's delivery engine; times in seconds.

    Attributes:
        client: librdkafka properties of the connection (brokers, TLS, SASL), shared by every client.
        group: consumer group; prefix of the transactional id.
        member: name of this worker, unique among the workers that run now.
        is_static: whether `member` survives a restart, so that its partitions wait for it (KIP-345).
        mode: exactly-once by transactions, or at-least-once for brokers without them.
        chunk_size: most records that an agent receives at once.
        max_queued_records: records fetched and not yet acknowledged, at most.
        batch_interval: time between the starts of two batches of one agent, at least.
        commit_interval: time between checkpoints; longer while a checkpoint itself takes long.
        session_timeout: time after which a silent worker loses its partitions.
        transaction_timeout: time after which the broker aborts a transaction that nobody ends.
        stall_timeout: time without progress, although there is work, after which the worker leaves.
        start_timeout: time that the brokers have to answer at the start.
        linger_ms: time that a record may wait for company, in milliseconds.
        statistics_interval: time between readings of the lag.
        watch_interval: time between looks at the topics' ids and partition counts.
        batch_end: finds the last offset of the batch that holds an offset, by topic, partition and offset,
            without reading its records; None where it cannot be found.
    """

    client: Mapping[str, str | int | float | bool]
    group: str
    member: str
    is_static: bool = False
    mode: DeliveryMode = DeliveryMode.EXACTLY_ONCE
    chunk_size: int = 500
    max_queued_records: int = 2_000
    batch_interval: float = 0.002
    commit_interval: float = 0.2
    session_timeout: float = 45.0
    transaction_timeout: float = 15.0
    stall_timeout: float = 60.0
    start_timeout: float = 60.0
    linger_ms: float = 1.0
    statistics_interval: float = 5.0
    watch_interval: float = 5.0
    batch_end: Callable[[str, int, int], int | None] = lambda *_: None
    consumer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_transactional(self) -> bool:
        """True if outputs, changelog and offsets are committed as one transaction."""
        return self.mode is DeliveryMode.EXACTLY_ONCE

    def pause_after(self, checkpoint: float) -> float:
        """Seconds from a checkpoint that took so long to the next one.

        What takes long is done less often, so that most of the time is left for the work. But one that waited
        for a broker to come back says nothing of the next, and a long pause would be taken for a stall.
        """
        return max(self.commit_interval, min(2 * checkpoint, self.stall_timeout / 10))

    def consumer_properties(self) -> dict[str, Any]:
        """Properties of the group's consumer.

        `fetch.queue.backoff.ms` is lowered, because a full queue otherwise rests for a whole second.
        """
        properties = {
            **self._reading(),
            # Not "earliest": a jump over records that retention deleted is a loss, and must be seen as one.
            "auto.offset.reset": "error",
            "group.id": self.group,
            "partition.assignment.strategy": "range",
            "session.timeout.ms": _milliseconds(self.session_timeout),
            "heartbeat.interval.ms": _milliseconds(min(3.0, self.session_timeout / 4)),
            "statistics.interval.ms": _milliseconds(self.statistics_interval),
            "fetch.wait.max.ms": 100,
            **self.consumer,
        }
        if self.is_static:
            properties["group.instance.id"] = self.member
        return properties

    def reader_properties(self) -> dict[str, Any]:
        """Properties of a consumer that reads whole partitions without joining the group."""
        return {
            **self._reading(),
            "group.id": f"{self.group}-reader",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
        }

    def producer_properties(self, turn: int = 0) -> dict[str, Any]:
        """Properties of the worker's producer; keys land on partitions as Java clients place them.

        Transactional producers take turns; each has a transactional id of its own.
        """
        properties: dict[str, Any] = {
            "topic.metadata.refresh.interval.ms": _METADATA_MS,
            **self.client,
            "linger.ms": self.linger_ms,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 200_000,
            "message.max.bytes": 16_000_000,  # a topic may take less
        }
        if self.is_transactional:
            properties["transactional.id"] = f"{self.group}-{self.member}-{turn}"
            properties["transaction.timeout.ms"] = _milliseconds(self.transaction_timeout)
        return properties

    def _reading(self) -> dict[str, Any]:
        return {
            "topic.metadata.refresh.interval.ms": _METADATA_MS,
            **self.client,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "queued.min.messages": 100_000,
            "fetch.queue.backoff.ms": 20,
        }


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1_000)
