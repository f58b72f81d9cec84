"""Making work durable: outputs, state and source offsets, in an order that loses nothing.

Exactly-once: outputs, changelog and offsets are one Kafka transaction (KIP-447), with the group membership as
it was at the assignment: taken later it may belong to a newer generation, or to none, which the coordinator
accepts unchecked.

At-least-once: outputs on the broker, changelog on the broker, then the offsets. State is never durable before
its outputs, or a restart would skip them. Membership is proved before state is written, or a worker that
slept through its session would write old state over its successor's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import confluent_kafka as ck
from confluent_kafka import TopicPartition

from agents.runtime.errors import Fenced, is_transient
from agents.runtime.observer import Silent
from agents.runtime.records import Record
from agents.runtime.state import own_stores, seal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from agents.runtime.in_flight import InFlight
    from agents.runtime.observer import Observer
    from agents.runtime.outbox import Outbox, PendingDeliveries
    from agents.runtime.partition import Partition
    from agents.runtime.poller import Poller
    from agents.runtime.state import Binding

    Offsets = list[TopicPartition]
    Commit = Callable[[Offsets], Awaitable[None]]

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 0.2
_NOBODY: Final = Silent()


class Checkpoint(Protocol):
    """One way to make finished work durable."""

    async def run(self, partitions: Iterable[Partition]) -> PendingDeliveries | None:
        """Commit what is finished; give the changelog's deliveries, or `None` when there was nothing."""

    def joined(self, membership: Any) -> None:
        """Take the group membership of a new assignment."""


class Choice(NamedTuple):
    """Finished work: what it wrote, what it changed, and how far it came in its sources."""

    behind: list[Partition]
    outputs: PendingDeliveries
    records: list[Record]
    offsets: list[TopicPartition]

    def mark(self) -> None:
        """Note that the broker has accepted it, then have stores save it.

        Raises:
            OSError: a store cannot; by then every partition knows its commit, which no note may take back.
        """
        for partition, offset in zip(self.behind, self.offsets, strict=True):
            partition.commit(offset.offset, offset.metadata)
        for partition in self.behind:
            for _, state in own_stores(partition.states):
                state.save()


class Ledger:
    """Chooses what a checkpoint includes."""

    def __init__(
        self, in_flight: InFlight, bindings: Sequence[Binding], observer: Observer = _NOBODY
    ) -> None:
        """Choose among the states of `bindings`, which may grow; `observer` hears how far a checkpoint is."""
        self._in_flight = in_flight
        self._bindings = bindings
        self.observer = observer

    async def choose(
        self, partitions: Iterable[Partition], end_outputs: Callable[[], Awaitable[PendingDeliveries]]
    ) -> Choice:
        """Pick finished work while no chunk is in an agent's hands, and end its outputs before the next.

        Raises:
            Unfinished: an agent has left a chunk half done.
        """
        async with self._in_flight.barrier():
            behind = [partition for partition in partitions if partition.is_behind]
            changelogs = {binding.agent: binding.changelog for binding in self._bindings}
            records = [record for partition in behind for record in _changes(partition, changelogs)]
            offsets = [_offset(partition) for partition in behind]
            for partition, offset in zip(behind, offsets, strict=True):
                for _, state in own_stores(partition.states):
                    state.freeze(offset.offset)
            self.observer.checkpoint_chosen()
            return Choice(behind, await end_outputs(), records, offsets)


def _changes(partition: Partition, changelogs: Mapping[str, str | None]) -> Iterable[Record]:
    for agent, state in partition.states.items():
        changelog = changelogs[agent]
        if changelog is None or partition.position is None:
            continue
        for key, payload in state.changes():
            yield Record(changelog, key, seal(partition.log, partition.position, payload), partition.number)


class ExactlyOnce:
    """Everything in one transaction; a zombie's is refused by the broker."""

    def __init__(self, ledger: Ledger, outbox: Outbox) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._membership: Any = None

    def joined(self, membership: Any) -> None:
        """Keep the membership that the assignment came with."""
        self._membership = membership

    async def run(self, partitions: Iterable[Partition]) -> PendingDeliveries | None:
        """Commit one transaction.

        Raises:
            Fenced: the broker refused it.
            OutputFailed: an output or a changelog record was refused.
            Unfinished: an agent has left a chunk half done.
        """
        membership = self._membership  # a worker that lost its partitions may join again while this goes on
        choice = await self._ledger.choose(partitions, self._outbox.turn)
        if not choice.behind and not len(choice.outputs):
            return None
        self._ledger.observer.outputs_delivered()
        pending = await self._outbox.commit(choice.records, choice.offsets, membership)
        choice.mark()
        return pending


class AtLeastOnce:
    """Outputs, then changelog, then offsets, each after the one before has arrived."""

    def __init__(self, ledger: Ledger, outbox: Outbox, commit: Commit, lease: float) -> None:
        """Take `commit`, which raises Fenced without membership, and the seconds for which one proves it."""
        self._ledger = ledger
        self._outbox = outbox
        self._commit = commit
        self._lease = lease
        self._proved = time.monotonic()

    def joined(self, membership: Any) -> None:
        """Count an assignment as proof of membership."""
        del membership
        self._proved = time.monotonic()

    async def run(self, partitions: Iterable[Partition]) -> PendingDeliveries | None:
        """Commit in order.

        Raises:
            Fenced: this worker is no longer a member.
            OutputFailed: an output or a changelog record was refused.
            Unfinished: an agent has left a chunk half done.
        """
        choice = await self._ledger.choose(partitions, self._end_outputs)
        await self._outbox.delivered(choice.outputs)
        self._ledger.observer.outputs_delivered()
        if not choice.behind:
            return None
        if time.monotonic() - self._proved > self._lease:
            await self._commit_now([resuming(partition) for partition in choice.behind])
        pending = self._outbox.write(choice.records)
        await self._outbox.delivered(pending)
        await self._commit_now(choice.offsets)
        choice.mark()
        return pending

    async def _end_outputs(self) -> PendingDeliveries:
        return self._outbox.next_pending()

    async def _commit_now(self, offsets: list[TopicPartition]) -> None:
        asked = time.monotonic()
        await self._commit(offsets)
        self._proved = asked


def resuming(partition: Partition) -> TopicPartition:
    """Give the commit that changes nothing but the note on suspects: it proves membership."""
    return TopicPartition(
        partition.topic, partition.number, partition.resumes_at, metadata=partition.committed_metadata
    )


def _offset(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number, partition.position, metadata=partition.metadata)


class GroupOffsets:
    """The group's committed offsets with their metadata, as the poll thread reads and notes them.

    A consumer of committed records waits in `read` for the end of any transaction that holds offsets of these
    partitions, at most for `timeout` seconds.
    """

    def __init__(self, consumer: ck.Consumer, timeout: float) -> None:
        self._consumer = consumer
        self._timeout = timeout

    def read(self, partitions: Offsets) -> Offsets:
        """Give what is committed of partitions; raises KafkaException where it cannot be read."""
        committed: Offsets = self._consumer.committed(partitions, timeout=self._timeout)
        return committed

    def note(self, offsets: Offsets) -> None:
        """Commit offsets again for the sake of their metadata; without it work can go on."""
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except ck.KafkaException as failure:
            _LOG.warning("this start could not be noted with the group: %s", failure.args[0])


async def commit_offsets(poller: Poller, offsets: Offsets) -> None:
    """Commit through the poll thread, and again while the coordinator cannot be reached.

    Raises:
        Fenced: the group refused; this worker is no longer a member, or must not commit.
    """
    while (error := await _commit(poller, offsets)) is not None:
        if not is_transient(error):
            raise Fenced(f"the offsets were refused: {error}")
        _LOG.warning("commit: %s; trying again", error)
        await asyncio.sleep(_RETRY_SECONDS)


async def _commit(poller: Poller, offsets: Offsets) -> ck.KafkaError | None:
    try:
        answers = await poller.request(lambda consumer: consumer.commit(offsets=offsets, asynchronous=False))
    except ck.KafkaException as failure:
        return failure.args[0]
    return next((answer.error for answer in answers if answer.error), None)
