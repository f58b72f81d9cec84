"""The topics of the service: their names under a prefix, and what each must be on the broker.

Partition counts follow three numbers: `partitions` (P) of the transactions, `score_partitions` (Q) of what is
keyed by subject for labelling, and `reputation_partitions` (R). A changelog has as many partitions as the
topic whose state it keeps; examples, models and controls, each one ordered log, have one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal, Self

FUTURE_LIMIT: Final = "message.timestamp.after.max.ms"
"""The one configuration here that brokers before Kafka 3.6 do not have."""

_DAY_MS = 24 * 60 * 60 * 1000
_FOREVER = -1
_KAFKA_DEFAULT_BYTES = 1_048_588
# A broker stores what is sent to such a topic in this form, and compares the size in it with
# `max.message.bytes`, so no batch holds more. Measured: 100 MB of zeros (100 kB in gzip, 9 kB in zstd) are
# refused where this is set, and taken where the form of the sender is kept. Snappy would do as well (it packs
# at most 21 bytes into one) and take a quarter of the disk, but a broker loads native code from its temporary
# folder for it; where that is forbidden, as in Docker's tmpfs, it refuses every record.
_BOUNDED_COMPRESSION = "uncompressed"
# A record of the future would let everything mature that waits for its time.
_FUTURE_MS = 300_000
# A certificate of erasure names the day by which compaction has dropped what was overwritten.
_COMPACTION_MS = 7 * _DAY_MS
# A snapshot of a grown forest takes some hundred kilobytes; a large one is still one record.
_SNAPSHOT_BYTES = 16 * 1_048_576
# The newest segment is never compacted, so a small one keeps a restore short.
_CHANGELOG_SEGMENT_BYTES = 64 * 1_048_576
# Each scorer reads all of these at its start, and a reputation takes ten times as long to read as a profile.
_REPUTATION_SEGMENT_BYTES = 16 * 1_048_576


@dataclass(frozen=True)
class Topics:
    """The name of every topic; `Topics.with_prefix("prod.")` puts the same prefix before each."""

    transactions: str = "transactions"
    labels: str = "labels"
    labels_keyed: str = "labels.keyed"
    scores: str = "scores"
    alerts: str = "alerts"
    examples: str = "examples"
    outcomes: str = "outcomes"
    reputations: str = "reputations"
    models: str = "models"
    controls: str = "controls"
    dead_letters: str = "dead-letters"
    scoring_changelog: str = "scoring-changelog"
    reputation_changelog: str = "reputation-changelog"

    @classmethod
    def with_prefix(cls, prefix: str) -> Self:
        """The default names, each after `prefix`."""
        return cls(*(f"{prefix}{field.default}" for field in fields(cls)))


@dataclass(frozen=True)
class TopicSpec:
    """What one topic must be.

    Attributes:
        name: as on the broker.
        partitions: how many.
        cleanup: Kafka's `cleanup.policy`.
        retention_ms: how long records are kept, -1 for ever.
        any_partitions: the count is only a proposal: no reader or writer depends on it.
        max_message_bytes: the largest record batch.
        segment_bytes: the size of a log segment; None for the broker's own.
        is_foreign: others than this service write there, so the broker refuses what could harm a reader.
    """

    name: str
    partitions: int
    cleanup: Literal["delete", "compact"]
    retention_ms: int
    any_partitions: bool = False
    max_message_bytes: int = _KAFKA_DEFAULT_BYTES
    segment_bytes: int | None = None
    is_foreign: bool = False

    def config(self) -> dict[str, str]:
        """Return the configuration that the service needs, in Kafka's words."""
        config = {"cleanup.policy": self.cleanup, "retention.ms": str(self.retention_ms)}
        if not self.is_foreign:
            config["max.message.bytes"] = str(self.max_message_bytes)
        if self.cleanup == "delete" and self.retention_ms == _FOREVER:
            config["retention.bytes"] = str(_FOREVER)  # a broker's own limit would cut the beginning off
        if self.segment_bytes is not None:
            config["segment.bytes"] = str(self.segment_bytes)
        return config

    def protection(self) -> dict[str, str]:
        """Return the configuration that protects the service, which works without it at a risk."""
        if self.is_foreign:
            return {
                "max.message.bytes": str(self.max_message_bytes),
                "compression.type": _BOUNDED_COMPRESSION,
                FUTURE_LIMIT: str(_FUTURE_MS),
            }
        return {"max.compaction.lag.ms": str(_COMPACTION_MS)} if self.cleanup == "compact" else {}


def topic_specs(
    topics: Topics, *, partitions: int, score_partitions: int, reputation_partitions: int
) -> tuple[TopicSpec, ...]:
    """Every topic's spec, in the order of a transaction's way through the service.

    Args:
        topics: the names.
        partitions: P, of transactions and of the scoring state.
        score_partitions: Q, of scores and keyed labels.
        reputation_partitions: R, of outcomes and reputations.
    """
    return (
        _log(topics.transactions, partitions, days=7, is_foreign=True),
        _log(topics.labels, partitions, days=90, any_partitions=True, is_foreign=True),
        _log(topics.labels_keyed, score_partitions, days=90),
        _log(topics.scores, score_partitions, days=60),
        _log(topics.alerts, partitions, days=30, any_partitions=True),
        _log(topics.dead_letters, partitions, days=30, any_partitions=True),
        _log(topics.examples, 1, days=365),
        _log(topics.outcomes, reputation_partitions, days=7),
        _table(topics.reputations, reputation_partitions, segment_bytes=_REPUTATION_SEGMENT_BYTES),
        _table(topics.models, 1, max_message_bytes=_SNAPSHOT_BYTES, segment_bytes=_CHANGELOG_SEGMENT_BYTES),
        TopicSpec(topics.controls, 1, "delete", _FOREVER),
        _table(topics.scoring_changelog, partitions, segment_bytes=_CHANGELOG_SEGMENT_BYTES),
        _table(topics.reputation_changelog, reputation_partitions, segment_bytes=_CHANGELOG_SEGMENT_BYTES),
    )


def _log(
    name: str,
    partitions: int,
    *,
    days: int,
    any_partitions: bool = False,
    is_foreign: bool = False,
) -> TopicSpec:
    return TopicSpec(name, partitions, "delete", days * _DAY_MS, any_partitions, is_foreign=is_foreign)


def _table(
    name: str,
    partitions: int,
    *,
    segment_bytes: int | None = None,
    max_message_bytes: int = _KAFKA_DEFAULT_BYTES,
) -> TopicSpec:
    return TopicSpec(
        name,
        partitions,
        "compact",
        _FOREVER,
        max_message_bytes=max_message_bytes,
        segment_bytes=segment_bytes,
    )
