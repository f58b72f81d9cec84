"""The delivery engine's events: the `Observer` of `agents.runtime`, with metrics and log lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from agents.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prometheus_client import CollectorRegistry, Gauge

    from agents.runtime import Chunk

    Place = tuple[str, int]


class DeliveryTelemetry:
    """Hears the delivery engine; `restored` and `lag` come from its poll thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.metrics = Metrics(registry)
        self.log = structlog.get_logger("fraudstream")
        self._lagging: set[Place] = set()
        self._waiting: set[Place] = set()
        self._started: set[Place] = set()
        self._missing: set[str] = set()
        self._unserved: dict[str, int] = {}

    def partitions_assigned(self, count: int) -> None:
        """`count` partitions are in this worker's hands now."""
        self.metrics.assigned_partitions.set(count)
        self.log.info("partitions assigned", count=count)

    def rebalanced(self, *, lost: bool) -> None:
        """Partitions were taken away; `lost`: without the chance to commit."""
        outcome = "lost" if lost else "revoked"
        self.metrics.rebalances.labels(outcome).inc()
        (self.log.warning if lost else self.log.info)("partitions taken away", outcome=outcome)

    def restored(self, topic: str, seconds: float, records: int) -> None:
        """A changelog was read."""
        self.metrics.restore.labels(topic).observe(seconds)
        self.metrics.restored_records.labels(topic).inc(records)
        self.log.info("state restored", topic=topic, seconds=round(seconds, 3), records=records)

    def batch_began(self, chunks: Sequence[Chunk]) -> None:
        """An agent takes these chunks; `agents.telemetry.tracing` makes a span of it."""

    def batch_ended(self, *, finished: bool) -> None:
        """It is done with them, or has failed."""

    def checkpoint_chosen(self) -> None:
        """A checkpoint includes every batch that has ended by now."""

    def outputs_delivered(self) -> None:
        """What these batches wrote is on the broker."""

    def committed(self, seconds: float, changelog_records: int) -> None:
        """A checkpoint is durable."""
        self.metrics.commits.labels("ok").inc()
        self.metrics.commit.observe(seconds)
        self.metrics.changelog_records.inc(changelog_records)

    def commit_failed(self, reason: str) -> None:
        """A checkpoint was refused, and the worker leaves."""
        self.metrics.commits.labels("failed").inc()
        self.log.error("commit failed", reason=reason)

    def lag(self, lags: Mapping[tuple[str, int], int]) -> None:
        """Records behind the end, by topic and partition; partitions no longer named are forgotten."""
        _show_only(self.metrics.lag, self._lagging, lags)

    def waiting(self, ages: Mapping[tuple[str, int], float]) -> None:
        """Age of the oldest record in hand, by topic and partition; those no longer named are forgotten."""
        _show_only(self.metrics.waiting, self._waiting, ages)

    def starts_noted(self, starts: Mapping[tuple[str, int], int]) -> None:
        """Starts without progress, by topic and partition; those no longer named are forgotten."""
        _show_only(self.metrics.starts, self._started, starts)

    def log_replaced(self, topic: str, partition: int) -> None:
        """What was committed counts in a log that is gone: the partition is read from its beginning."""
        self.metrics.logs_replaced.labels(topic).inc()
        self.log.error(
            "topic was made anew: read from its beginning, with the state as it is",
            topic=topic,
            partition=partition,
        )

    def topic_seen(self, topic: str, *, exists: bool) -> None:
        """Whether a topic that is read, or keeps state, was there at the last look."""
        self.metrics.topic_missing.labels(topic).set(not exists)
        if exists == (topic in self._missing):
            self._missing ^= {topic}
            tell = self.log.info if exists else self.log.error
            tell("topic is there again" if exists else "topic is missing: nothing of it is read", topic=topic)

    def partitions_unserved(self, topic: str, changelog: str, partitions: int, served: int) -> None:
        """Of so many partitions of a topic only the first `served` have one of their changelog."""
        unserved = max(0, partitions - served)
        self.metrics.unserved_partitions.labels(topic).set(unserved)
        if unserved and self._unserved.get(topic) != unserved:
            self.log.error(
                "partitions are read by nobody, for their changelog has fewer: stop the workers of this "
                "group, raise the changelog to as many partitions (kafka-topics --alter), run `fraudstream "
                "profiles repartition` if it is scoring's, set FRAUDSTREAM_TOPICS__ to the new count, and "
                "start them again",
                topic=topic,
                partitions=partitions,
                changelog=changelog,
                changelog_partitions=served,
            )
        self._unserved[topic] = unserved

    def partition_on_trial(self, topic: str, partition: int, first: int, last: int) -> None:
        """Workers died over these records: they are read alone now."""
        self.metrics.partition_trials.labels(topic).inc()
        self.log.error(
            "workers died over these records: they are read alone now, and passed over if that kills again",
            topic=topic,
            partition=partition,
            first=first,
            last=last,
        )

    def agent_failed(self, agent: str, failure: BaseException) -> None:
        """An agent raised; the worker leaves."""
        self.metrics.agent_failures.labels(agent).inc()
        self.log.error("agent failed", agent=agent, exc_info=failure)

    def leaving(self, reason: str) -> None:
        """The worker leaves, and why."""
        self.log.error("worker leaves", reason=reason)


def _show_only(gauge: Gauge, shown: set[Place], values: Mapping[Place, float]) -> None:
    """Set a gauge for these places and take the others back; a scrape may come at any time."""
    for place in shown - values.keys():
        gauge.remove(*place)
    shown.clear()
    shown.update(values)
    for place, value in values.items():
        gauge.labels(*place).set(value)
