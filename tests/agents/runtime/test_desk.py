"""Agents get chunks of partitions in hand; a chunk is done when every agent is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agents.runtime.desk import Desk, HeldChunk
from agents.runtime.errors import Unfinished
from agents.runtime.gate import Gate
from agents.runtime.partition import Partition
from agents.runtime.suspects import Suspect

if TYPE_CHECKING:
    from collections.abc import Callable


class Counted:
    """A desk, what it has released, and how often it said that work is finished."""

    def __init__(self) -> None:
        self.released: list[int] = []
        self.finished = 0
        self.gate = Gate()
        self.desk = Desk(self.gate, self.released.append, self._finish)

    def _finish(self) -> None:
        self.finished += 1


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def held(messages: Callable[[int, int], list[Any]]) -> Callable[..., HeldChunk]:
    def hold(readers: int = 1) -> HeldChunk:
        partition = Partition("in", 0, {})
        [chunk] = partition.hand_out(messages(10, 15), 100)
        return HeldChunk(chunk, partition, readers)

    return hold


async def test_a_finished_chunk_may_be_committed_and_makes_room(counted: Counted, held: Any) -> None:
    chunk = held()
    assert await counted.desk.begin(chunk)
    assert counted.released == []
    counted.desk.end(chunk, finished=True)
    assert (counted.released, counted.finished) == ([5], 1)
    assert chunk.owner.position == 15


async def test_a_chunk_is_done_when_all_its_agents_are(counted: Counted, held: Any) -> None:
    chunk = held(readers=2)
    for _ in range(2):
        assert chunk.owner.position is None
        assert await counted.desk.begin(chunk)
        counted.desk.end(chunk, finished=True)
    assert chunk.owner.position == 15
    assert counted.released == [5]


async def test_a_chunk_of_a_partition_that_has_gone_is_dropped_and_released_once(
    counted: Counted, held: Any
) -> None:
    chunk = held(readers=2)
    chunk.owner.is_live = False
    assert not await counted.desk.begin(chunk)
    assert not await counted.desk.begin(chunk)
    assert counted.released == [5]
    assert chunk.owner.position is None


async def test_what_one_agent_has_begun_the_others_finish_though_the_partition_goes(
    counted: Counted, held: Any
) -> None:
    chunk = held(readers=2)
    assert await counted.desk.begin(chunk)
    counted.desk.end(chunk, finished=True)
    chunk.owner.is_live = False
    assert await counted.desk.begin(chunk)
    counted.desk.end(chunk, finished=True)
    assert chunk.owner.position == 15


async def test_a_closed_desk_hands_out_nothing(counted: Counted, held: Any) -> None:
    chunk = held(readers=2)
    assert await counted.desk.begin(chunk)
    counted.desk.close()
    assert not await counted.desk.begin(chunk)
    assert not await counted.desk.begin(held())


async def test_a_chunk_that_is_left_half_done_is_never_committed(counted: Counted, held: Any) -> None:
    chunk = held()
    assert await counted.desk.begin(chunk)
    counted.desk.end(chunk, finished=False)
    assert chunk.owner.position is None
    with pytest.raises(Unfinished):
        async with counted.gate.closed():
            pass


async def test_only_a_chunk_in_hand_can_be_suspected(counted: Counted, held: Any) -> None:
    waiting, in_hand = held(), held()
    assert await counted.desk.begin(in_hand)
    counted.desk.suspect(waiting)
    counted.desk.suspect(in_hand)
    assert waiting.owner.suspect is None
    assert in_hand.owner.suspect == Suspect(10, 14, 1)
