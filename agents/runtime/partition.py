"""One assigned partition: its states, what agents hold of it, and how far it may be committed."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from agents.runtime.offset_metadata import MOST_STARTS, FailingOffsets, OffsetMetadata, on_trial
from agents.runtime.state import own_stores

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from confluent_kafka import Message

    from agents.runtime.state import PartitionState


class Loss(StrEnum):
    """A reason to pass records over unread; agents know the values as types of their dead letters."""

    DELETED = "records-lost"
    UNREADABLE = "unreadable-batch"
    DEADLY = "internal-error"


class Gap(NamedTuple):
    """Offsets `first` to `last`, both included, whose records nobody will see."""

    first: int
    last: int
    loss: Loss
    reason: str
    """One sentence without a word of the records."""


def lost(first: int, end: int) -> Gap:
    """Say that the broker deleted what was there from `first` to before `end`."""
    return Gap(
        first,
        end - 1,
        Loss.DELETED,
        "the broker deleted these records before they were read: retention is shorter than the time for "
        "which nobody read, or somebody deleted them",
    )


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of one partition; an agent receives the chunks that wait, of several partitions.

    Or a gap in their place, for which the agent writes a dead letter.

    Attributes:
        topic: source topic.
        partition: source partition.
        records: raw messages in offset order, at least one unless there is a gap.
        states: this partition's state of each agent, by the agent's name.
        is_suspect: the one record may have made the agent fail; it comes alone.
        is_poison: it made the agent fail again and again: do not try it, isolate it.
        received_ns: when it came from the poll thread, nanoseconds since 1970.
        gap: offsets that are passed over; there are no records then.
        log: identity of the source topic, 64 bits of its Kafka topic id, below 2**63; 0 where the broker
            gives none.
    """

    topic: str
    partition: int
    records: Sequence[Message]
    states: Mapping[str, PartitionState]
    is_suspect: bool = False
    is_poison: bool = False
    received_ns: int = 0
    gap: Gap | None = None
    log: int = 0

    @property
    def first(self) -> int:
        """Offset of the first record, or of the gap."""
        return int(self.records[0].offset()) if self.gap is None else self.gap.first

    @property
    def last(self) -> int:
        """Offset of the last record, or of the gap."""
        return int(self.records[-1].offset()) if self.gap is None else self.gap.last


class Partition:
    """Bookkeeping of one assigned partition.

    Chunks are handed out in offset order and may be acknowledged in any: `position` only passes what is
    acknowledged without a gap.
    """

    def __init__(
        self,
        topic: str,
        number: int,
        states: Mapping[str, PartitionState],
        *,
        note: OffsetMetadata = OffsetMetadata(),  # noqa: B008 - immutable
        begins: int | None = None,
    ) -> None:
        """Take a restored partition over.

        Args:
            topic: source topic.
            number: its number there.
            states: of each agent, by name.
            note: that of the group's commit, with this start counted.
            begins: where it is read from, where nothing is committed.
        """
        self.topic = topic
        self.number = number
        self.states = states
        self.suspect = note.suspect
        self.log = note.log
        self.starts = note.starts
        self.is_start_noted = False
        """True while the group's note counts this start, which has committed nothing so far."""
        self.gap: Gap | None = None
        """Offsets before the first record that is read; they are passed over."""
        self.is_live = True
        self.position: int | None = None
        self.committed: int | None = None
        self._committed_notes = note.states
        self._epoch = note.epoch
        self._begins = begins
        self._held: deque[Chunk] = deque()
        self._acknowledged: set[int] = set()

    def hand_out(self, records: Sequence[Message], size: int) -> Iterator[Chunk]:
        """Cut records into chunks of at most `size`, suspects one by one, and remember them as held."""
        now = time.time_ns()
        for part in _cut(records, size, self.suspect):
            suspect = self.suspect
            is_suspect = suspect is not None and int(part[0].offset()) in suspect
            is_poison = suspect is not None and is_suspect and suspect.is_poison
            chunk = Chunk(
                self.topic, self.number, part, self.states, is_suspect, is_poison, now, log=self.log
            )
            self._held.append(chunk)
            yield chunk

    def hand_out_gap(self, gap: Gap) -> Chunk:
        """Make a chunk of a gap, and remember it as held."""
        chunk = Chunk(
            self.topic, self.number, (), self.states, received_ns=time.time_ns(), gap=gap, log=self.log
        )
        self._held.append(chunk)
        return chunk

    def acknowledge(self, chunk: Chunk) -> None:
        """Count a chunk as done."""
        self._acknowledged.add(chunk.last)
        while self._held and self._held[0].last in self._acknowledged:
            offset = self._held.popleft().last
            self._acknowledged.discard(offset)
            self.position = offset + 1
        if self.suspect is not None and self.position is not None:
            self.suspect = self.suspect.cleared(self.position)

    def suspects(self, chunk: Chunk) -> None:
        """Note that an agent failed with this chunk in hand."""
        earlier = self.suspect or FailingOffsets(chunk.first, chunk.last, 0)
        self.suspect = earlier.failed_again(chunk.first, chunk.last)

    @property
    def is_on_trial(self) -> bool:
        """True where workers died over its next records, so that it is to be read alone."""
        return self.starts >= MOST_STARTS or (self.suspect is not None and self.suspect.is_on_trial)

    def count_start(self) -> None:
        """Count this start before its work begins."""
        self.starts += 1
        self.is_start_noted = True

    def try_alone(self, first: int, last: int) -> None:
        """Suspect records before they are touched; the note must be committed before they are."""
        self.suspect = on_trial(self.suspect, first, last)

    def acquit(self) -> None:
        """Count no start, and suspect nothing that was noted beforehand: it was not that."""
        self.starts = 0
        if self.suspect is not None and self.suspect.is_on_trial:
            self.suspect = None

    def waiting(self, now: float) -> float:
        """Age at `now` (s since 1970) of the oldest record in hand, by its Kafka timestamp; 0 without one."""
        try:
            arrived: float = self._held[0].records[0].timestamp()[1] / 1_000
        except IndexError:  # asked from another thread, so looking first would not help
            return 0.0
        return max(0.0, now - arrived)

    @property
    def is_behind(self) -> bool:
        """True while finished work waits for a commit."""
        return self.position is not None and self.position != self.committed

    @property
    def resumes_at(self) -> int | None:
        """Where a successor would start now; `None` where that is not known."""
        return self._begins if self.committed is None else self.committed

    @property
    def metadata(self) -> str:
        """Metadata of the next commit: messages under suspicion, and the states' own notes."""
        notes = {agent: str(len(state)) for agent, state in self.states.items() if len(state)}
        notes |= {agent: state.note() for agent, state in own_stores(self.states)}
        return OffsetMetadata(self.suspect, notes, self.log, self._epoch).text()

    @property
    def committed_metadata(self) -> str:
        """The same, of the states as the last commit left them, and the starts since."""
        return OffsetMetadata(self.suspect, self._committed_notes, self.log, self._epoch, self.starts).text()

    def commit(self, offset: int, metadata: str) -> None:
        """Note that the broker has accepted a commit."""
        self.committed = offset
        self.starts = 0
        self.is_start_noted = False
        self._committed_notes = OffsetMetadata.read(metadata).states


def _cut(
    records: Sequence[Message], size: int, suspect: FailingOffsets | None
) -> Iterator[Sequence[Message]]:
    if suspect is None:
        yield from (records[i : i + size] for i in range(0, len(records), size))
        return
    part: list[Message] = []
    for record in records:
        alone = record.offset() in suspect
        if part and (alone or len(part) == size):
            yield part
            part = []
        if alone:
            yield [record]
        else:
            part.append(record)
    if part:
        yield part
