"""How soon one batch may follow another: what comes in between shares the next one's fixed cost.

A batch of one costs ten times what one more transaction in a batch does. An agent that keeps up would take
each by itself, and spend a core on a rate that a tenth of it can serve. A lone transaction never waits, and
an agent that is behind does not either: its batches take longer than the interval.
"""

from __future__ import annotations

import asyncio


class Pace:
    """Lets one caller go on at most once in each `interval` seconds. Belongs to one event loop."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._clock = asyncio.get_running_loop().time
        self._due = self._clock()

    async def next(self) -> None:
        """Wait until it may go on; others may run meanwhile in any case."""
        await asyncio.sleep(max(0.0, self._due - self._clock()))
        self._due = self._clock() + self._interval
