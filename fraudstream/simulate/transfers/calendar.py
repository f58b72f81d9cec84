"""When people and banks act: hours of the day, working days, paydays. Times are UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

_HOUR = 3_600.0
_HOURS = range(24)
_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How likely each hour of the day is.

    Attributes:
        cumulative: running sums of 24 weights, from midnight on.
    """

    cumulative: tuple[float, ...]

    @classmethod
    def of(cls, *weights: float) -> Rhythm:
        """Return the rhythm of 24 hourly weights."""
        return cls(tuple(accumulate(weights)))

    def draw(self, draws: Random) -> float:
        """Draw a moment, in seconds since midnight."""
        return (draws.choices(_HOURS, cum_weights=self.cumulative)[0] + draws.random()) * _HOUR


WAKING = Rhythm.of(0.4, 0.2, 0.1, 0.1, 0.1, 0.3, 1, 2, 4, 5, 6, 6, 7, 6, 5, 5, 6, 7, 8, 8, 7, 5, 3, 1)
OFFICE = Rhythm.of(*[0] * 7, 1, 4, 7, 8, 7, 4, 5, 7, 7, 6, 3, 1, *[0] * 5)
NIGHT = Rhythm.of(5, 6, 6, 5, 4, 3, 1, *[0] * 14, 1, 2, 4)
BANK_RUN = Rhythm.of(*[0] * 2, 5, 3, 1, *[0] * 19)
"""The hours in which standing orders and payrolls are booked."""


def midnight(day: date) -> float:
    """Return the start of a day, in seconds since the epoch."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def is_working_day(day: date) -> bool:
    """Tell whether banks settle on this day; holidays are not simulated."""
    return day.weekday() < _SATURDAY


def due_days(day: date) -> frozenset[int]:
    """Return the days of the month whose standing orders are booked today, none on a weekend.

    >>> sorted(due_days(date(2026, 11, 23)))  # a Monday does the weekend's too
    [21, 22, 23]
    """
    if not is_working_day(day):
        return frozenset()
    weekend = takewhile(lambda earlier: not is_working_day(earlier), _days_before(day))
    return frozenset({day.day, *(earlier.day for earlier in weekend)})


def is_payday(day: date) -> bool:
    """Tell whether this is the last working day of its month.

    >>> is_payday(date(2026, 10, 30)), is_payday(date(2026, 10, 29))
    (True, False)
    """
    ahead = 3 if day.weekday() == _SATURDAY - 1 else 1
    return is_working_day(day) and (day + timedelta(days=ahead)).month != day.month


def days_since_payday(day: date) -> int:
    """Return how many days ago the last payday was, 0 on the day itself."""
    return sum(1 for _ in takewhile(lambda earlier: not is_payday(earlier), (day, *_month_before(day))))


def spending(day: date) -> float:
    """Return by what factor households spend more than usual: more after payday and on Fridays."""
    weekly = (1.0, 0.95, 1.0, 1.05, 1.2, 0.95, 0.7)[day.weekday()]
    return weekly * (1.35 if days_since_payday(day) <= 5 else 0.95)  # noqa: PLR2004 - the first days of plenty


def _days_before(day: date) -> Iterator[date]:
    while True:
        day -= _ONE_DAY
        yield day


def _month_before(day: date) -> Iterator[date]:
    for _, earlier in zip(range(31), _days_before(day), strict=False):
        yield earlier
