"""Records that made a worker leave or die: remembered across restarts, and set apart in the end.

An exception in an agent stops the worker. So that one record cannot stop it for ever, the offsets in the
agent's hands are noted in the metadata of the group's commit. The next worker hands them out one by one, so
that the culprit is found, and after `MOST_FAILURES` failures of one record marks it as poison: its agent puts
it among the dead letters.

What kills the process leaves no time for a note: memory that runs out, a stall in any layer. There the starts
are counted that got nowhere (`CommitNote.starts`); from the third on a partition is on trial: it is read
alone, and its records are noted as suspects before they are touched. What kills `MOST_TRIALS` trials is
passed over by its position, unread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MOST_FAILURES = 3
MOST_STARTS = 3
"""Starts without progress, this one included, from which a partition is on trial."""
MOST_TRIALS = 2


@dataclass(frozen=True)
class Suspect:
    """Offsets `first` to `last`, both included, in a worker's hands at each of `failures` failures.

    `is_on_trial`: they were noted before, and nothing else was in hand.
    """

    first: int
    last: int
    failures: int
    is_on_trial: bool = False

    def __contains__(self, offset: int) -> bool:
        """Tell whether an offset is under suspicion."""
        return self.first <= offset <= self.last

    @property
    def is_poison(self) -> bool:
        """Whether one record failed so often that it must not be tried again."""
        return self.first == self.last and self.failures >= MOST_FAILURES

    @property
    def is_deadly(self) -> bool:
        """Whether these records killed so many trials that they must not even be read."""
        return self.is_on_trial and self.failures >= MOST_TRIALS

    def failed_again(self, first: int, last: int) -> Suspect:
        """Narrow the suspicion to offsets that failed now; others that fail start a new one."""
        if first in self and last in self and not self.is_on_trial:
            return Suspect(first, last, self.failures + 1)
        return Suspect(first, last, 1)

    def cleared(self, offset: int) -> Suspect | None:
        """Drop what a worker got past: offsets below `offset` were innocent."""
        if offset > self.last:
            return None
        return replace(self, first=max(self.first, offset))


def on_trial(earlier: Suspect | None, first: int, last: int) -> Suspect:
    """Note records before they are touched, as suspects of one more trial."""
    same = earlier is not None and earlier.is_on_trial and (earlier.first, earlier.last) == (first, last)
    return Suspect(first, last, (earlier.failures if earlier and same else 0) + 1, is_on_trial=True)
