"""Kafka records as agents see them: received ones, and those that they write."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

Header = tuple[str, bytes | None]


class KafkaRecord(Protocol):
    """A received record; `confluent_kafka.Message` is one."""

    def topic(self) -> str:
        """Topic that it came from."""

    def partition(self) -> int:
        """Its partition there."""

    def offset(self) -> int:
        """Its offset there."""

    def key(self) -> bytes | None:
        """Key as it came."""

    def value(self) -> bytes | None:
        """Value as it came."""

    def headers(self) -> Sequence[Header] | None:
        """Headers as they came."""

    def timestamp(self) -> tuple[int, int]:
        """Kind of timestamp (0: none) and milliseconds since 1970."""


class Outgoing(NamedTuple):
    """A record to write, of which topic and partition are not chosen yet."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]
    timestamp_ms: int | None


class Record(NamedTuple):
    """One record to write; partition -1 leaves the choice to the key."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int = -1
    headers: Sequence[Header] = ()
    timestamp_ms: int = 0
