"""Making work durable: outputs, state and source offsets, in an order that loses nothing.

Exactly-once: outputs, changelog and offsets are one Kafka transaction (KIP-447), with the group membership as it was at the
assignment: taken later it may belong to a newer generation, or to none, which the coordinator accepts unchecked.

At-least-once: outputs on the broker, changelog on the broker, then the offsets. State is never durable before its outputs, or a
restart would skip them. Membership is proved before state is written, or a worker that slept through its session would write old
state over its successor's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from confluent_kafka import TopicPartition

from agents.runtime.outbox import Record
from agents.runtime.state import seal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from agents.runtime.gate import Gate
    from agents.runtime.outbox import Epoch, Outbox
    from agents.runtime.partition import Partition
    from agents.runtime.state import Binding

    Commit = Callable[[list[TopicPartition]], Awaitable[None]]


class Checkpoint(Protocol):
    """One way to make finished work durable."""

    async def run(self, partitions: Iterable[Partition]) -> Epoch | None:
        """Commit what is finished; give the changelog's deliveries, or `None` when there was nothing to do."""

    def joined(self, membership: Any) -> None:
        """Take the group membership of a new assignment."""


class Ledger:
    """Chooses what a checkpoint includes and marks it as committed."""

    def __init__(self, gate: Gate, bindings: Mapping[str, Binding]) -> None:
        self._gate = gate
        self._bindings = bindings

    async def choose(
        self, partitions: Iterable[Partition], then: Callable[[], None]
    ) -> tuple[list[Partition], list[Record], list[TopicPartition]]:
        """Pick finished work while no chunk is in an agent's hands, and call `then` before the next may enter."""
        async with self._gate.closed():
            behind = [partition for partition in partitions if partition.is_behind]
            records = [record for partition in behind for record in self._changelog(partition)]
            offsets = [_offset(partition) for partition in behind]
            then()
        return behind, records, offsets

    @staticmethod
    def mark(behind: Iterable[Partition], offsets: Iterable[TopicPartition]) -> None:
        """Note what the broker has accepted."""
        for partition, offset in zip(behind, offsets, strict=True):
            partition.committed = offset.offset

    def _changelog(self, partition: Partition) -> Iterable[Record]:
        for agent, state in partition.states.items():
            changelog = self._bindings[agent].changelog
            if changelog is None or partition.position is None:
                continue
            for key, payload in state.changes():
                yield Record(changelog, key, seal(partition.position, payload), partition.number)


class ExactlyOnce:
    """Everything in one transaction; a zombie's is refused by the broker."""

    def __init__(self, ledger: Ledger, outbox: Outbox) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._membership: Any = None

    def joined(self, membership: Any) -> None:
        """Keep the membership that the assignment came with."""
        self._membership = membership

    async def run(self, partitions: Iterable[Partition]) -> Epoch | None:
        """Commit one transaction.

        Raises:
            Fenced: the broker refused it.
        """
        behind, records, offsets = await self._ledger.choose(partitions, self._outbox.hold)
        if not behind:
            self._outbox.release()
            return None
        epoch = await self._outbox.commit(records, offsets, self._membership)
        self._ledger.mark(behind, offsets)
        self._outbox.release()
        return epoch


class AtLeastOnce:
    """Outputs, then changelog, then offsets, each after the one before has arrived."""

    def __init__(self, ledger: Ledger, outbox: Outbox, commit: Commit, lease: float) -> None:
        """Take `commit`, which raises Fenced without membership, and the time in seconds for which a commit proves it."""
        self._ledger = ledger
        self._outbox = outbox
        self._commit = commit
        self._lease = lease
        self._proved = time.monotonic()

    def joined(self, membership: Any) -> None:
        """Count an assignment as proof of membership."""
        del membership
        self._proved = time.monotonic()

    async def run(self, partitions: Iterable[Partition]) -> Epoch | None:
        """Commit in order.

        Raises:
            Fenced: this worker is no longer a member.
            OutputFailed: an output or a changelog record was refused.
        """
        held = list(partitions)
        await self._prove(held)
        outputs: list[Epoch] = []
        behind, records, offsets = await self._ledger.choose(
            held, lambda: outputs.append(self._outbox.next_epoch())
        )
        await self._outbox.delivered(outputs[0])
        if not behind:
            return None
        epoch = self._outbox.write(records)
        await self._outbox.delivered(epoch)
        await self._commit_now(offsets)
        self._ledger.mark(behind, offsets)
        return epoch

    async def _prove(self, partitions: Iterable[Partition]) -> None:
        known = [
            TopicPartition(p.topic, p.number, p.committed, metadata=p.metadata)
            for p in partitions
            if p.committed is not None
        ]
        if known and time.monotonic() - self._proved > self._lease:
            await self._commit_now(known)

    async def _commit_now(self, offsets: list[TopicPartition]) -> None:
        asked = time.monotonic()
        await self._commit(offsets)
        self._proved = asked


def _offset(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number, partition.position, metadata=partition.metadata)
