"""A worker that makes no progress although there is work leaves the process; it never hangs silently.

A thread of its own, because what it guards against includes an event loop that is stuck.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.runtime.progress import Progress

EXIT_STALLED = 75
"""Exit status of a worker that stalled: EX_TEMPFAIL of sysexits.h, start it again."""


def leave(sentence: str, status: int) -> None:
    """Say why and end the process at once, past an event loop that may never run again."""
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()
    os._exit(status)


class Watchdog(threading.Thread):
    """Looks at the progress every second and calls `leave` once a stage has stalled for `limit` seconds."""

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
