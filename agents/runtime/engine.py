"""The delivery engine: moves chunks to the agents and makes what they did durable."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
from mode import Service

from agents.runtime.assignment import Assignment
from agents.runtime.checkpoint import (
    AtLeastOnce,
    Checkpoint,
    ExactlyOnce,
    GroupOffsets,
    Ledger,
    commit_offsets,
    resuming,
)
from agents.runtime.errors import (
    DeliveryError,
    Fenced,
    KafkaUnavailable,
    LogReplaced,
    PartitionsLost,
    Unfinished,
    sentence,
)
from agents.runtime.in_flight import InFlight
from agents.runtime.logs import Logs
from agents.runtime.outbox import Outbox
from agents.runtime.poller import Poller
from agents.runtime.trial import Trial, read_batch
from agents.runtime.watchdog import EXIT_STALLED, Progress, Stage, Watchdog, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from agents.runtime.logs import Log
    from agents.runtime.observer import Observer
    from agents.runtime.options import DeliveryOptions
    from agents.runtime.partition import Gap, Partition
    from agents.runtime.state import Binding

    Place = tuple[str, int]

_ANSWER_SECONDS = 30.0
_HAND_OVER_SECONDS = 30.0
_NOTE_SECONDS = 2.0
_STOP_SECONDS = 15.0
_FAREWELL_SECONDS = 3.0
"""Time to leave the group after a failure: where no broker answers, nothing is gained by waiting longer."""


class Engine(Service):
    """One group member; the agents' chunks, their acknowledgement, the checkpoints.

    Everything but `prepare` and `lag` runs on the event loop. After `died` nothing is committed any more.
    """

    def __init__(
        self,
        options: DeliveryOptions,
        bindings: Sequence[Binding],
        observer: Observer,
        leave: Callable[[str, int], None],
    ) -> None:
        """Configure; nothing is connected before the start.

        Args:
            options: how records are delivered.
            bindings: the agents' states, which may grow until the start.
            observer: hears what the engine does.
            leave: ends the process when nothing moves any more.
        """
        super().__init__()
        self.options = options
        self.observer = observer
        self.outbox = Outbox(options)
        self.in_flight = InFlight(options, observer, release=self._release, finished=self._has_finished)
        self.progress = Progress()
        self.ready = asyncio.Event()
        """Set once the first partitions are in hand."""
        self.failure: BaseException | None = None
        self.assigned_partitions = Assignment(options, bindings, observer)
        self._bindings = bindings
        self._leave = leave
        self._logs = Logs(options.client)
        self._trying: asyncio.Task[None] | None = None
        self._positions: dict[Place, int | None] = {}
        self._checkpointing = asyncio.Lock()
        self._poller: Poller | None = None
        self._checkpoint = self._new_checkpoint()
        self._is_commit_known = True
        self._watchdog = Watchdog(self.progress, options.stall_timeout, leave=leave)

    def _new_checkpoint(self) -> Checkpoint:
        ledger = Ledger(self.in_flight, self._bindings, self.observer)
        if self.options.is_transactional:
            return ExactlyOnce(ledger, self.outbox)
        return AtLeastOnce(ledger, self.outbox, self._commit_offsets, self.options.session_timeout / 2)

    async def on_start(self) -> None:
        """Connect and join the group.

        Raises:
            KafkaUnavailable: the brokers did not answer in time.
        """
        try:
            await self.outbox.start()
        except KafkaUnavailable as failure:
            self.observer.leaving(sentence(failure))
            raise
        self._poller = Poller(self.options, self, self.progress)
        self._poller.start(self.in_flight.topics)
        self._watchdog.start()

    # -- chunks: from the poll thread to the agents and back

    def received(self, batches: Mapping[Place, list[ck.Message]]) -> None:
        """Cut records into chunks and queue them for the agent of their topic."""
        for place, records in batches.items():
            partition = self.assigned_partitions.get(place)
            if partition is None or not partition.is_live:
                self._release(len(records))
            else:
                self.hand_out(partition, records)

    def passed_over(self, place: Place, gap: Gap) -> None:
        """Have the agent of a partition isolate what cannot be read."""
        partition = self.assigned_partitions.get(place)
        if partition is not None and partition.is_live:
            self.hand_out_gap(partition, gap)

    def hand_out(self, partition: Partition, records: Sequence[ck.Message]) -> None:
        """Queue the chunks of records for the agent of their topic."""
        for chunk in partition.hand_out(records, self.options.chunk_size):
            self.in_flight.put(partition, chunk)

    def hand_out_gap(self, partition: Partition, gap: Gap) -> None:
        """Queue a gap."""
        self.in_flight.put(partition, partition.hand_out_gap(gap))

    def agent_failed(self, agent: str, failure: BaseException, topic: str | None = None) -> None:
        """Suspect what the agent of `topic` has in hand, and leave: its state may be half changed.

        Where the engine failed under it, the messages are innocent, and must not become dead letters in the
        end. Without a topic the agent failed beside its chunks.
        """
        if not isinstance(failure, DeliveryError):
            self._acquit()  # it is known what failed: nothing else is to be suspected
            if topic is not None:
                self.in_flight.suspect(topic)
            self.observer.agent_failed(agent, failure)
        self.died(failure)

    def _acquit(self) -> None:
        for partition in self.assigned_partitions:
            partition.acquit()

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
        group = GroupOffsets(self._running_poller.consumer, patience)
        return self.assigned_partitions.prepare(partitions, group, self._logs, self._goes_on_restoring)

    def held_back(self, prepared: list[Partition]) -> bool:
        """Return true if a partition is on trial: the others wait until it is over (poll thread)."""
        return any(partition.is_on_trial for partition in prepared)

    def _goes_on_restoring(self, records: int) -> bool:
        if records:
            self.progress.moved(Stage.POLLING, more=True)
        return not self.should_stop

    async def assigned(self, prepared: list[Partition]) -> None:
        """Take restored partitions over."""
        if self.should_stop:
            return  # their restore may have been given up
        self.assigned_partitions.take(prepared)
        self.observer.partitions_assigned(len(self.assigned_partitions))
        self._watch_partition_counts(self.assigned_partitions.logs)
        self.ready.set()
        if not self.held_back(prepared):
            self._pass_gaps(prepared)

    def paused(self, prepared: list[Partition]) -> None:
        """Begin with the trials for which everything is held back."""
        self._trying = asyncio.ensure_future(self._hold_trials(prepared))

    def _pass_gaps(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            if partition.gap is not None:
                gap, partition.gap = partition.gap, None
                self.hand_out_gap(partition, gap)

    async def _hold_trials(self, partitions: Sequence[Partition]) -> None:
        """Read the partitions on trial one by one, and then all of them."""
        offsets: dict[Place, int] = {}
        try:
            for partition in partitions:
                place = (partition.topic, partition.number)
                if partition.is_on_trial and partition.is_live:
                    report = partial(self.observer.partition_on_trial, *place)
                    offset = await Trial(partition, self, report).run()
                    offsets |= {} if offset is None else {place: offset}
            self._pass_gaps(partitions)
            await self._running_poller.resume(offsets)
            self._trying = None
        except Exception as failure:  # noqa: BLE001 - else the partitions would stand for ever
            self.died(failure)

    async def note(self, partition: Partition) -> None:
        """Commit a partition's note where it stands, but never behind a commit that is on its way."""
        async with self._checkpointing:
            if partition.resumes_at is not None:
                await commit_offsets(self._running_poller, [resuming(partition)])

    def batch_end(self, partition: Partition, offset: int) -> int | None:
        """Find the end of the batch that holds an offset, without reading it."""
        end: int | None = self.options.batch_end(partition.topic, partition.number, offset)
        return end

    def read(self, partition: Partition, first: int, last: int) -> Sequence[ck.Message]:
        """Read one batch, and nothing behind it."""
        records = read_batch(self.options, partition, first, last)
        self._running_poller.add(len(records))
        return records

    async def revoked(self, places: list[Place], *, lost: bool) -> None:
        """Stop, finish, commit, hand over; or, when that cannot be, leave."""
        self.observer.rebalanced(lost=lost)
        ending = self.assigned_partitions.end(places)
        if self._trying is not None:
            self._trying.cancel()
            self._trying = None
        if lost:
            self.died(PartitionsLost("the session expired and the group gave the partitions away"))
        elif await self.in_flight.drained(_HAND_OVER_SECONDS):
            await self.checkpoint()
            await self._take_starts_back(ending)
        else:
            self.died(Unfinished(f"an agent did not finish its chunk within {_HAND_OVER_SECONDS:.0f} s"))
        self.assigned_partitions.drop(places, keep=self.failure is None)
        for place in places:
            self.progress.forget(reading(*place))
            self._positions.pop(place, None)
        self.progress.moved(Stage.PROCESSING, more=self._running_poller.queued > 0)
        self.observer.partitions_assigned(len(self.assigned_partitions))

    def lag(self, lags: Mapping[Place, int]) -> None:
        """Count records that Kafka has for this worker as work, and report what waits (poll thread)."""
        held = {place: lag for place, lag in lags.items() if self.assigned_partitions.get(place) is not None}
        if any(held.values()):
            self.progress.has_work(Stage.PROCESSING)
        elif not self._running_poller.queued:
            self.progress.moved(Stage.PROCESSING, more=False)
        self.observer.lag(held)
        now = time.time()
        waiting: dict[Place, float] = {}
        starts: dict[Place, int] = {}
        for partition in [*self.assigned_partitions]:
            place = (partition.topic, partition.number)
            self._follow(place, partition.position, lags.get(place, 0))
            waiting[place] = max(partition.waiting(now), self.progress.waited(reading(*place)))
            starts[place] = partition.starts
        self.observer.waiting(waiting)
        self.observer.starts_noted(starts)

    def _follow(self, place: Place, position: int | None, lag: int) -> None:
        """Note whether one partition moves: others that do must not hide that it stands (poll thread)."""
        if not lag or self._positions.get(place) != position or self._trying:
            self.progress.moved(reading(*place), more=lag > 0)
        else:
            self.progress.has_work(reading(*place))
        self._positions[place] = position

    @Service.task
    async def _watch_logs(self) -> None:
        """Look now and then whether the topics are still those that were assigned."""
        while not self.should_stop:
            await self.sleep(self.options.watch_interval)
            known = self.assigned_partitions.logs
            if self.should_stop or not known:
                continue
            try:
                logs = await asyncio.to_thread(self._logs.describe, known)
            except (ck.KafkaException, TimeoutError) as failure:
                self.log.warning("the topics cannot be looked at: %s", failure)
                continue
            if known is self.assigned_partitions.logs:  # else they were assigned again meanwhile
                self._compare(known, logs)

    def _compare(self, known: Mapping[str, Log], logs: Mapping[str, Log]) -> None:
        for topic, log in known.items():
            self.observer.topic_seen(topic, exists=topic in logs)
            if topic in logs and log.identity and logs[topic].identity not in {0, log.identity}:
                sentence = f"topic {topic} was made anew: the next start reads it from its beginning"
                self.died(LogReplaced(sentence))
                return
        self._watch_partition_counts(logs)

    def _watch_partition_counts(self, logs: Mapping[str, Log]) -> None:
        for binding in self._bindings:
            if binding.changelog is not None and binding.topic in logs and binding.changelog in logs:
                partitions, served = logs[binding.topic].partitions, logs[binding.changelog].partitions
                self.observer.partitions_unserved(binding.topic, binding.changelog, partitions, served)

    def died(self, failure: BaseException) -> None:
        """Leave the process: in order if that works, at once if it does not."""
        if self.failure is not None:
            return
        self.failure = failure
        slow = self.options.transaction_timeout / 2
        if isinstance(failure, DeliveryError) and self.progress.waited(Stage.PROCESSING) < slow:
            self._acquit()  # the engine failed, whatever records were in hand, unless they let it time out
        self.in_flight.close()
        self.outbox.abandon()
        self.observer.leaving(sentence(failure))
        self._crashing = asyncio.ensure_future(self.crash(failure))
        farewell = f"fraudstream: the orderly stop did not end within {_STOP_SECONDS:.0f} s; leaving at once"
        last_resort = threading.Timer(_STOP_SECONDS, self._leave, [farewell, EXIT_STALLED])
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
        pending = await self._checkpoint.run(self.assigned_partitions)
        if pending is not None:
            self.assigned_partitions.written(pending.next_offsets)
            self.observer.committed(time.monotonic() - started, len(pending))
        behind = any(partition.is_behind for partition in self.assigned_partitions)
        self.progress.moved(Stage.COMMITTING, more=behind)

    async def _commit_offsets(self, offsets: list[ck.TopicPartition]) -> None:
        await commit_offsets(self._running_poller, offsets)

    # -- stop

    async def on_stop(self) -> None:
        """Leave the group, with everything finished committed, or with a note on what made an agent fail."""
        if self._poller is not None:
            await self._finish()
            await self._note_suspects(self._poller)
            await self._poller.stop(_STOP_SECONDS if self.failure is None else _FAREWELL_SECONDS)
        await self.outbox.stop()
        self._watchdog.end()  # only now: a stop that hangs is a stall too

    async def _finish(self) -> None:
        """Hand out nothing more, and commit what is in hand once it is done."""
        self.assigned_partitions.end([(p.topic, p.number) for p in self.assigned_partitions])
        if self.failure is None and await self.in_flight.drained(_HAND_OVER_SECONDS):
            await self.checkpoint()

    async def _take_starts_back(self, partitions: Iterable[Partition]) -> None:
        """Count no start that ended in order: it was not records that ended it."""
        noted = [p for p in partitions if p.is_start_noted and p.resumes_at is not None]
        for partition in noted:
            partition.acquit()
        if noted and self.failure is None:
            await commit_offsets(self._running_poller, [resuming(partition) for partition in noted])

    async def _note_suspects(self, poller: Poller) -> None:
        async with self._checkpointing:  # a commit under way may still succeed, and must not be taken back
            notes = [
                resuming(partition)
                for partition in self.assigned_partitions
                if (partition.suspect or partition.is_start_noted) and partition.resumes_at is not None
            ]
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
            raise RuntimeError("the engine has not started yet")
        return self._poller

    def entries(self, agent: str) -> int:
        """Count what an agent remembers about all partitions in hand."""
        return sum(len(p.states[agent]) for p in self.assigned_partitions if agent in p.states)
