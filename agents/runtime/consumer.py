"""Faust's consumer on librdkafka: moves chunks to the agents and makes what they did durable."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP, ConsumerMessage
from mode import Service

from agents.runtime.assignment import Assignment, read_committed_offsets
from agents.runtime.checkpoint import AtLeastOnce, Checkpoint, ExactlyOnce, Ledger
from agents.runtime.errors import DeliveryError, Fenced, PartitionsLost
from agents.runtime.gate import Gate
from agents.runtime.poller import Poller
from agents.runtime.progress import Progress, Stage
from agents.runtime.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agents.runtime.partition import Chunk, Partition

    Place = tuple[str, int]

EXIT_FENCED = 71
"""Exit status when even the orderly stop after a failure hangs."""

_STOP_SECONDS = 15.0
_HAND_OVER_SECONDS = 30.0
_NO_MEMBER = frozenset(
    {
        ck.KafkaError.ILLEGAL_GENERATION,
        ck.KafkaError.UNKNOWN_MEMBER_ID,
        ck.KafkaError.FENCED_INSTANCE_ID,
        ck.KafkaError.REBALANCE_IN_PROGRESS,
        ck.KafkaError._FENCED,  # noqa: SLF001 - librdkafka's own codes begin so
        ck.KafkaError._STATE,  # noqa: SLF001
        ck.KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001
    }
)


class HeldChunk(ConsumerMessage):
    """The message around a chunk that Faust counts the readers of; `owner` is the partition that handed it out."""

    __slots__ = ("owner",)

    def __init__(self, chunk: Chunk, owner: Partition, readers: int) -> None:
        super().__init__(
            chunk.topic,
            chunk.partition,
            chunk.last,
            0.0,
            0,
            headers=None,
            key=None,
            value=chunk,
            checksum=None,
        )
        self.owner = owner
        self.refcount = readers


class Consumer(FaustConsumer):
    """One group member; the agents' chunks, their acknowledgement, the checkpoints.

    Everything but `prepare` and `lag` runs on the event loop. After `died` nothing is committed any more.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.options = self.app.delivery
        self.observer = self.app.observer
        self.outbox = self.app.outbox
        self.gate = Gate()
        self.progress = Progress()
        self.ready = asyncio.Event()
        self.failure: BaseException | None = None
        self.assigned_partitions = Assignment(self.options, self.app.bindings, self.observer)
        self._in_hand: set[HeldChunk] = set()
        self._checkpointing = asyncio.Lock()
        self._poller: Poller | None = None
        self._checkpoint = self._new_checkpoint()
        self._watchdog = Watchdog(self.progress, self.options.stall_timeout, leave=self.app.leave)

    def _new_checkpoint(self) -> Checkpoint:
        ledger = Ledger(self.gate, {binding.agent: binding for binding in self.app.bindings})
        if self.options.is_transactional:
            return ExactlyOnce(ledger, self.outbox)
        return AtLeastOnce(ledger, self.outbox, self._commit_offsets, self.options.session_timeout / 2)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group, or change what this member subscribes to."""
        if self._poller is not None:
            await self._poller.subscribe(topics)
            return
        self._poller = Poller(self.options, self, self.progress)
        self._poller.start(topics)
        self._watchdog.start()

    # -- chunks: from the poll thread to the agents and back -------------------------------------------------------

    def received(self, batches: Mapping[Place, list[ck.Message]]) -> None:
        """Cut records into chunks and queue them for every agent that reads their topic."""
        for place, records in batches.items():
            partition = self.assigned_partitions.get(place)
            channels = self.app.topics._tp_index.get(TP(*place)) if partition is not None else None  # noqa: SLF001
            if partition is None or not channels or not partition.is_live:
                self._release(len(records))
                continue
            self.progress.has_work(Stage.PROCESSING)
            for chunk in partition.hand_out(records, self.options.chunk_size):
                event = self.app.create_event(None, chunk, None, HeldChunk(chunk, partition, len(channels)))
                for channel in channels:
                    channel.queue.force_put_nowait(event)

    def begin(self, message: HeldChunk) -> bool:
        """Let a chunk into an agent's hands; false when its partition has gone meanwhile."""
        if not message.owner.is_live or self.failure is not None:
            self._release(len(message.value.records))
            return False
        self.gate.enter()
        self._in_hand.add(message)
        return True

    def ack(self, message: HeldChunk) -> bool:
        """Count a chunk as done by all its agents."""
        if message.acked:
            return False
        message.acked = True
        self._in_hand.discard(message)
        message.owner.acknowledge(message.value)
        self._release(len(message.value.records))
        self.progress.has_work(Stage.COMMITTING)
        return True

    def end(self) -> None:
        """Count a chunk out of an agent's hands."""
        self.gate.leave()

    def agent_failed(self, agent: str, failure: BaseException) -> None:
        """Suspect the messages in the agents' hands, and leave: their state may be half changed."""
        for message in self._in_hand:
            message.owner.suspects(message.value)
        self.observer.agent_failed(agent, failure)
        self.died(failure)

    def _release(self, count: int) -> None:
        if self._poller is not None:
            self._poller.release(count)
            self.progress.moved(Stage.PROCESSING, more=self._poller.queued > 0)

    # -- group events ----------------------------------------------------------------------------------------------

    def prepare(self, partitions: list[ck.TopicPartition], membership: Any) -> list[Partition]:
        """Restore what is assigned (poll thread)."""
        self._checkpoint.joined(membership)
        consumer = self._poller_consumer
        return self.assigned_partitions.prepare(
            partitions, read_committed_offsets(consumer), lambda: not self.should_stop
        )

    async def assigned(self, prepared: list[Partition]) -> None:
        """Take restored partitions over and tell Faust's parts."""
        self.assigned_partitions.take(prepared)
        places = self.assignment()
        await self.app.agents.on_rebalance(set(), {TP(p.topic, p.number) for p in prepared})
        await self.app.topics.on_partitions_assigned(places)
        await self.app.on_partitions_assigned.send(places)
        if not self.app.flow_control.is_active():
            self.app.flow_control.resume()
        self.flow_active = True
        if self.app.rebalancing:
            self.app.on_rebalance_return()
            self.app.on_rebalance_end()
        self.observer.partitions_assigned(len(self.assigned_partitions))
        self.ready.set()

    async def revoked(self, places: list[Place], *, lost: bool) -> None:
        """Stop, finish, commit, hand over; or, when they are lost, leave."""
        if not self.should_stop:
            self.app.on_rebalance_start()
        self.observer.rebalanced(lost=lost)
        self.assigned_partitions.end(places)
        if lost:
            self.died(PartitionsLost("the session expired and the group gave the partitions away"))
        else:
            finished = await self.gate.drained(_HAND_OVER_SECONDS)
            if finished:
                await self.checkpoint()
            self.assigned_partitions.drop(places, keep=finished and self.failure is None)
        self.assigned_partitions.drop(places, keep=False)
        await self.app.on_partitions_revoked.send({TP(*place) for place in places})
        self.observer.partitions_assigned(len(self.assigned_partitions))

    def lag(self, lags: Mapping[Place, int]) -> None:
        """Pass the lag on (poll thread)."""
        self.observer.lag(lags)

    def died(self, failure: BaseException) -> None:
        """Leave the process: in order if that works, at once if it does not."""
        if self.failure is None:
            self.failure = failure
            self.observer.leaving(_sentence(failure))
        crash = self.crash(failure)
        self._crashing = asyncio.ensure_future(crash)
        last_resort = threading.Timer(_STOP_SECONDS, os._exit, [EXIT_FENCED])
        last_resort.daemon = True
        last_resort.start()

    # -- checkpoints -----------------------------------------------------------------------------------------------

    @Service.task
    async def _commit_handler(self) -> None:
        pause = self.options.commit_interval
        while not self.should_stop:
            await self.sleep(pause)
            started = time.monotonic()
            if not self.should_stop:
                await self.checkpoint()
            # a checkpoint that takes long is made less often, so that most of the time is left for the work
            pause = max(self.options.commit_interval, 2 * (time.monotonic() - started))

    @Service.task
    async def _commit_livelock_detector(self) -> None:
        """Leave this to the watchdog."""

    @Service.task
    async def _serve_deliveries(self) -> None:
        while not self.should_stop:
            await self.sleep(0.05)
            self.outbox.serve()

    async def checkpoint(self) -> None:
        """Make finished work durable; a refusal ends this worker."""
        async with self._checkpointing:
            if self.failure is not None or self._poller is None:
                return
            started = time.monotonic()
            try:
                epoch = await self._checkpoint.run(self.assigned_partitions)
            except (DeliveryError, ck.KafkaException) as failure:
                self.observer.commit_failed(_sentence(failure))
                self.died(failure)
                return
            if epoch is not None:
                self.assigned_partitions.written(epoch.next_offsets)
                self.observer.committed(time.monotonic() - started, len(epoch))
            behind = any(partition.is_behind for partition in self.assigned_partitions)
            self.progress.moved(Stage.COMMITTING, more=behind)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002
        """Make finished work durable now (Faust's interface)."""
        del topics, start_new_transaction
        await self.checkpoint()
        return True

    async def _commit_offsets(self, offsets: list[ck.TopicPartition]) -> None:
        poller = self._running_poller
        while True:
            try:
                answers = await poller.request(lambda c: c.commit(offsets=offsets, asynchronous=False))
                error = next((answer.error for answer in answers if answer.error), None)
            except ck.KafkaException as failure:
                error = failure.args[0]
            if error is None:
                return
            if error.code() in _NO_MEMBER or error.fatal() or not error.retriable():
                raise Fenced(f"the offsets were refused: {error}")
            self.log.warning("commit: %s; trying again", error)
            await asyncio.sleep(0.2)

    # -- stop ------------------------------------------------------------------------------------------------------

    async def wait_empty(self) -> None:
        """Take no new chunks, finish those in hand and commit them."""
        self.assigned_partitions.end([(p.topic, p.number) for p in self.assigned_partitions])
        if await self.gate.drained(_HAND_OVER_SECONDS):
            await self.checkpoint()

    async def on_stop(self) -> None:
        """Leave the group, with everything finished committed, or with a note on what made an agent fail."""
        self._watchdog.end()
        if self._poller is None:
            return
        if self.failure is None:
            await self.wait_empty()
        else:
            await self._note_suspects()
        await self._poller.stop()

    async def _note_suspects(self) -> None:
        notes = [
            ck.TopicPartition(p.topic, p.number, max(p.committed or 0, 0), metadata=p.metadata)
            for p in self.assigned_partitions
            if p.suspect is not None
        ]
        if notes:
            try:
                await asyncio.wait_for(self._commit_offsets(notes), _STOP_SECONDS / 3)
            except (DeliveryError, TimeoutError) as failure:
                self.log.warning("the failure could not be noted with the group: %s", failure)

    # -- the rest of what Faust asks of a consumer -----------------------------------------------------------------

    @property
    def _running_poller(self) -> Poller:
        if self._poller is None:
            raise RuntimeError("the consumer is not subscribed yet")
        return self._poller

    @property
    def _poller_consumer(self) -> ck.Consumer:
        return self._running_poller.consumer

    def entries(self, agent: str) -> int:
        """Count what an agent remembers about all partitions in hand."""
        return sum(len(p.states[agent]) for p in self.assigned_partitions if agent in p.states)

    def assignment(self) -> set[TP]:
        """Give the partitions in hand."""
        return {TP(partition.topic, partition.number) for partition in self.assigned_partitions}

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Do nothing: chunks stop at the gate and at `is_live`."""

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Do nothing, as for `pause_partitions`."""

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: the poller bounds what is queued."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing, as for `on_buffer_full`."""

    def close(self) -> None:
        """Do nothing: the poll thread closes the consumer."""

    def topic_partitions(self, topic: str) -> int | None:
        """Know nothing about other partitions than those in hand."""
        del topic

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Leave the partition to librdkafka."""
        del topic, key
        return partition

    async def _unused(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("the poll thread fetches, seeks and commits")

    _commit = _getmany = _seek = seek_wait = seek_to_committed = _unused
    position = earliest_offsets = highwaters = create_topic = _unused

    def _unused_call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("the poll thread builds messages and knows the offsets")

    _to_message = _new_topicpartition = highwater = _unused_call


def _sentence(failure: BaseException) -> str:
    return f"{type(failure).__name__}: {failure}"
