"""The metadata of committed offsets: notes for the worker that goes on from them.

An exception in an agent stops the worker. So that one record cannot stop it for ever, the offsets in the
agent's hands are noted in the metadata of the group's commit. The next worker hands them out one by one, so
that the culprit is found, and after `MOST_FAILURES` failures of one record marks it as poison: its agent puts
it among the dead letters.

What kills the process leaves no time for a note: memory that runs out, a stall in any layer. There the starts
are counted that got nowhere (`OffsetMetadata.starts`); from the third on a partition is on trial: it is read
alone, and its records are noted as suspects before they are touched. What kills `MOST_TRIALS` trials is
passed over by its position, unread.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_FAILURES = 3
MOST_STARTS = 3
"""Starts without progress, this one included, from which a partition is on trial."""
MOST_TRIALS = 2


@dataclass(frozen=True)
class FailingOffsets:
    """Offsets `first` to `last`, both included, in a worker's hands at each of `failures` failures.

    `is_on_trial`: they were noted before, and nothing else was in hand.
    """

    first: int
    last: int
    failures: int
    is_on_trial: bool = False

    def __contains__(self, offset: int) -> bool:
        """Return true if an offset is under suspicion."""
        return self.first <= offset <= self.last

    @property
    def is_poison(self) -> bool:
        """True for one record that failed so often that it must not be tried again."""
        return self.first == self.last and self.failures >= MOST_FAILURES

    @property
    def is_deadly(self) -> bool:
        """True for records that killed so many trials that they must not even be read."""
        return self.is_on_trial and self.failures >= MOST_TRIALS

    def failed_again(self, first: int, last: int) -> FailingOffsets:
        """Narrow the suspicion to offsets that failed now; others that fail start a new one."""
        if first in self and last in self and not self.is_on_trial:
            return FailingOffsets(first, last, self.failures + 1)
        return FailingOffsets(first, last, 1)

    def cleared(self, offset: int) -> FailingOffsets | None:
        """Drop what a worker got past: offsets below `offset` were innocent."""
        if offset > self.last:
            return None
        return replace(self, first=max(self.first, offset))


def on_trial(earlier: FailingOffsets | None, first: int, last: int) -> FailingOffsets:
    """Note records before they are touched, as suspects of one more trial."""
    same = earlier is not None and earlier.is_on_trial and (earlier.first, earlier.last) == (first, last)
    return FailingOffsets(first, last, (earlier.failures if earlier and same else 0) + 1, is_on_trial=True)


@dataclass(frozen=True)
class OffsetMetadata:
    """The metadata of a commit.

    Attributes:
        suspect: records that made a worker leave or die.
        states: by agent, what its state needs to know of where its outputs ended, or how many entries it has.
        log: identity of the log that the committed offset counts in; 0 where none was noted.
        epoch: distinguishes logs that the broker gives one id, or none: another one with each
            `fraudstream profiles rebase`.
        starts: workers that began at the committed offset with records before them, and have committed
            nothing since.
    """

    suspect: FailingOffsets | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    log: int = 0
    epoch: int = 0
    starts: int = 0

    def text(self) -> str:
        """Write it as commit metadata; nothing to say is no text."""
        said: dict[str, object] = {
            "suspect": _fields(self.suspect),
            "states": dict(self.states),
            "log": self.log,
            "epoch": self.epoch,
            "starts": self.starts,
        }
        said = {name: value for name, value in said.items() if value}
        return orjson.dumps(said).decode() if said else ""

    @classmethod
    def read(cls, text: str | None) -> OffsetMetadata:
        """Read commit metadata; other programs' notes count as none."""
        try:
            said = orjson.loads(text or "")
            numbers = {name: int(said.get(name, 0)) for name in ("log", "epoch", "starts")}
            return cls(_failing_offsets(said.get("suspect")), _states(said.get("states") or {}), **numbers)
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()


def _fields(suspect: FailingOffsets | None) -> list[int]:
    if suspect is None:
        return []
    return [suspect.first, suspect.last, suspect.failures, int(suspect.is_on_trial)]


def _failing_offsets(fields: list[int] | None) -> FailingOffsets | None:
    if fields is None:
        return None
    first, last, failures, *rest = fields
    return FailingOffsets(int(first), int(last), int(failures), is_on_trial=bool(rest and rest[0]))


def _states(said: Mapping[str, object]) -> dict[str, str]:
    return {agent: note for agent, note in said.items() if isinstance(note, str)}
