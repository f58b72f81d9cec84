"""Times without a score: of all partitions together, and of each."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Payment(NamedTuple):
    """A transaction: its partition, when it was due and when it was scored, both in s since 1970."""

    partition: int
    due: float
    scored: float


class Pause(NamedTuple):
    """Milliseconds: fields of `PauseRun`."""

    gap_ms: float
    partition_gap_ms: float
    delay_ms: float
    delay_p50_ms: float


def pause(payments: Sequence[Payment], since: float, until: float) -> Pause:
    """The longest gaps between scores from `since` to `until`, and the delays of what was due then."""
    partitions = {each.partition for each in payments}
    delays = [each.scored - each.due for each in payments if since <= each.due <= until]
    seconds = Pause(
        gap_ms=longest_gap((each.scored for each in payments), since, until),
        partition_gap_ms=max(
            longest_gap((each.scored for each in payments if each.partition == partition), since, until)
            for partition in partitions
        ),
        delay_ms=max(delays),
        delay_p50_ms=median(delays),
    )
    return Pause(*(1e3 * each for each in seconds))


def longest_gap(times: Iterable[float], since: float, until: float) -> float:
    """The longest part of the time from `since` to `until` that holds none of the times.

    >>> longest_gap([1.0, 4.0, 5.0, 99.0], since=2.0, until=8.0)
    3.0
    """
    edges = sorted([since, until, *(each for each in times if since < each < until)])
    return max(after - before for before, after in pairwise(edges))
