"""Messages that made a worker leave: remembered across restarts, and set apart in the end.

An exception in an agent stops the worker. So that one message cannot stop it for ever, the offsets in the
agent's hands are noted in the metadata of the group's commit. The next worker hands them out one by one, so
that the culprit is found, and after `MOST_FAILURES` failures of one message marks it as poison: its agent
puts it among the dead letters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MOST_FAILURES = 3


@dataclass(frozen=True)
class Suspect:
    """Offsets `first` to `last`, both included, in an agent's hands at each of `failures` failures."""

    first: int
    last: int
    failures: int

    def __contains__(self, offset: int) -> bool:
        """Tell whether an offset is under suspicion."""
        return self.first <= offset <= self.last

    @property
    def is_poison(self) -> bool:
        """Whether one message failed so often that it must not be tried again."""
        return self.first == self.last and self.failures >= MOST_FAILURES

    def failed_again(self, first: int, last: int) -> Suspect:
        """Narrow the suspicion to offsets that failed now; others that fail start a new one."""
        if first in self and last in self:
            return Suspect(first, last, self.failures + 1)
        return Suspect(first, last, 1)

    def cleared(self, offset: int) -> Suspect | None:
        """Drop what a worker got past: offsets below `offset` were innocent."""
        if offset > self.last:
            return None
        return replace(self, first=max(self.first, offset))
