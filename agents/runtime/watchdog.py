"""Watches whether a worker moves: one that makes no progress although there is work leaves the process.

For each stage and partition it is known when it last moved, and since when it has had work.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_STALLED = 75
"""Exit status of a worker that stalled: EX_TEMPFAIL of sysexits.h, start it again."""


def leave(sentence: str, status: int) -> None:
    """Say why and end the process at once, past an event loop that may never run again."""
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()
    os._exit(status)


class Stage(StrEnum):
    """A part of delivery that must move while it has work, in words that complete "no progress in ..."."""

    POLLING = "reading from Kafka"
    PROCESSING = "processing records"
    COMMITTING = "committing finished work"


def reading(topic: str, partition: int) -> str:
    """Name a partition as a stage of its own: one that stands is not made up for by others that move."""
    return f"reading partition {partition} of {topic}"


class Progress:
    """The clocks of every stage; written by several threads, read by the watchdog."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting_since: dict[str, float | None] = dict.fromkeys(Stage)

    def moved(self, stage: str, *, more: bool) -> None:
        """Note that a stage got something done, and whether it has more to do."""
        self._waiting_since[stage] = self._clock() if more else None

    def has_work(self, stage: str) -> None:
        """Note that a stage has something to do."""
        if self._waiting_since.get(stage) is None:
            self._waiting_since[stage] = self._clock()

    def forget(self, stage: str) -> None:
        """Let a stage go that is this worker's no more."""
        self._waiting_since.pop(stage, None)

    def goes_on(self) -> None:
        """Note that whatever has work is at something that must come first, and gets on with that."""
        for stage, since in [*self._waiting_since.items()]:
            if since is not None and stage not in {Stage.POLLING, Stage.COMMITTING}:
                self._waiting_since[stage] = self._clock()

    def waited(self, stage: str) -> float:
        """Give the seconds for which a stage with work has not moved; 0 without work."""
        since = self._waiting_since.get(stage)
        return 0.0 if since is None else max(0.0, self._clock() - since)

    def age(self) -> float:
        """Give the longest time in seconds for which a stage with work has not moved; 0 without work."""
        since = [when for when in [*self._waiting_since.values()] if when is not None]
        return max(0.0, self._clock() - min(since)) if since else 0.0

    def stalled(self, limit: float) -> str | None:
        """Name a stage that has had work but has not moved for `limit` seconds."""
        now = self._clock()
        return next(
            (
                stage
                for stage, since in [*self._waiting_since.items()]
                if since is not None and now - since > limit
            ),
            None,
        )


class Watchdog(threading.Thread):
    """Looks at the progress every second and calls `leave` once a stage has stalled for `limit` seconds.

    A thread of its own, because what it guards against includes an event loop that is stuck.
    """

    def __init__(
        self,
        progress: Progress,
        limit: float,
        *,
        leave: Callable[[str, int], None] = leave,
        interval: float = 1.0,
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._progress = progress
        self._limit = limit
        self._leave = leave
        self._interval = interval
        self._ended = threading.Event()

    def run(self) -> None:
        """Watch until `end` is called or a stage stalls."""
        while not self._ended.wait(self._interval):
            stage = self._progress.stalled(self._limit)
            if stage is not None:
                self._leave(
                    f"fraudstream: no progress in {stage} for {self._limit:.0f} s although there is work; "
                    "leaving so that a restart can take over",
                    EXIT_STALLED,
                )
                return

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()
