"""Chunks between the poll thread and the agents: those that wait, and the batches in agents' hands.

Each topic has one agent. A checkpoint waits at the barrier until no agent has a batch in hand, so that no
chunk is half inside it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from agents.runtime.errors import Unfinished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from agents.runtime.observer import Observer
    from agents.runtime.options import DeliveryOptions
    from agents.runtime.partition import Chunk, Partition


class _Queued(NamedTuple):
    """A chunk that waits for its agent, and the partition that handed it out."""

    chunk: Chunk
    partition: Partition


class InFlightBatch:
    """The chunks that an agent got together, with the partitions that handed them out."""

    def __init__(self, first: _Queued) -> None:
        self.chunks: list[Chunk] = []
        self.partitions: list[Partition] = []
        self.records = 0
        """Number of records in all chunks."""
        self.add(first)

    def add(self, queued: _Queued) -> None:
        """Add a chunk."""
        self.chunks.append(queued.chunk)
        self.partitions.append(queued.partition)
        self.records += len(queued.chunk.records)

    def acknowledge(self) -> None:
        """Count every chunk as done."""
        for chunk, partition in zip(self.chunks, self.partitions, strict=True):
            partition.acknowledge(chunk)

    def suspect(self) -> None:
        """Note that the agent failed with these chunks in hand."""
        for chunk, partition in zip(self.chunks, self.partitions, strict=True):
            partition.suspects(chunk)


class BatchInterval:
    """Lets one caller go on at most once in each `interval` seconds. Belongs to one event loop.

    A batch of one costs ten times what one more transaction in a batch does. An agent that keeps up would
    take each by itself, and spend a core on a rate that a tenth of it can serve. A lone transaction never
    waits, and an agent that is behind does not either: its batches take longer than the interval.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._clock = asyncio.get_running_loop().time
        self._due = self._clock()

    async def next(self) -> None:
        """Wait until it may go on; others may run meanwhile in any case."""
        await asyncio.sleep(max(0.0, self._due - self._clock()))
        self._due = self._clock() + self._interval


class InFlight:
    """Queues chunks for the agent of their topic, and knows what each agent has in hand.

    Belongs to one event loop.
    """

    def __init__(
        self,
        options: DeliveryOptions,
        observer: Observer,
        *,
        release: Callable[[int], None],
        finished: Callable[[], None],
    ) -> None:
        """Start open, without a topic.

        Args:
            options: say how large a batch is, and how soon one may follow another.
            observer: hears of each batch.
            release: called with the number of records that are done with, or never will be.
            finished: called when finished work waits for a checkpoint.
        """
        self._options = options
        self._observer = observer
        self._release = release
        self._finished = finished
        self._queues: dict[str, asyncio.Queue[_Queued]] = {}
        self._in_hand: dict[str, InFlightBatch] = {}
        self._is_spoiled = False
        self._is_closed = False
        self._open = asyncio.Event()
        self._open.set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def topics(self) -> Sequence[str]:
        """The topics that agents read."""
        return [*self._queues]

    def add_topic(self, topic: str) -> None:
        """Queue the chunks of a topic for its one agent.

        Raises:
            ValueError: the topic has an agent already.
        """
        if topic in self._queues:
            raise ValueError(f"topic {topic} has an agent already: each topic has one")
        self._queues[topic] = asyncio.Queue()

    def put(self, partition: Partition, chunk: Chunk) -> None:
        """Queue a chunk."""
        self._queues[chunk.topic].put_nowait(_Queued(chunk, partition))

    def close(self) -> None:
        """Hand out nothing more, and let no checkpoint pass: what is in hand may belong to others now."""
        self._is_closed = True
        self._empty.set()

    async def batches(self, topic: str) -> AsyncIterator[Sequence[Chunk]]:
        """Yield what waits for the agent of a topic; asking for more acknowledges what it got.

        An agent that is behind gets chunks of several partitions together, and one that is not gets each as
        it comes. What was in the hands of an agent that raised, or was cancelled, is not acknowledged.
        """
        queue, interval, first = self._queues[topic], BatchInterval(self._options.batch_interval), None
        while True:
            first = first or await queue.get()
            await interval.next()
            while not self._open.is_set():
                await self._open.wait()
            if not self._admit(first):
                first = None
                continue
            batch = InFlightBatch(first)
            first = self._add_waiting(batch, queue)
            self._in_hand[topic] = batch
            self._empty.clear()
            finished = False
            try:
                self._observer.batch_began(batch.chunks)
                yield batch.chunks
                finished = True
            finally:
                self._observer.batch_ended(finished=finished)
                self._end(topic, finished=finished)

    def _admit(self, queued: _Queued) -> bool:
        """Check that a chunk may still be handed out; drop one whose partition has gone."""
        if self._is_closed:
            return False
        if not queued.partition.is_live:
            self._release(len(queued.chunk.records))
            return False
        return True

    def _add_waiting(self, batch: InFlightBatch, queue: asyncio.Queue[_Queued]) -> _Queued | None:
        """Add what waits behind the first chunk, about a chunk's size in all; give back a suspect met there.

        A suspect comes alone: else whatever came with it would share the blame.
        """
        if batch.chunks[0].is_suspect:
            return None
        while batch.records < self._options.chunk_size and not queue.empty():
            queued = queue.get_nowait()
            if queued.chunk.is_suspect:
                return queued
            if self._admit(queued):
                batch.add(queued)
        return None

    def _end(self, topic: str, *, finished: bool) -> None:
        """Take a batch back; one that is not finished spoils what its agent remembers."""
        if not finished:
            self._is_spoiled = True
            self._empty.set()
            return
        batch = self._in_hand.pop(topic)
        batch.acknowledge()
        if not self._in_hand:
            self._empty.set()
        self._release(batch.records)
        self._finished()

    def suspect(self, topic: str) -> None:
        """Note that the agent of a topic failed with what it has in hand."""
        if topic in self._in_hand:
            self._in_hand[topic].suspect()

    @asynccontextmanager
    async def barrier(self) -> AsyncIterator[None]:
        """Hand out nothing, wait until no agent has a batch in hand, and go on afterwards.

        Raises:
            Unfinished: an agent has left a batch half done, or the worker leaves.
        """
        self._open.clear()
        try:
            await self._empty.wait()
            if self._is_spoiled:
                raise Unfinished("an agent left a chunk half done")
            if self._is_closed:
                raise Unfinished("the worker left while a checkpoint waited")
            yield
        finally:
            self._open.set()

    async def drained(self, timeout: float) -> bool:  # noqa: ASYNC109 - the caller decides what a late agent means
        """Wait until no batch is in hand; return false if one was not finished within `timeout` seconds."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout)
        except TimeoutError:
            return False
        return not self._is_spoiled and not self._is_closed
