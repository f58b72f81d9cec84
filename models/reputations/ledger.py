"""The folding side of reputations: outcomes in, decayed sums out.

Each key's events are folded one by one in their order, so the sums are the same to the last bit however the
events were cut into messages.
"""

from __future__ import annotations

import math
import struct
from itertools import chain, islice
from typing import TYPE_CHECKING, ClassVar, Final

from models.decay import DAY, NEVER
from models.labelling.pending import moment
from schemas.reputation import EARLY_DAYS, MATURED_DAYS, Reputation, split_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from schemas.outcome import OutcomeEvent

_MATURED_RATES: Final = tuple(1.0 / (days * DAY) for days in MATURED_DAYS)
_EARLY_RATES: Final = tuple(1.0 / (days * DAY) for days in EARLY_DAYS)
_SUMS: Final = 2 * len(MATURED_DAYS) + 4 * len(EARLY_DAYS)
_TIMES: Final = 7
_LAST: Final = 1e12
"""No outcome is of a later time (s since 1970)."""
_MOST: Final = 1e30
_PACKED: Final = struct.Struct(f"<{_TIMES + _SUMS}d")
PACKED_BYTES: Final = _PACKED.size
"""Size of the sums of a key as `ReputationLedger.pack` gives them."""


_TIME_NAMES: Final = (
    *("time", "last_fraud", "last_genuine", "last_unexplained"),
    *("last_early", "last_early_unexplained", "last_early_genuine"),
)
_LONG: Final = ("matured", "frauds")
_SHORT: Final = ("early", "unexplained", "early_unexplained", "early_genuine")


class UnknownReputationError(ValueError):
    """A packed reputation has a size that this version cannot read."""

    is_for_people: ClassVar = True


class ReputationLedger:
    """The reputations of one partition of keys: decayed sums of transactions, frauds and early frauds."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._dirty: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def fold(self, key: str, events: Sequence[OutcomeEvent]) -> None:
        """Add events to the reputation of `key`, `kind:id`."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry()
        for event in events:
            entry.add(event)
        self._dirty[key] = None

    def reputation(self, key: str) -> Reputation:
        """The reputation of a key.

        Raises:
            KeyError: there is none.
        """
        return self._entries[key].reputation(*split_key(key))

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def forget(self, key: str) -> None:
        """Drop the sums of a key, if there are any."""
        self._entries.pop(key, None)
        self._dirty.pop(key, None)

    def take_dirty(self) -> list[str]:
        """Keys that changed since the last call, in the order of their first change."""
        dirty = list(self._dirty)
        self._dirty.clear()
        return dirty

    def pack(self, key: str) -> bytes:
        """The sums of a key as bytes.

        Raises:
            KeyError: there are none.
        """
        return self._entries[key].pack()

    def unpack(self, key: str, payload: bytes) -> None:
        """Set the sums of a key from what `pack` gave.

        Raises:
            UnknownReputationError: the payload has another layout.
            ValueError: it has a number that no outcomes can give.
        """
        if len(payload) != _PACKED.size:
            raise UnknownReputationError(f"a reputation of {len(payload)} bytes cannot be read")
        if not _is_possible(_PACKED.unpack(payload)):
            raise ValueError("a packed reputation holds numbers that no outcomes can give")
        self._entries[key] = _Entry(payload)


def _is_possible(values: Sequence[float]) -> bool:
    """Whether times and sums may have come of outcomes; no comparison holds of a NaN."""
    times, sums = values[:_TIMES], values[_TIMES:]
    return all(time == NEVER or 0.0 <= time < _LAST for time in times) and all(
        abs(each) <= _MOST for each in sums
    )


class _Entry:
    """The sums of one key as of `time`; the other times are those of the newest of each kind."""

    time: float
    last_fraud: float
    last_genuine: float
    last_unexplained: float
    last_early: float
    last_early_unexplained: float
    last_early_genuine: float
    matured: list[float]
    frauds: list[float]
    early: list[float]
    unexplained: list[float]
    early_unexplained: list[float]
    early_genuine: list[float]
    __slots__ = (*_TIME_NAMES, *_LONG, *_SHORT)

    def __init__(self, payload: bytes | None = None) -> None:
        nothing = (*(NEVER,) * _TIMES, *(0.0,) * _SUMS)
        values = iter(_PACKED.unpack(payload) if payload else nothing)
        for name in _TIME_NAMES:
            setattr(self, name, next(values))
        for name in _LONG:
            setattr(self, name, [*islice(values, len(MATURED_DAYS))])
        for name in _SHORT:
            setattr(self, name, [*islice(values, len(EARLY_DAYS))])

    def pack(self) -> bytes:
        times = (getattr(self, name) for name in _TIME_NAMES)
        sums = chain.from_iterable(getattr(self, name) for name in (*_LONG, *_SHORT))
        return _PACKED.pack(*times, *sums)

    def add(self, event: OutcomeEvent) -> None:
        """Bring the sums to the event's time, or the event to theirs, and add."""
        age = event.time - self.time
        if age > 0.0:
            self._fade(age)
            self.time, age = event.time, 0.0
        if event.matured:
            self.matured = _added(self.matured, event.matured, age, _MATURED_RATES)
        if event.frauds:
            self.frauds = _added(self.frauds, event.frauds, age, _MATURED_RATES)
        if event.early_frauds:
            self.early = _added(self.early, event.early_frauds, age, _EARLY_RATES)
        if event.unexplained_frauds:
            self.unexplained = _added(self.unexplained, event.unexplained_frauds, age, _EARLY_RATES)
        if event.early_unexplained:
            self.early_unexplained = _added(
                self.early_unexplained, event.early_unexplained, age, _EARLY_RATES
            )
        if event.early_genuine:
            self.early_genuine = _added(self.early_genuine, event.early_genuine, age, _EARLY_RATES)
        self._note_newest(event)

    def _fade(self, age: float) -> None:
        """Fade the sums; most keys never had a fraud, and nothing fades to nothing."""
        self.matured = _faded(self.matured, age, _MATURED_RATES)
        if any(self.frauds):
            self.frauds = _faded(self.frauds, age, _MATURED_RATES)
        for name in _SHORT:
            if any(sums := getattr(self, name)):
                setattr(self, name, _faded(sums, age, _EARLY_RATES))

    def _note_newest(self, event: OutcomeEvent) -> None:
        """Note when the newest of each kind happened; a correction changes no such time."""
        happened = event.happened
        if event.frauds > 0:
            self.last_fraud = max(self.last_fraud, happened)
        elif event.matured:
            self.last_genuine = max(self.last_genuine, happened)
        if event.unexplained_frauds > 0:
            self.last_unexplained = max(self.last_unexplained, happened)
        if event.early_frauds > 0:
            self.last_early = max(self.last_early, happened)
        if event.early_unexplained > 0:
            self.last_early_unexplained = max(self.last_early_unexplained, happened)
        if event.early_genuine > 0:
            self.last_early_genuine = max(self.last_early_genuine, happened)

    def reputation(self, kind: str, name: str) -> Reputation:
        """What is published of the sums; a correction may leave less than nothing by a hair.

        Not validated again: that would take most of the time, and all of it was computed here.
        """
        return Reputation.model_construct(
            kind=kind,
            id=name,
            as_of=moment(self.time),
            matured=_published(self.matured),
            matured_frauds=_published(self.frauds),
            early_frauds=_published(self.early),
            unexplained_frauds=_published(self.unexplained),
            early_unexplained=_published(self.early_unexplained),
            early_genuine=_published(self.early_genuine),
            last_matured_fraud=_moment_or_none(self.last_fraud),
            last_matured_genuine=_moment_or_none(self.last_genuine),
            last_unexplained_fraud=_moment_or_none(self.last_unexplained),
            last_early_fraud=_moment_or_none(self.last_early),
            last_early_unexplained=_moment_or_none(self.last_early_unexplained),
            last_early_genuine=_moment_or_none(self.last_early_genuine),
        )


def _added(sums: list[float], amount: int, age: float, rates: tuple[float, ...]) -> list[float]:
    """Sums with an amount that is late by a negative age."""
    if age == 0.0:
        return [value + amount for value in sums]
    return [value + amount * math.exp(age * rate) for value, rate in zip(sums, rates, strict=True)]


def _faded(sums: list[float], age: float, rates: tuple[float, ...]) -> list[float]:
    return [value * math.exp(-age * rate) for value, rate in zip(sums, rates, strict=True)]


def _published(sums: list[float]) -> tuple[float, ...]:
    return tuple(max(value, 0.0) for value in sums)


def _moment_or_none(time: float) -> datetime | None:
    return None if time == NEVER else moment(time)
