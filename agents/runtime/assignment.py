"""The partitions that a worker holds, from restore to hand-over: a rebalance in one straight line."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.runtime.checkpoint import resuming
from agents.runtime.errors import OffsetBeyondEnd, RestoreFailed
from agents.runtime.offset_metadata import MOST_STARTS, MOST_TRIALS, OffsetMetadata
from agents.runtime.partition import Gap, Loss, Partition, lost
from agents.runtime.restore import Replay, Restoration, replay, restore
from agents.runtime.state import Replays, own_stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import confluent_kafka as ck

    from agents.runtime.checkpoint import GroupOffsets
    from agents.runtime.logs import Bounds, Log, Logs
    from agents.runtime.observer import Observer
    from agents.runtime.options import DeliveryOptions
    from agents.runtime.state import Binding, PartitionState

    Place = tuple[str, int]


@dataclass
class _Kept:
    """A state whose changelog ends where it stands, and the source offset up to which it is complete."""

    state: PartitionState
    next_offset: int
    log: int
    included: int


@dataclass(frozen=True)
class _Start:
    """From where one partition is read, and what was noted of it; `committed` counts in this log."""

    committed: int | None
    note: OffsetMetadata
    bounds: Bounds

    @property
    def gap(self) -> Gap | None:
        """Offsets that are passed over unread, from the committed one on."""
        if self.committed is None:
            return None
        if self.committed < self.bounds.low:
            return lost(self.committed, self.bounds.low)
        suspect = self.note.suspect
        if suspect is not None and suspect.is_deadly and suspect.first == self.committed:
            return Gap(
                suspect.first,
                suspect.last,
                Loss.DEADLY,
                f"workers died at {MOST_STARTS + MOST_TRIALS - 1} starts over these records, at the last "
                f"{MOST_TRIALS} with nothing else in hand; they are passed over unread",
            )
        return None

    @property
    def offset(self) -> int:
        if self.gap is not None:
            return self.gap.last + 1
        return self.bounds.low if self.committed is None else self.committed

    @property
    def has_records(self) -> bool:
        return self.offset < self.bounds.high


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
        self.logs: dict[str, Log] = {}
        """The logs of the topics that are read and of the changelogs, as of the last assignment."""
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
        self,
        assigned: list[ck.TopicPartition],
        group: GroupOffsets,
        logs: Logs,
        goes_on: Callable[[int], bool],
    ) -> list[Partition]:
        """Restore states and set the start offset of each assigned partition (poll thread).

        Partitions that have no partition of their changelog yet are taken out of `assigned`: they wait.

        The committed offsets are read first, which waits for the end of a predecessor's open transaction:
        state read before it ended would lack what the offsets then include.

        Raises:
            OffsetBeyondEnd: the group has committed more than there is.
            RestoreFailed: a changelog cannot be read, or has lost entries.
            KafkaException: the committed offsets, or the topics, cannot be read.
        """
        self.logs = logs.describe(self._read_topics(assigned)) if assigned else {}
        assigned[:] = [tp for tp in assigned if self._is_served(tp)]
        if not assigned:
            return []
        known = self._starts(assigned, group, logs)
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
        self._note_starts(prepared, known, group)
        return prepared

    def _read_topics(self, assigned: Sequence[ck.TopicPartition]) -> set[str]:
        topics = {tp.topic for tp in assigned}
        return topics | {each.changelog for each in self._bindings if each.topic in topics and each.changelog}

    def _is_served(self, tp: ck.TopicPartition) -> bool:
        """Check that the state of a partition has a changelog partition to be kept in."""
        changelogs = [each.changelog for each in self._bindings if each.topic == tp.topic and each.changelog]
        if missing := [changelog for changelog in changelogs if changelog not in self.logs]:
            raise RestoreFailed(f"the changelog {missing[0]} does not exist: run `fraudstream topics create`")
        return all(tp.partition < self.logs[changelog].partitions for changelog in changelogs)

    def _starts(
        self, assigned: Sequence[ck.TopicPartition], group: GroupOffsets, logs: Logs
    ) -> dict[Place, _Start]:
        """Say from where each partition is to be read, after what was committed in the same log."""
        committed = {(tp.topic, tp.partition): tp for tp in group.read([*assigned])}
        bounds = logs.bounds(committed)
        return {place: self._start(tp, bounds[place]) for place, tp in committed.items()}

    def _start(self, committed: ck.TopicPartition, bounds: Bounds) -> _Start:
        topic, number = committed.topic, committed.partition
        offset = committed.offset if committed.offset >= 0 else None
        noted = OffsetMetadata.read(committed.metadata)
        described = self.logs.get(topic)
        log = (described.identity if described else 0) ^ noted.epoch
        note = replace(noted, log=log)
        if noted.log not in {0, log} and log != noted.epoch:
            self._observer.log_replaced(topic, number)
            return _Start(None, replace(note, suspect=None, starts=0), bounds)
        if offset is not None and offset > bounds.high:
            raise OffsetBeyondEnd(
                f"the group {self._options.group} has committed offset {offset} of {topic} partition "
                f"{number}, which ends at {bounds.high}: the topic was cut or made anew, or this is another "
                "cluster. To read it from its beginning with the profiles as they are, stop the workers and "
                "run `fraudstream profiles rebase`"
            )
        return _Start(offset, note, bounds)

    def _note_starts(
        self, prepared: Sequence[Partition], known: Mapping[Place, _Start], group: GroupOffsets
    ) -> None:
        """Count this start where there is work, before it is touched: what kills a worker leaves no note."""
        begun = [part for part in prepared if known[part.topic, part.number].has_records]
        for partition in begun:
            partition.count_start()
        if begun:
            group.note([resuming(partition) for partition in begun])
            self._observer.starts_noted({(part.topic, part.number): part.starts for part in prepared})

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
        return Restoration(kept.state, kept.next_offset, kept.log, kept.included)

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
        known: Mapping[Place, _Start],
    ) -> None:
        """See that each changelog has all that was noted with the offsets that its state goes with."""
        changelogs = {binding.agent: binding.changelog for binding in self._bindings}
        for (agent, place), restoration in restorations.items():
            noted = known[place].note.states.get(agent)
            if (changelog := changelogs[agent]) is not None and noted is not None:
                restoration.expect(int(noted), f"{changelog} partition {place[1]}")

    def _partition(
        self,
        tp: ck.TopicPartition,
        start: _Start,
        restorations: Mapping[tuple[str, Place], Restoration],
    ) -> Partition:
        place = (tp.topic, tp.partition)
        states = {agent: done.state for (agent, where), done in restorations.items() if where == place}
        note, tp.offset = start.note, start.offset
        for agent, state in own_stores(states):
            wanted = state.resume(tp.partition, start.committed, note.states.get(agent), note.log)
            tp.offset = tp.offset if wanted is None else wanted
        partition = Partition(tp.topic, tp.partition, states, note=note, begins=start.offset)
        partition.committed = start.committed
        partition.gap = start.gap
        if not start.has_records and start.gap is None:
            partition.acquit()  # there is nothing to try
        return partition

    def _keep(self, partition: Partition) -> None:
        place = (partition.topic, partition.number)
        for binding in self._bindings:
            state = partition.states.get(binding.agent)
            if binding.topic != partition.topic or state is None or binding.changelog is None:
                continue
            end = self._changelog_ends.get((binding.changelog, partition.number), 0)
            included = -1 if partition.committed is None else partition.committed
            self._kept[binding.agent, place] = _Kept(state, end, partition.log, included)
