"""Which partitions a worker holds, from restore to hand-over: a rebalance in one straight line."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.runtime.commit_note import CommitNote
from agents.runtime.partition import Partition
from agents.runtime.restore import Replay, Restoration, replay, restore
from agents.runtime.state import Replays, own_stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import confluent_kafka as ck

    from agents.runtime.observer import Observer
    from agents.runtime.options import DeliveryOptions
    from agents.runtime.state import Binding, PartitionState

    Place = tuple[str, int]
    Committed = Callable[[list[ck.TopicPartition]], list[ck.TopicPartition]]


@dataclass
class _Kept:
    """A state whose changelog ends where it stands, and the source offset up to which it is complete."""

    state: PartitionState
    next_offset: int
    included: int


class Assignment:
    """The partitions in hand, and states kept from one rebalance to the next.

    A rebalance takes all partitions away and gives most of them back at once. A state that was committed
    clean is kept over that moment, and only what its changelog has gained since is read.
    """

    def __init__(self, options: DeliveryOptions, bindings: Sequence[Binding], observer: Observer) -> None:
        """Start with nothing in hand; `bindings` may grow."""
        self._options = options
        self._bindings = bindings
        self._observer = observer
        self._held: dict[Place, Partition] = {}
        self._changelog_ends: dict[Place, int] = {}
        self._kept: dict[tuple[str, Place], _Kept] = {}

    def __iter__(self) -> Iterator[Partition]:
        """Iterate over the partitions in hand."""
        return iter(self._held.values())

    def __len__(self) -> int:
        """Count the partitions in hand."""
        return len(self._held)

    def get(self, place: Place) -> Partition | None:
        """Find a partition in hand by topic and number."""
        return self._held.get(place)

    def take(self, partitions: Iterable[Partition]) -> None:
        """Take prepared partitions in hand."""
        self._held.update({(partition.topic, partition.number): partition for partition in partitions})

    def end(self, places: Iterable[Place]) -> list[Partition]:
        """Stop handing out chunks of these partitions, and give them."""
        ending = [self._held[place] for place in places if place in self._held]
        for partition in ending:
            partition.is_live = False
        return ending

    def drop(self, places: Iterable[Place], *, keep: bool) -> None:
        """Let partitions go; `keep` their states in case they come straight back."""
        for place in places:
            partition = self._held.pop(place, None)
            if partition is None:
                continue
            if keep and not partition.is_behind:
                self._keep(partition)
            for _, state in own_stores(partition.states):
                state.close()

    def written(self, next_offsets: Mapping[Place, int]) -> None:
        """Note how far this worker's own changelog records reach."""
        self._changelog_ends.update(next_offsets)

    def prepare(
        self, assigned: list[ck.TopicPartition], committed: Committed, goes_on: Callable[[int], bool]
    ) -> list[Partition]:
        """Restore states and set the start offset of each assigned partition (poll thread).

        The committed offsets are read first, which waits for the end of a predecessor's open transaction:
        state read before it ended would lack what the offsets then include.

        Raises:
            RestoreFailed: a changelog cannot be read, or has lost entries.
            KafkaException: the committed offsets cannot be read.
        """
        if not assigned:
            return []
        known = {(tp.topic, tp.partition): tp for tp in committed(assigned)}
        restorations = {
            (binding.agent, (tp.topic, tp.partition)): self._restoration(binding, tp)
            for tp in assigned
            for binding in self._bindings
            if binding.topic == tp.topic
        }
        self._kept.clear()
        self._restore(restorations, goes_on)
        if goes_on(0):  # else the restore was given up half-way
            self._expect_all(restorations, known)
        prepared = [self._partition(tp, known[tp.topic, tp.partition], restorations) for tp in assigned]
        self._replay(assigned, prepared, goes_on)
        return prepared

    def _replay(
        self,
        assigned: Sequence[ck.TopicPartition],
        prepared: Sequence[Partition],
        goes_on: Callable[[int], bool],
    ) -> None:
        """Bring stores up to the committed offsets, where their partitions then start."""
        work = {}
        for tp, partition in zip(assigned, prepared, strict=True):
            committed = partition.committed
            for _, state in own_stores(partition.states):
                if isinstance(state, Replays) and committed is not None and tp.offset < committed:
                    work[tp.topic, tp.partition] = Replay(state, tp.offset, committed)
                    tp.offset = committed
        if work:
            replay(self._options, work, goes_on)

    def _restoration(self, binding: Binding, tp: ck.TopicPartition) -> Restoration:
        kept = self._kept.get((binding.agent, (tp.topic, tp.partition)))
        if kept is None:
            return Restoration(binding.new_state())
        return Restoration(kept.state, kept.next_offset, kept.included)

    def _restore(
        self, restorations: Mapping[tuple[str, Place], Restoration], goes_on: Callable[[int], bool]
    ) -> None:
        changelogs = {binding.agent: binding.changelog for binding in self._bindings}
        for agent, changelog in changelogs.items():
            work = {
                (changelog, place[1]): restoration
                for (owner, place), restoration in restorations.items()
                if owner == agent and changelog is not None
            }
            if not work or changelog is None:
                continue
            started = time.monotonic()
            restore(self._options, work, goes_on)
            self._changelog_ends.update({place: done.next_offset for place, done in work.items()})
            self._observer.restored(
                changelog, time.monotonic() - started, sum(done.records for done in work.values())
            )

    def _expect_all(
        self,
        restorations: Mapping[tuple[str, Place], Restoration],
        known: Mapping[Place, ck.TopicPartition],
    ) -> None:
        """See that each changelog has all that was noted with the offsets that its state goes with."""
        changelogs = {binding.agent: binding.changelog for binding in self._bindings}
        for (agent, place), restoration in restorations.items():
            noted = CommitNote.read(known[place].metadata).states.get(agent)
            if (changelog := changelogs[agent]) is not None and noted is not None:
                restoration.expect(int(noted), f"{changelog} partition {place[1]}")

    def _partition(
        self,
        tp: ck.TopicPartition,
        committed: ck.TopicPartition,
        restorations: Mapping[tuple[str, Place], Restoration],
    ) -> Partition:
        place = (tp.topic, tp.partition)
        states = {agent: done.state for (agent, where), done in restorations.items() if where == place}
        offset = committed.offset if committed.offset >= 0 else None
        if offset is not None:
            tp.offset = offset
        note = CommitNote.read(committed.metadata)
        for agent, state in own_stores(states):
            start = state.resume(tp.partition, offset, note.states.get(agent), 0)
            tp.offset = tp.offset if start is None else start
        partition = Partition(tp.topic, tp.partition, states, note=note)
        partition.committed = offset
        return partition

    def _keep(self, partition: Partition) -> None:
        place = (partition.topic, partition.number)
        for binding in self._bindings:
            state = partition.states.get(binding.agent)
            if binding.topic != partition.topic or state is None or binding.changelog is None:
                continue
            end = self._changelog_ends.get((binding.changelog, partition.number), 0)
            included = -1 if partition.committed is None else partition.committed
            self._kept[binding.agent, place] = _Kept(state, end, included)
