"""Stand-ins for the engine in tests of agents: no Kafka, no Faust, no thread.

```python
app = FakeApp()
app.bind("counting", "orders", agent.process, new_state=Counts)
await app.run("counting", FakeRecord(b"key", b"value", offset=7))
assert [record.key for record in app.outbox.on("counts")] == [b"key"]
```
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.runtime.partition import Chunk
from agents.runtime.records import Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from agents.runtime.app import AgentFunction
    from agents.runtime.records import Header
    from agents.runtime.state import PartitionState


class FakeRecord:
    """A received record (`records.KafkaRecord`) made by hand."""

    def __init__(
        self,
        key: bytes | None = None,
        value: bytes | None = None,
        offset: int = 0,
        timestamp: tuple[int, int] = (1, 1_772_500_000_000),
        *,
        topic: str = "in",
        partition: int = 0,
        headers: Sequence[Header] = (),
    ) -> None:
        """Take what the methods of the same names return."""
        self._key = key
        self._value = value
        self._offset = offset
        self._timestamp = timestamp
        self._topic = topic
        self._partition = partition
        self._headers = headers

    def changed(self, **fields: Any) -> FakeRecord:
        """Copy it with other fields."""
        own = {name.removeprefix("_"): value for name, value in vars(self).items()}
        return FakeRecord(**{**own, **fields})

    def topic(self) -> str:
        """Topic that it came from."""
        return self._topic

    def partition(self) -> int:
        """Its partition there."""
        return self._partition

    def offset(self) -> int:
        """Its offset there."""
        return self._offset

    def key(self) -> bytes | None:
        """Key as it came."""
        return self._key

    def value(self) -> bytes | None:
        """Value as it came."""
        return self._value

    def headers(self) -> list[Header] | None:
        """Headers as they came; None where there are none, as in librdkafka."""
        return [*self._headers] or None

    def timestamp(self) -> tuple[int, int]:
        """Kind of timestamp (0: none) and milliseconds since 1970."""
        return self._timestamp

    def error(self) -> None:
        """Say that it is a record, and no failed fetch."""


class WrittenRecord(Record):
    """A record that an agent wrote."""

    __slots__ = ()

    def header(self, name: str) -> bytes | None:
        """Give the value of a header; None where it is missing."""
        return dict(self.headers).get(name)


@dataclass
class FakeOutbox:
    """Keeps what agents write."""

    records: list[WrittenRecord] = field(default_factory=list)

    def put(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int = -1,
        headers: Sequence[Header] = (),
        timestamp_ms: int = 0,
    ) -> None:
        """Keep a record."""
        self.records.append(WrittenRecord(topic, key, value, partition, [*headers], timestamp_ms))

    async def room(self) -> None:
        """Wait for nothing: there is always room."""

    def on(self, topic: str) -> list[WrittenRecord]:
        """Give what was written for one topic."""
        return [record for record in self.records if record.topic == topic]


@dataclass
class FakeApp:
    """Binds agents and runs them on chunks, one state each.

    Attributes:
        outbox: keeps what the agents write.
        processes: by agent, what it runs.
        sources: by agent, the topic that it reads.
        new_states: by agent, what makes the state of a partition.
        states: by agent, the state that `run` gives it.
        changelogs: by agent, the topic that keeps its state.
        failure: what an agent raised beside its chunks.
        log: identity of the source topic.
    """

    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    processes: dict[str, AgentFunction] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    new_states: dict[str, Callable[[], PartitionState]] = field(default_factory=dict)
    states: dict[str, PartitionState] = field(default_factory=dict)
    changelogs: dict[str, str] = field(default_factory=dict)
    failure: BaseException | None = None
    log: int = 0

    def bind(
        self,
        name: str,
        topic: str,
        process: AgentFunction,
        *,
        new_state: Callable[[], PartitionState] | None = None,
        changelog: str | None = None,
    ) -> None:
        """Keep an agent, as `App.bind` does."""
        self.processes[name] = process
        self.sources[name] = topic
        if changelog is not None:
            self.changelogs[name] = changelog
        if new_state is not None:
            self.new_states[name] = new_state
            self.states[name] = new_state()

    @contextmanager
    def beside(self, agent: str) -> Iterator[None]:
        """Keep what fails in the block, as `App.beside` leaves for it."""
        assert agent in self.processes
        try:
            yield
        except Exception as failure:  # noqa: BLE001 - as the app does
            self.failure = failure

    async def run(self, name: str, *records: Any, is_poison: bool = False, log: int = 0) -> None:
        """Let an agent take one chunk of records, to its end."""
        partition = records[0].partition() if records else 0
        chunk = Chunk(
            self.sources[name], partition, records, self.states, is_poison, is_poison, log=log or self.log
        )

        async def chunks() -> AsyncIterator[Sequence[Chunk]]:
            yield [chunk]

        await self.processes[name](chunks())
