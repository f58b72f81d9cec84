"""The profiles of one partition's subjects: a dictionary of tokens over a matrix of packed rows.

A micro-batch is folded with a few numpy calls for all its subjects together, of whichever partitions they
are. When a subject comes several times in a batch, its events are folded in rounds, so that each sees the one
before it: a batch of n gives exactly what n batches of one give.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from models.profiles.fold import VIEW, fold_rows, repeated
from models.profiles.layout import ROW, WORDS, empty_row, unpack_row
from models.rates import NO_RATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from models.arrays import Floats, Hashes, Integers, Records
    from models.batch import EventBatch
    from models.rates import Rates

T = TypeVar("T")

FIRST_ROWS: Final = 64
"""Rows that a new store has room for; while it is small it doubles when they are used up."""
MOST_NEW_ROWS: Final = 16_384
"""Rows that are added at once, at most: 13 MB, which the system clears in some milliseconds."""


class AdmissionResult(IntEnum):
    """Whether an event was folded."""

    FRESH = 0
    """Folded."""
    REPEAT = 1
    """Not folded: it is among the subject's recent transactions, with the same id and content."""
    REPLAY = 2
    """Not folded: the profile already holds this offset or a later one of the same log."""


@dataclass(frozen=True, slots=True)
class ProfileView:
    """What a batch's events saw, aligned with the batch: ``columns`` [n] of dtype ``VIEW``, ``status`` [n].

    Columns of events that are not fresh are zero.
    """

    columns: Records
    status: NDArray[np.uint8]

    def take(self, positions: Integers) -> ProfileView:
        """The view of only these positions, in their order."""
        return ProfileView(self.columns.take(positions), self.status.take(positions))

    def put(self, positions: Integers, part: ProfileView) -> None:
        """Set the views of these positions."""
        self._numbers[positions] = part._numbers
        self.status[positions] = part.status

    @property
    def _numbers(self) -> Floats:
        """The columns as a plain matrix, which numpy indexes many times faster."""
        return self.columns.view(np.float64).reshape(len(self.columns), -1)


class ProfileStore:
    """The profiles of one partition, 1096 bytes each (plus the dictionary's token)."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._words = np.zeros((FIRST_ROWS, WORDS), dtype=np.uint64)
        self._dirty: dict[str, None] = {}
        self._empty = empty_row().view(np.uint64)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, subject: str) -> bool:
        return subject in self._rows

    def fold(self, batch: EventBatch) -> ProfileView:
        """Fold the events into their subjects' profiles; the view has each event as of itself."""
        return fold(batch, [self] * len(batch))

    def pack(self, subject: str) -> bytes:
        """The profile as bytes.

        Raises:
            KeyError: the subject has no profile.
        """
        packed: bytes = self._words[self._rows[subject]].tobytes()
        return packed

    def unpack(self, subject: str, payload: bytes) -> None:
        """Set the profile from what ``pack`` gave.

        Raises:
            UnknownLayoutError: another layout packed it, or it is no profile.
        """
        words = unpack_row(payload)
        row = self._row_of(subject)  # may make room, so first
        self._words[row] = words

    def forget(self, subject: str) -> None:
        """Drop the profile, if there is one; nothing of it stays in memory."""
        row = self._rows.pop(subject, None)
        self._dirty.pop(subject, None)
        if row is not None:
            self._words[row] = self._empty
            self._free.append(row)

    def take_dirty(self) -> list[str]:
        """Subjects whose profile changed since the last call, in the order of their first change."""
        dirty = list(self._dirty)
        self._dirty.clear()
        return dirty

    def gather(self, subjects: Sequence[str], words: Hashes) -> list[int]:
        """Copy the subjects' rows, new ones where there are none, to ``words`` [n, WORDS]; return places."""
        places = [self._row_of(subject) for subject in subjects]
        self._words.take(places, axis=0, out=words, mode="clip")  # the mode that needs no copy in between
        return places

    def scatter(self, subjects: Sequence[str], places: Sequence[int], words: Hashes) -> None:
        """Put rows of different subjects back where they were gathered from."""
        self._words[places] = words
        self._dirty.update(dict.fromkeys(subjects))

    def _row_of(self, subject: str) -> int:
        """The subject's row, made if it is new."""
        row = self._rows.get(subject)
        if row is None:
            row = self._free.pop() if self._free else len(self._rows)
            if row == len(self._words):
                self._make_room()
            self._words[row] = self._empty
            self._rows[subject] = row
        return row

    def _make_room(self) -> None:
        """Lengthen the matrix where it lies: of a large one the system moves pages, and copies nothing.

        A copy of a million rows would stop the worker for two seconds.
        """
        rows = len(self._words)
        self._words.resize((rows + min(rows, MOST_NEW_ROWS), WORDS), refcheck=False)


def fold(batch: EventBatch, stores: Sequence[ProfileStore], rates: Rates = NO_RATES) -> ProfileView:
    """Fold each event into its subject's profile in its own store; the view has each event as of itself.

    Args:
        batch: events of any partitions, those of one partition in its order.
        stores: the store of each event [n]; the fewer changes from one event to the next, the quicker.
        rates: by which amounts are brought to the currency of their subject's account.
    """
    if len(set(batch.subjects)) == len(batch):
        return _fold_different(batch, stores, rates)
    view = ProfileView(np.empty(len(batch), dtype=VIEW), np.empty(len(batch), dtype=np.uint8))
    for turn in _turns(batch.subjects):
        part = _fold_different(batch.take(turn), [stores[position] for position in turn.tolist()], rates)
        view.put(turn, part)
    return view


def _fold_different(batch: EventBatch, stores: Sequence[ProfileStore], rates: Rates) -> ProfileView:
    """Fold events of different subjects."""
    words = np.empty((len(batch), WORDS), dtype=np.uint64)
    gathered = [(store, run, store.gather(batch.subjects[run], words[run])) for store, run in runs(stores)]
    rows = words.view(ROW).reshape(-1)
    # Offsets of another log say nothing: the topic was made anew, or is another cluster's.
    applied = (batch.offsets <= rows["offset"]) & (batch.logs == rows["log"])
    repeats = repeated(rows, batch)
    if np.count_nonzero(applied | repeats):
        status = np.where(applied, AdmissionResult.REPLAY, repeats).astype(np.uint8)
        return _fold_fresh(batch, stores, rates, status)
    columns = fold_rows(rows, batch, rates)
    for store, run, places in gathered:
        store.scatter(batch.subjects[run], places, words[run])
    return ProfileView(columns, np.zeros(len(batch), dtype=np.uint8))


def _fold_fresh(
    batch: EventBatch, stores: Sequence[ProfileStore], rates: Rates, status: NDArray[np.uint8]
) -> ProfileView:
    """Fold only those of the events that are fresh."""
    view = ProfileView(np.zeros(len(batch), dtype=VIEW), status)
    fresh = np.flatnonzero(status == AdmissionResult.FRESH)
    if len(fresh):
        part = _fold_different(batch.take(fresh), [stores[position] for position in fresh.tolist()], rates)
        view.put(fresh, part)
    return view


def runs(owners: Sequence[T]) -> list[tuple[T, slice]]:
    """Each run of the same owner, with the positions that it covers.

    >>> runs(["a", "a", "b"])
    [('a', slice(0, 2, None)), ('b', slice(2, 3, None))]
    """
    found: list[tuple[T, slice]] = []
    for owner, positions in groupby(range(len(owners)), key=owners.__getitem__):
        first, *rest = positions
        found.append((owner, slice(first, first + len(rest) + 1)))
    return found


def _turns(subjects: Sequence[str]) -> Iterator[Integers]:
    """Positions of the first event of each subject, then of the second, and so on."""
    seen: dict[str, int] = {}
    turns: list[list[int]] = []
    for position, subject in enumerate(subjects):
        turn = seen[subject] = seen.get(subject, -1) + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(position)
    yield from map(np.array, turns)
