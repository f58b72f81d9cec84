"""Agents get what waits, of several partitions together; a checkpoint sees no batch half done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from agents.runtime.errors import Unfinished
from agents.runtime.in_flight import BatchInterval, InFlight
from agents.runtime.observer import Silent
from agents.runtime.offset_metadata import FailingOffsets
from agents.runtime.options import DeliveryOptions
from agents.runtime.partition import Chunk, Partition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

OPTIONS = DeliveryOptions({}, "g", "m", chunk_size=10, batch_interval=0.0)
INTERVAL = 0.05


class Source:
    """One topic in flight: its partitions, what is released, and the batches that its agent gets."""

    def __init__(self, messages: Callable[[int, int], list[Any]]) -> None:
        self.released: list[int] = []
        self.finished = 0
        self.in_flight = InFlight(OPTIONS, Silent(), release=self.released.append, finished=self._finish)
        self.in_flight.add_topic("in")
        self.partitions = [Partition("in", number, {}) for number in range(4)]
        self.batches: AsyncIterator[Sequence[Chunk]] = self.in_flight.batches("in")
        self._messages = messages

    def _finish(self) -> None:
        self.finished += 1

    def give(self, number: int, first: int, end: int) -> None:
        """Queue the chunks of some records of a partition."""
        partition = self.partitions[number]
        for chunk in partition.hand_out(self._messages(first, end), 10):
            self.in_flight.put(partition, chunk)

    async def take(self) -> list[tuple[int, int]]:
        """Acknowledge the batch in hand and take the next; gives partition and first offset of each chunk."""
        chunks = await asyncio.wait_for(anext(self.batches), 1)
        return [(chunk.partition, chunk.first) for chunk in chunks]

    def ask(self) -> asyncio.Task[list[tuple[int, int]]]:
        """Ask for the next batch, which is not there yet."""
        return asyncio.create_task(self.take())


@pytest.fixture
def source(messages: Callable[[int, int], list[Any]]) -> Source:
    return Source(messages)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# -- batches


async def test_a_batch_is_done_when_the_next_is_asked_for(source: Source) -> None:
    source.give(0, 10, 15)
    await source.take()
    assert (source.released, source.partitions[0].position) == ([], None)
    asking = source.ask()
    await turns()
    assert (source.released, source.finished) == ([5], 1)
    assert source.partitions[0].position == 15
    asking.cancel()


async def test_what_waits_comes_together(source: Source) -> None:
    for number in range(3):
        source.give(number, 5, 7)
    assert await source.take() == [(0, 5), (1, 5), (2, 5)]


async def test_no_more_comes_than_about_a_chunk(source: Source) -> None:
    for number in range(3):
        source.give(number, 0, 6)
    assert await source.take() == [(0, 0), (1, 0)]
    assert await source.take() == [(2, 0)]


async def test_chunks_of_a_partition_that_has_gone_are_dropped_and_released(source: Source) -> None:
    for number in range(3):
        source.give(number, 0, 1)
    source.partitions[0].is_live = source.partitions[1].is_live = False
    assert await source.take() == [(2, 0)]
    assert source.released == [1, 1]
    assert source.partitions[0].position is None


async def test_what_is_in_hand_is_finished_though_its_partition_goes(source: Source) -> None:
    source.give(0, 0, 5)
    await source.take()
    source.partitions[0].is_live = False
    asking = source.ask()
    await turns()
    assert source.partitions[0].position == 5
    asking.cancel()


async def test_a_suspect_comes_alone(source: Source) -> None:
    source.partitions[1].suspect = FailingOffsets(0, 0, 1)
    for number in range(3):
        source.give(number, 0, 1)
    assert [await source.take() for _ in range(3)] == [[(0, 0)], [(1, 0)], [(2, 0)]]


async def test_all_that_came_together_is_suspected_together(source: Source) -> None:
    source.give(0, 3, 5)
    source.give(1, 8, 9)
    await source.take()
    source.give(2, 0, 1)
    source.in_flight.suspect("in")
    assert [p.suspect for p in source.partitions[:3]] == [
        FailingOffsets(3, 4, 1),
        FailingOffsets(8, 8, 1),
        None,
    ]


async def test_only_what_is_in_hand_can_be_suspected(source: Source) -> None:
    source.give(0, 3, 5)
    source.in_flight.suspect("in")
    assert source.partitions[0].suspect is None


async def test_nothing_is_handed_out_once_closed(source: Source) -> None:
    source.give(0, 0, 1)
    source.in_flight.close()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(source.batches), 0.01)


async def test_a_topic_has_one_agent(source: Source) -> None:
    with pytest.raises(ValueError, match="topic in has an agent already: each topic has one"):
        source.in_flight.add_topic("in")


# -- the barrier of a checkpoint


async def pass_barrier(source: Source) -> None:
    async with source.in_flight.barrier():
        pass


async def test_a_checkpoint_waits_for_the_batch_in_hand_and_holds_the_next_one_back(source: Source) -> None:
    source.give(0, 0, 1)
    await source.take()
    source.give(0, 1, 2)
    held_back = []

    async def checkpoint() -> None:
        async with source.in_flight.barrier():
            await turns()
            held_back.append(not asking.done())

    passing = asyncio.create_task(checkpoint())
    await turns()
    assert held_back == []
    asking = source.ask()
    await passing
    assert held_back == [True]
    assert await asking == [(0, 1)]


async def test_a_checkpoint_waits_for_the_agents_of_all_topics(source: Source) -> None:
    source.in_flight.add_topic("other")
    other, partition = source.in_flight.batches("other"), Partition("other", 0, {})
    [chunk] = partition.hand_out(source._messages(0, 1), 10)
    source.in_flight.put(partition, replace(chunk, topic="other"))
    source.give(0, 0, 1)
    await source.take()
    await anext(other)
    passing = asyncio.create_task(pass_barrier(source))
    asking = source.ask()
    await turns()
    assert not passing.done()
    asking_other = asyncio.ensure_future(anext(other))
    await asyncio.wait_for(passing, 1)
    asking.cancel()
    asking_other.cancel()


async def test_the_barrier_may_close_again_before_a_waiting_agent_got_through(source: Source) -> None:
    source.give(0, 0, 1)
    async with source.in_flight.barrier():
        asking = source.ask()
        await turns()
    async with source.in_flight.barrier():
        await turns()
        assert not asking.done()
    assert await asking == [(0, 0)]


async def test_agents_go_on_after_a_checkpoint_that_failed(source: Source) -> None:
    with pytest.raises(RuntimeError):
        async with source.in_flight.barrier():
            raise RuntimeError
    source.give(0, 0, 1)
    assert await source.take() == [(0, 0)]


async def test_work_left_half_done_is_refused_whether_it_was_waited_for_or_not(source: Source) -> None:
    source.give(0, 0, 5)
    await source.take()
    passing = asyncio.create_task(pass_barrier(source))
    await turns()
    await source.batches.aclose()  # type: ignore[attr-defined] - it is a generator
    with pytest.raises(Unfinished):
        await passing
    with pytest.raises(Unfinished):
        await pass_barrier(source)
    assert not await source.in_flight.drained(1)
    assert source.partitions[0].position is None


async def test_a_checkpoint_that_waits_when_the_worker_leaves_commits_nothing(source: Source) -> None:
    """Its partitions belong to others: outputs of the batch in hand would go without their offsets."""
    source.give(0, 0, 5)
    await source.take()
    passing = asyncio.create_task(pass_barrier(source))
    await turns()
    source.in_flight.close()
    with pytest.raises(Unfinished):
        await asyncio.wait_for(passing, 1)


async def test_draining_tells_whether_all_was_finished_in_time(source: Source) -> None:
    assert await source.in_flight.drained(0.01)
    source.give(0, 0, 1)
    await source.take()
    assert not await source.in_flight.drained(0.01)
    asking = source.ask()
    assert await source.in_flight.drained(0.1)
    asking.cancel()


# -- the interval between batches


async def test_the_first_goes_on_at_once_and_the_next_an_interval_after_it() -> None:
    clock = asyncio.get_running_loop().time
    interval, start = BatchInterval(INTERVAL), clock()
    await interval.next()
    first = clock() - start
    await interval.next()
    assert first < INTERVAL <= clock() - start + 0.001  # the loop's timers count in milliseconds


async def test_whoever_comes_late_does_not_wait() -> None:
    clock = asyncio.get_running_loop().time
    interval = BatchInterval(INTERVAL)
    await interval.next()
    await asyncio.sleep(2 * INTERVAL)
    late = clock()
    await interval.next()
    assert clock() - late < INTERVAL


async def test_others_run_in_between_even_without_an_interval() -> None:
    interval, ran = BatchInterval(0.0), asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    await interval.next()
    assert ran.is_set()
