"""One assigned partition: its states, what agents hold of it, and how far it may be committed."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.runtime.commit_note import CommitNote
from agents.runtime.state import own_stores
from agents.runtime.suspects import Suspect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from confluent_kafka import Message

    from agents.runtime.state import PartitionState


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of one partition; an agent receives the chunks that wait, of several partitions.

    Attributes:
        topic: source topic.
        partition: source partition.
        records: raw messages in offset order, at least one.
        states: this partition's state of each agent, by the agent's name.
        is_suspect: the one record may have made the agent fail; it comes alone.
        is_poison: it made the agent fail again and again: do not try it, set it apart.
        received_ns: when it came from the poll thread, nanoseconds since 1970.
        log: identity of the source topic, as `KeepsItself.resume` is given it.
    """

    topic: str
    partition: int
    records: Sequence[Message]
    states: Mapping[str, PartitionState]
    is_suspect: bool = False
    is_poison: bool = False
    received_ns: int = 0
    log: int = 0

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return int(self.records[0].offset())

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return int(self.records[-1].offset())


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
        note: CommitNote = CommitNote(),  # noqa: B008 - immutable
    ) -> None:
        self.topic = topic
        self.number = number
        self.states = states
        self.suspect = note.suspect
        self.is_live = True
        self.position: int | None = None
        self.committed: int | None = None
        self._committed_notes = note.states
        self._first: int | None = None
        self._held: deque[Chunk] = deque()
        self._acknowledged: set[int] = set()

    def hand_out(self, records: Sequence[Message], size: int) -> Iterator[Chunk]:
        """Cut records into chunks of at most `size`, suspects one by one, and remember them as held."""
        if self._first is None:
            self._first = int(records[0].offset())
        now = time.time_ns()
        for part in _cut(records, size, self.suspect):
            suspect = self.suspect
            is_suspect = suspect is not None and int(part[0].offset()) in suspect
            is_poison = suspect is not None and is_suspect and suspect.is_poison
            chunk = Chunk(self.topic, self.number, part, self.states, is_suspect, is_poison, now)
            self._held.append(chunk)
            yield chunk

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
        earlier = self.suspect or Suspect(chunk.first, chunk.last, 0)
        self.suspect = earlier.failed_again(chunk.first, chunk.last)

    def waiting(self, now: float) -> float:
        """Age at `now` (s since 1970) of the oldest record in hand, by its Kafka timestamp; 0 without one."""
        try:
            arrived: float = self._held[0].records[0].timestamp()[1] / 1_000
        except IndexError:  # asked from another thread, so looking first would not help
            return 0.0
        return max(0.0, now - arrived)

    @property
    def is_behind(self) -> bool:
        """Whether finished work waits for a commit."""
        return self.position is not None and self.position != self.committed

    @property
    def resumes_at(self) -> int | None:
        """Where a successor would start now; `None` while nothing is committed and nothing has come."""
        return self._first if self.committed is None else self.committed

    @property
    def metadata(self) -> str:
        """What the next commit notes: messages under suspicion, and what states say of themselves."""
        notes = {agent: str(len(state)) for agent, state in self.states.items() if len(state)}
        notes |= {agent: state.note() for agent, state in own_stores(self.states)}
        return CommitNote(self.suspect, notes).text()

    @property
    def committed_metadata(self) -> str:
        """The same, of the states as the last commit left them."""
        return CommitNote(self.suspect, self._committed_notes).text()

    def commit(self, offset: int, metadata: str) -> None:
        """Note that the broker has accepted a commit."""
        self.committed = offset
        self._committed_notes = CommitNote.read(metadata).states


def _cut(records: Sequence[Message], size: int, suspect: Suspect | None) -> Iterator[Sequence[Message]]:
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
