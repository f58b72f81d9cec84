"""What stays in topics and files after an erasure, and until when.

Kafka removes segments, never single records; RocksDB writes its files again without what was deleted.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from fraudstream.subject.certificate import Remainder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fraudstream.subject.stock import Holding
    from fraudstream.topics import TopicState

FILES: Final = "labelling's files"
"""In the place of a topic's name."""
_NEVER_MS: Final = 100 * 365 * 24 * 60 * 60 * 1000
"""Longer is no date: Kafka's default for compaction is 292 million years."""


def remains(
    holdings: Mapping[str, Holding], topics: Mapping[str, TopicState], now: datetime
) -> Iterator[Remainder]:
    """What is left of each topic.

    Args:
        holdings: what was found after the erasure, by topic.
        topics: their settings on the broker.
        now: the time of now.
    """
    for name, holding in holdings.items():
        until, why = _fate(topics[name].config, holding.last or now, now)
        yield Remainder(
            topic=name,
            records=holding.total,
            first=holding.first,
            last=holding.last,
            until=until,
            why=why,
        )


def labelling_files(kept: int) -> Iterator[Remainder]:
    """What may be left in the files of labelling, which nothing but its worker can look into.

    Args:
        kept: transactions of the subject that it kept.
    """
    if kept:
        yield Remainder(
            topic=FILES,
            records=0,
            first=None,
            last=None,
            until=None,
            why="deleted from the store; the worker then writes its files again without them, looks through "
            "them and reports that in its log: this certificate did not look into them",
        )


def _fate(config: Mapping[str, str], last: datetime, now: datetime) -> tuple[datetime | None, str]:
    if not config:
        return None, "these credentials may not read the topic's configuration (DescribeConfigs)"
    return _compacted(config, now) if "compact" in config["cleanup.policy"] else _logged(config, last)


def _logged(config: Mapping[str, str], last: datetime) -> tuple[datetime | None, str]:
    """A segment goes when its newest record is old enough, and takes that long to fill at most."""
    retention = int(config["retention.ms"])
    if not 0 <= retention < _NEVER_MS:
        return None, "the topic is kept for ever: set retention.ms to have them removed"
    until = last + timedelta(milliseconds=retention + int(config["segment.ms"]))
    return until, "Kafka removes them with their segment, after retention.ms and at most segment.ms"


def _compacted(config: Mapping[str, str], now: datetime) -> tuple[datetime | None, str]:
    """An older value goes when its segment is compacted, which a lag forces; later the deletion goes."""
    lag = int(config["max.compaction.lag.ms"])
    if lag >= _NEVER_MS:
        return None, "deleted; Kafka compacts older values away, and max.compaction.lag.ms would set a date"
    until = now + timedelta(milliseconds=2 * lag + int(config["delete.retention.ms"]))
    return until, "deleted; Kafka compacts older values away, and later the deletion itself"
