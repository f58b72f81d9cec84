"""What of the frauds was caught, day by day of the bank's time. Pure.

A transaction counts on its own day, whenever its score or alert is read. The truth is the simulator's, not
what labels say: of some frauds nobody ever hears.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY: Final = 86_400.0
WEEK_DAYS: Final = 7


class Catch(NamedTuple):
    """Counts of some time.

    Attributes:
        transactions: scored.
        frauds: among these.
        alerts: raised on these.
        caught: frauds among the alerts.
    """

    transactions: int = 0
    frauds: int = 0
    alerts: int = 0
    caught: int = 0

    @property
    def caught_share(self) -> float:
        """Share of the frauds that were alerted, at most 1: an alert may be read before its score."""
        return min(1.0, self.caught / self.frauds) if self.frauds else 0.0

    @property
    def right_share(self) -> float:
        """Share of the alerts that are frauds: their precision."""
        return self.caught / self.alerts if self.alerts else 0.0

    @property
    def alerts_per_10000(self) -> float:
        """Alerts in 10,000 transactions."""
        return 10_000 * self.alerts / self.transactions if self.transactions else 0.0


@dataclass(frozen=True, slots=True)
class Catches:
    """How well frauds were caught so far.

    Attributes:
        days: of each day, the catch of the seven days that end with it, or of the fewer that there are.
        weeks: of each whole week, the last day, which may go on, not counted.
    """

    days: tuple[Catch, ...]
    weeks: tuple[Catch, ...]

    @property
    def now(self) -> Catch:
        """Of the last seven days."""
        return self.days[-1] if self.days else Catch()


class CatchesByDay:
    """Counts transactions and alerts by their days, from the first transaction's on."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._days: list[Catch] = []

    def scored(self, time: float, *, fraud: bool) -> None:
        """A transaction of that time (s since the epoch) has its score."""
        self._add(time, Catch(transactions=1, frauds=int(fraud)))

    def alerted(self, time: float, *, fraud: bool) -> None:
        """A transaction of that time (s since the epoch) has its alert."""
        self._add(time, Catch(alerts=1, caught=int(fraud)))

    def catches(self) -> Catches:
        """The counts so far."""
        ends = range(1, len(self._days) + 1)
        whole_weeks = max(0, len(self._days) - 1) // WEEK_DAYS
        return Catches(
            days=tuple(total(self._days[max(0, end - WEEK_DAYS) : end]) for end in ends),
            weeks=tuple(
                total(self._days[week * WEEK_DAYS : (week + 1) * WEEK_DAYS]) for week in range(whole_weeks)
            ),
        )

    def _add(self, time: float, catch: Catch) -> None:
        day = int(time // DAY)
        if self._first is None:
            self._first = day
        number = max(
            0, day - self._first
        )  # partitions are read apart: a day may begin with its second record
        self._days += [Catch()] * (number + 1 - len(self._days))
        self._days[number] = total((self._days[number], catch))


def total(catches: Iterable[Catch]) -> Catch:
    """The sum of counts."""
    return Catch(*map(sum, zip(Catch(), *catches, strict=True)))
