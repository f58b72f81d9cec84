"""Records, chunks and an outbox as the agents see them, without a broker."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest
from prometheus_client import CollectorRegistry

from agents.runtime import Chunk
from agents.telemetry import Telemetry
from agents.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterator, Sequence

    from agents.runtime import PartitionState

SENT_AT_MS = 1_772_500_000_000


@dataclass(frozen=True)
class FakeRecord:
    """A record of `transactions`."""

    its_key: bytes | None
    its_value: bytes | None
    its_offset: int = 0
    its_timestamp: tuple[int, int] = (1, SENT_AT_MS)
    its_partition: int = 2

    def topic(self) -> str:
        return "transactions"

    def partition(self) -> int:
        return self.its_partition

    def offset(self) -> int:
        return self.its_offset

    def key(self) -> bytes | None:
        return self.its_key

    def value(self) -> bytes | None:
        return self.its_value

    def headers(self) -> list[tuple[str, bytes | None]]:
        return [("trace", b"7")]

    def timestamp(self) -> tuple[int, int]:
        return self.its_timestamp


class Put(NamedTuple):
    """What an agent put into the outbox."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes | None]
    timestamp_ms: int
    partition: int = -1


@dataclass
class FakeApp:
    """Stands for the app: keeps what agents put, and runs a bound agent on chunks."""

    put_records: list[Put] = field(default_factory=list)
    processes: dict[str, Callable[[AsyncIterable[Sequence[Chunk]]], Awaitable[None]]] = field(
        default_factory=dict
    )
    sources: dict[str, str] = field(default_factory=dict)
    states: dict[str, PartitionState] = field(default_factory=dict)
    changelog: str | None = None
    failure: BaseException | None = None
    log: int = 0

    @property
    def outbox(self) -> FakeApp:
        return self

    def put(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int = -1,
        headers: list[tuple[str, bytes | None]] | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        self.put_records.append(Put(topic, key, value, dict(headers or []), timestamp_ms, partition))

    @contextmanager
    def beside(self, agent: str) -> Iterator[None]:
        assert agent in self.processes
        try:
            yield
        except Exception as failure:  # noqa: BLE001 - as the app does
            self.failure = failure

    async def room(self) -> None:
        """There is always room."""

    def bind(
        self,
        name: str,
        topic: str,
        process: Callable[[AsyncIterable[Sequence[Chunk]]], Awaitable[None]],
        *,
        new_state: Callable[[], PartitionState] | None = None,
        changelog: str | None = None,
    ) -> None:
        self.processes[name] = process
        self.sources[name] = topic
        self.changelog = changelog
        if new_state:
            self.states[name] = new_state()

    async def run(self, name: str, *records: FakeRecord, is_poison: bool = False, log: int = 0) -> None:
        """Let an agent take one chunk, to its end."""
        chunk = Chunk(self.sources[name], 2, records, self.states, is_poison, is_poison, log=log or self.log)

        async def chunks() -> Any:
            yield [chunk]

        await self.processes[name](chunks())

    def on(self, topic: str) -> list[Put]:
        """What was put for one topic."""
        return [put for put in self.put_records if put.topic == topic]


@pytest.fixture
def app() -> FakeApp:
    return FakeApp()


@pytest.fixture
def topics() -> Topics:
    return Topics()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def telemetry(registry: CollectorRegistry) -> Telemetry:
    return Telemetry(registry)


@pytest.fixture
def record() -> Callable[..., FakeRecord]:
    """Makes the record of a card transaction; `key` and `value` replace what is right."""

    def make(offset: int = 0, *, key: Any = ..., value: Any = ..., **changes: Any) -> FakeRecord:
        fields = card(**changes)
        return FakeRecord(
            fields["card_id"].encode() if key is ... else key,
            orjson.dumps(fields) if value is ... else value,
            offset,
        )

    return make


def card(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "card",
        "transaction_id": "t-1",
        "event_time": "2026-03-01T10:00:00+00:00",
        "card_id": "card-1",
        "merchant_id": "merchant-1",
        "amount": "12.50",
        "currency": "EUR",
    } | changes
