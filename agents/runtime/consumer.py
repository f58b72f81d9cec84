"""Faust's consumer on librdkafka: moves chunks to the agents and makes what they did durable."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
from faust.types import TP
from mode import Service

from agents.runtime.assignment import Assignment
from agents.runtime.checkpoint import AtLeastOnce, Checkpoint, ExactlyOnce, Ledger, resuming
from agents.runtime.desk import Desk, HeldChunk
from agents.runtime.errors import DeliveryError, Fenced, PartitionsLost, Unfinished, sentence
from agents.runtime.faust_consumer import DetachedConsumer
from agents.runtime.gate import Gate
from agents.runtime.offsets import commit_offsets, read_offsets
from agents.runtime.poller import Poller
from agents.runtime.progress import Progress, Stage
from agents.runtime.watchdog import EXIT_STALLED, Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agents.runtime.partition import Partition

    Place = tuple[str, int]

_ANSWER_SECONDS = 30.0
_HAND_OVER_SECONDS = 30.0
_NOTE_SECONDS = 5.0
_STOP_SECONDS = 15.0


class Consumer(DetachedConsumer):
    """One group member; the agents' chunks, their acknowledgement, the checkpoints.

    Everything but `prepare` and `lag` runs on the event loop. After `died` nothing is committed any more.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.options = self.app.delivery
        self.observer = self.app.observer
        self.outbox = self.app.outbox
        self.gate = Gate()
        self.desk = Desk(self.gate, self._release, self._has_finished)
        self.progress = Progress()
        self.ready = asyncio.Event()
        self.failure: BaseException | None = None
        self.assigned_partitions = Assignment(self.options, self.app.bindings, self.observer)
        self._checkpointing = asyncio.Lock()
        self._poller: Poller | None = None
        self._checkpoint = self._new_checkpoint()
        self._is_commit_known = True
        self._watchdog = Watchdog(self.progress, self.options.stall_timeout, leave=self.app.leave)

    def _new_checkpoint(self) -> Checkpoint:
        ledger = Ledger(self.gate, self.app.bindings, self.observer)
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

    # -- chunks: from the poll thread to the agents and back

    def received(self, batches: Mapping[Place, list[ck.Message]]) -> None:
        """Cut records into chunks and queue them for every agent that reads their topic."""
        for place, records in batches.items():
            partition = self.assigned_partitions.get(place)
            channels = self.app.topics._tp_index.get(TP(*place))  # noqa: SLF001
            if partition is None or not channels or not partition.is_live:
                self._release(len(records))
                continue
            for chunk in partition.hand_out(records, self.options.chunk_size):
                event = self.app.create_event(None, chunk, None, HeldChunk(chunk, partition, len(channels)))
                for channel in channels:
                    channel.queue.force_put_nowait(event)

    def agent_failed(self, agent: str, failure: BaseException, held: HeldChunk | None) -> None:
        """Suspect the messages in this agent's hands, and leave: its state may be half changed.

        Where the engine failed under it, they are innocent, and must not become dead letters in the end.
        """
        if not isinstance(failure, DeliveryError):
            if held is not None:
                self.desk.suspect(held)
            self.observer.agent_failed(agent, failure)
        self.died(failure)

    def _release(self, count: int) -> None:
        poller = self._running_poller
        poller.release(count)
        self.progress.moved(Stage.PROCESSING, more=poller.queued > 0)

    def _has_finished(self) -> None:
        self.progress.has_work(Stage.COMMITTING)

    # -- group events

    def prepare(self, partitions: list[ck.TopicPartition], membership: Any) -> list[Partition]:
        """Restore what is assigned (poll thread)."""
        self._checkpoint.joined(membership)
        patience = _ANSWER_SECONDS + self.options.transaction_timeout
        committed = read_offsets(self._running_poller.consumer, patience)
        return self.assigned_partitions.prepare(partitions, committed, self._goes_on_restoring)

    def _goes_on_restoring(self, records: int) -> bool:
        if records:
            self.progress.moved(Stage.POLLING, more=True)
        return not self.should_stop

    async def assigned(self, prepared: list[Partition]) -> None:
        """Take restored partitions over and tell Faust's parts."""
        if self.should_stop:
            return  # their restore may have been given up
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
        """Stop, finish, commit, hand over; or, when that cannot be, leave."""
        if not self.should_stop:
            self.app.on_rebalance_start()
        self.observer.rebalanced(lost=lost)
        self.assigned_partitions.end(places)
        if lost:
            self.died(PartitionsLost("the session expired and the group gave the partitions away"))
        elif await self.gate.drained(_HAND_OVER_SECONDS):
            await self.checkpoint()
        else:
            self.died(Unfinished(f"an agent did not finish its chunk within {_HAND_OVER_SECONDS:.0f} s"))
        self.assigned_partitions.drop(places, keep=self.failure is None)
        self.progress.moved(Stage.PROCESSING, more=self._running_poller.queued > 0)
        await self.app.on_partitions_revoked.send({TP(*place) for place in places})
        self.observer.partitions_assigned(len(self.assigned_partitions))

    def lag(self, lags: Mapping[Place, int]) -> None:
        """Count records that Kafka has for this worker as work, and tell what waits (poll thread)."""
        held = {place: lag for place, lag in lags.items() if self.assigned_partitions.get(place) is not None}
        if any(held.values()):
            self.progress.has_work(Stage.PROCESSING)
        elif not self._running_poller.queued:
            self.progress.moved(Stage.PROCESSING, more=False)
        self.observer.lag(held)
        now = time.time()
        self.observer.waiting({(p.topic, p.number): p.waiting(now) for p in self.assigned_partitions})

    def died(self, failure: BaseException) -> None:
        """Leave the process: in order if that works, at once if it does not."""
        if self.failure is not None:
            return
        self.failure = failure
        self.desk.close()
        self.outbox.abandon()
        self.observer.leaving(sentence(failure))
        self._crashing = asyncio.ensure_future(self.crash(failure))
        farewell = f"fraudstream: the orderly stop did not end within {_STOP_SECONDS:.0f} s; leaving at once"
        last_resort = threading.Timer(_STOP_SECONDS, self.app.leave, [farewell, EXIT_STALLED])
        last_resort.daemon = True
        last_resort.start()

    # -- checkpoints

    @Service.task
    async def _make_checkpoints(self) -> None:
        pause = self.options.commit_interval
        while not self.should_stop:
            await self.sleep(pause)
            started = time.monotonic()
            if not self.should_stop:
                await self.checkpoint()
            pause = self.options.pause_after(time.monotonic() - started)

    @Service.task
    async def _serve_deliveries(self) -> None:
        while not self.should_stop:
            await self.sleep(0.05)
            try:
                self.outbox.serve()
            except DeliveryError as failure:
                self.died(failure)

    async def checkpoint(self) -> None:
        """Make finished work durable; a refusal ends this worker."""
        async with self._checkpointing:
            if self.failure is not None or self._poller is None:
                return
            try:
                await self._make_durable()
            except Unfinished as failure:
                self.died(failure)
            except (DeliveryError, ck.KafkaException) as failure:
                self._is_commit_known = not isinstance(failure, Fenced)
                self.observer.commit_failed(sentence(failure))
                self.died(failure)
            except Exception as failure:
                # whatever it is: changes were taken from the states and not written, so nothing may follow
                self.died(failure)
                raise

    async def _make_durable(self) -> None:
        started = time.monotonic()
        epoch = await self._checkpoint.run(self.assigned_partitions)
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
        await commit_offsets(self._running_poller, offsets)

    # -- stop

    async def wait_empty(self) -> None:
        """Take no new chunks, finish those in hand and commit them."""
        self.assigned_partitions.end([(p.topic, p.number) for p in self.assigned_partitions])
        if self.failure is None and await self.gate.drained(_HAND_OVER_SECONDS):
            await self.checkpoint()

    async def on_stop(self) -> None:
        """Leave the group, with everything finished committed, or with a note on what made an agent fail."""
        if self._poller is not None:
            await self.wait_empty()
            await self._note_suspects(self._poller)
            await self._poller.stop()
        self._watchdog.end()  # only now: a stop that hangs is a stall too

    async def _note_suspects(self, poller: Poller) -> None:
        async with self._checkpointing:  # a commit under way may still succeed, and must not be taken back
            notes = [resuming(p) for p in self.assigned_partitions if p.suspect and p.resumes_at is not None]
            if self.failure is None or not self._is_commit_known or not notes:
                return
            try:
                await asyncio.wait_for(commit_offsets(poller, notes), _NOTE_SECONDS)
            except (DeliveryError, TimeoutError) as failure:
                self.log.warning("the failure could not be noted with the group: %s", failure)

    # -- what others ask

    @property
    def _running_poller(self) -> Poller:
        if self._poller is None:
            raise RuntimeError("the consumer is not subscribed yet")
        return self._poller

    def entries(self, agent: str) -> int:
        """Count what an agent remembers about all partitions in hand."""
        return sum(len(p.states[agent]) for p in self.assigned_partitions if agent in p.states)

    def assignment(self) -> set[TP]:
        """Give the partitions in hand."""
        return {TP(partition.topic, partition.number) for partition in self.assigned_partitions}
