"""The logs behind topics: an offset has a meaning only together with the log that it counts in.

A topic that is deleted and made anew, or stands on another cluster, has another log under the same name. The
broker gives each log an id (KIP-516, Kafka 2.8); it goes along with every offset that is remembered.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, OffsetSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    Place = tuple[str, int]

_LOG = logging.getLogger("librdkafka.logs")
_BELOW = 2**63
_MISSING = frozenset({ck.KafkaError.UNKNOWN_TOPIC_OR_PART, ck.KafkaError.UNKNOWN_TOPIC_ID})


class Log(NamedTuple):
    """The log behind a topic's name."""

    identity: int
    """64 bits of the topic id, below 2**63; 0 where the broker gives none."""
    partitions: int


class Bounds(NamedTuple):
    """The offsets that a partition holds: from `low` to before `high`, open transactions included."""

    low: int
    high: int


class Logs:
    """Asks the brokers about logs; from any thread but an event loop's, since it waits for the answer."""

    def __init__(self, client: Mapping[str, Any], timeout: float = 30.0) -> None:
        self._client = dict(client)
        self._timeout = timeout
        self._admin: AdminClient | None = None

    def describe(self, topics: Collection[str]) -> dict[str, Log]:
        """Give the log of each topic; one that does not exist is left out.

        Raises:
            KafkaException: the brokers refused, or did not answer in time.
        """
        asked = self._connected().describe_topics(
            ck.TopicCollection(list(topics)), request_timeout=self._timeout
        )
        found = {}
        for topic, answer in asked.items():
            try:
                described = answer.result(self._timeout)
            except ck.KafkaException as failure:
                if failure.args[0].code() not in _MISSING:
                    raise
            else:
                found[topic] = Log(identity(_number(described.topic_id)), len(described.partitions))
        return found

    def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """Give the bounds of partitions.

        Raises:
            KafkaException: the brokers refused, or did not answer in time.
        """
        places = list(places)
        lows = self._list(places, OffsetSpec.earliest())
        highs = self._list(places, OffsetSpec.latest())
        return {place: Bounds(lows[place], highs[place]) for place in places}

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """Give the high watermark of partitions; raises as `bounds` does."""
        return self._list(list(places), OffsetSpec.latest())

    def _list(self, places: list[Place], spec: OffsetSpec) -> dict[Place, int]:
        asked = self._connected().list_offsets(
            {ck.TopicPartition(*place): spec for place in places},
            isolation_level=ck.IsolationLevel.READ_UNCOMMITTED,
            request_timeout=self._timeout,
        )
        return {(tp.topic, tp.partition): f.result(self._timeout).offset for tp, f in asked.items()}

    def _connected(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient(self._client, logger=_LOG)
        return self._admin


def identity(topic_id: int) -> int:
    """Shorten a topic id of 128 bits to what a commit notes."""
    return (topic_id >> 64 ^ topic_id) % _BELOW


def _number(topic_id: ck.Uuid) -> int:
    high: int = topic_id.get_most_significant_bits()
    low: int = topic_id.get_least_significant_bits()
    return (high % 2**64) << 64 | low % 2**64
