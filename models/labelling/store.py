"""Where cases are kept until their fate is known: the seam, and the plainest store of them, in memory."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Protocol

from models.labelling.pending import case_key

if TYPE_CHECKING:
    from models.labelling.pending import Cases


class PendingStore(Protocol):
    """Cases by the key of their id, and an agenda of the times at which they have to be looked at."""

    def get(self, key: str) -> Cases | None:
        """The cases of an id, if there are any; what is changed of them must be put back."""

    def put(self, key: str, cases: Cases) -> None:
        """Keep the cases of an id."""

    def forget(self, key: str) -> None:
        """Keep them no longer."""

    def of_subject(self, subject: str) -> list[str]:
        """The keys of a card's or an account's cases."""

    def schedule(self, due: float, key: str) -> None:
        """Have `next_due` name the cases at `due` (s since 1970)."""

    def unschedule(self, due: float, key: str) -> None:
        """Take an entry off the agenda, if it is there."""

    def next_due(self, until: float) -> tuple[float, str] | None:
        """Take the first entry of the agenda, by time, then key, that is due by `until`."""

    def __len__(self) -> int:
        """Count the ids."""


class MemoryPendingStore:
    """Cases in a dictionary, their agenda in a heap."""

    def __init__(self) -> None:
        self._cases: dict[str, Cases] = {}
        self._agenda: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._cases)

    def get(self, key: str) -> Cases | None:
        """The cases of an id, if there are any."""
        return self._cases.get(key)

    def put(self, key: str, cases: Cases) -> None:
        """Keep the cases of an id."""
        self._cases[key] = cases

    def forget(self, key: str) -> None:
        """Keep them no longer."""
        self._cases.pop(key, None)

    def of_subject(self, subject: str) -> list[str]:
        """The keys of a card's or an account's cases."""
        return [key for key in self._cases if key.startswith(case_key(subject, ""))]

    def schedule(self, due: float, key: str) -> None:
        """Have `next_due` name the cases at `due`."""
        heappush(self._agenda, (due, key))

    def unschedule(self, due: float, key: str) -> None:
        """Take an entry off the agenda, if it is there."""
        self._agenda = [entry for entry in self._agenda if entry != (due, key)]
        heapify(self._agenda)

    def next_due(self, until: float) -> tuple[float, str] | None:
        """Take the first entry of the agenda that is due."""
        if self._agenda and self._agenda[0][0] <= until:
            return heappop(self._agenda)
        return None
