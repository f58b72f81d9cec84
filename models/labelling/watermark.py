"""How far event time has come, for whoever joins scores with their labels.

The clock is the lesser of the newest score's and the newest label's time, so that neither runs ahead of the
other when both are read quickly. Labels are rare, though: where none comes, the clock follows the scores at a
distance of some seconds of the reader's own time, which is as long as a label may take longer on its way.

It never runs ahead of the wall clock: event times are what senders say, and one of the year 2099 would else
mature all that waits.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from models.decay import NEVER

SKEW: Final = 300.0
"""Seconds by which event time may be ahead of the wall clock, as clocks of senders and workers differ."""


class Watermark:
    """The event-time clock of one partition; it never goes back.

    Args:
        grace: seconds of the reader's time by which a label may come after the scores of its time.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._scores = self._labels = self._clock = NEVER
        self._past: deque[tuple[float, float]] = deque()

    def saw_score(self, event_time: float, wall: float) -> None:
        """Note that a score of this event time came at `wall` (both s since 1970)."""
        self._scores = max(self._scores, min(event_time, wall + SKEW))

    def saw_label(self, label_time: float, wall: float) -> None:
        """Note that a label of this time came at `wall` (both s since 1970).

        One that is dated ahead says nothing of the labels before it: the clock must go on waiting for them.
        """
        if label_time <= wall + SKEW:
            self._labels = max(self._labels, label_time)

    def clock(self, now: float) -> float:
        """The event time up to which everything has come, at `now`, in seconds of the reader's own time."""
        self._past.append((now, self._scores))
        while len(self._past) > 1 and self._past[1][0] <= now - self._grace:
            self._past.popleft()
        read_at, scores_then = self._past[0]
        followed = scores_then if read_at <= now - self._grace else NEVER
        self._clock = max(self._clock, min(self._scores, self._labels), followed)
        return self._clock
