"""How far event time has come, for whoever joins scores with their labels.

The clock is the lesser of the newest score's and the newest label's time, so that neither runs ahead of the
other when both are read quickly. Labels are rare, though: where none comes, the clock follows the scores at a
distance of some seconds of the reader's own time, which is as long as a label may take longer on its way.
"""

from __future__ import annotations

from collections import deque

from models.decay import NEVER


class Watermark:
    """The event-time clock of one partition; it never goes back.

    Args:
        grace: seconds of the reader's time by which a label may come after the scores of its time.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._scores = self._labels = self._clock = NEVER
        self._past: deque[tuple[float, float]] = deque()

    def saw_score(self, event_time: float) -> None:
        """A score of this event time (s since 1970) came."""
        self._scores = max(self._scores, event_time)

    def saw_label(self, label_time: float) -> None:
        """A label of this time (s since 1970) came."""
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
