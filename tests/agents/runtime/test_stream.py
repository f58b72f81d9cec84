"""An agent gets what waits, of several partitions at once; what is under suspicion comes alone."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from agents.runtime.desk import Desk, HeldChunk
from agents.runtime.gate import Gate
from agents.runtime.partition import Partition
from agents.runtime.stream import ChunkStream
from agents.runtime.suspects import Suspect

if TYPE_CHECKING:
    from collections.abc import Callable


class Source:
    """A stream's surroundings: its channel, the desk and the chunk size."""

    def __init__(self, messages: Callable[[int, int], list[Any]]) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.gate = Gate()
        self.desk = Desk(self.gate, lambda _: None, lambda: None)
        self._messages = messages
        self.partitions = [Partition("in", number, {}) for number in range(4)]

    def give(self, number: int, first: int, end: int) -> list[Any]:
        """Queue the chunks of some records of a partition."""
        partition = self.partitions[number]
        chunks = partition.hand_out(self._messages(first, end), 10)
        events = [SimpleNamespace(value=c, message=HeldChunk(c, partition, 1)) for c in chunks]
        for event in events:
            self.queue.put_nowait(event)
        return events

    def add_waiting(self) -> tuple[list[Any], Any]:
        """Take the first event and what comes with it."""
        events = [self.queue.get_nowait()]
        assert self.desk.admit(events[0].message)
        stream = SimpleNamespace(
            channel=self,
            app=SimpleNamespace(
                consumer=SimpleNamespace(desk=self.desk),
                delivery=SimpleNamespace(chunk_size=10, batch_interval=0.0),
            ),
        )
        left = ChunkStream._add_waiting(stream, events)  # type: ignore[arg-type] - only what it looks at
        return events, left


@pytest.fixture
def source(messages: Callable[[int, int], list[Any]]) -> Source:
    return Source(messages)


def places(events: list[Any]) -> list[tuple[int, int]]:
    return [(event.value.partition, event.value.first) for event in events]


async def test_what_waits_comes_together(source: Source) -> None:
    for number in range(3):
        source.give(number, 5, 7)
    events, left = source.add_waiting()
    assert (places(events), left) == ([(0, 5), (1, 5), (2, 5)], None)
    assert all(event.message in source.gate for event in events)


async def test_no_more_comes_than_about_a_chunk(source: Source) -> None:
    for number in range(3):
        source.give(number, 0, 6)
    events, _ = source.add_waiting()
    assert places(events) == [(0, 0), (1, 0)]
    assert source.queue.qsize() == 1


async def test_nothing_comes_in_behind_while_the_gate_is_closed(source: Source) -> None:
    [shared] = source.give(0, 0, 1)
    source.give(1, 0, 1)
    source.gate.enter(shared.message)  # another agent has it

    async def close() -> None:
        async with source.gate.closed():
            pass

    closing = asyncio.create_task(close())
    await asyncio.sleep(0)
    events, _ = source.add_waiting()
    assert places(events) == [(0, 0)]
    source.gate.leave(shared.message)
    await closing


async def test_a_chunk_whose_partition_has_gone_is_passed_over(source: Source) -> None:
    for number in range(3):
        source.give(number, 0, 1)
    source.partitions[1].is_live = False
    events, _ = source.add_waiting()
    assert places(events) == [(0, 0), (2, 0)]


async def test_a_suspect_comes_alone(source: Source) -> None:
    source.partitions[1].suspect = Suspect(0, 0, 1)
    for number in range(3):
        source.give(number, 0, 1)
    events, suspect = source.add_waiting()
    assert places(events) == [(0, 0)]
    assert places([suspect]) == [(1, 0)]
    source.queue = asyncio.Queue()
    source.queue.put_nowait(suspect)
    source.give(2, 1, 2)
    events, left = source.add_waiting()
    assert (places(events), left) == ([(1, 0)], None)


async def test_all_that_came_together_is_suspected_together(source: Source) -> None:
    source.give(0, 3, 5)
    source.give(1, 8, 9)
    events, _ = source.add_waiting()
    source.desk.suspect(events[0].message)
    assert [p.suspect for p in source.partitions[:3]] == [Suspect(3, 4, 1), Suspect(8, 8, 1), None]
