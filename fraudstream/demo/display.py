"""Where a demo shows itself: a live screen on a terminal, else a plain line every few seconds."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

from rich.live import Live
from rich.text import Text

from fraudstream.demo.plain import alert_line, learning_line, line
from fraudstream.demo.screen import screen

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console

    from fraudstream.demo.figures import Figures

_LINE_SECONDS = 5.0


class Display(Protocol):
    """Shows figures as they come."""

    def show(self, figures: Figures, phase: str) -> None:
        """Show the newest figures; `phase` says what the demo is doing."""

    def running(self) -> AbstractContextManager[object]:
        """The time in which figures are shown."""


def display_on(console: Console) -> Display:
    """The display that suits where the console writes to."""
    is_screen = console.is_terminal and not console.is_dumb_terminal
    return LiveDisplay(console) if is_screen else PlainDisplay(console)


def say(console: Console, sentence: str) -> None:
    """Write one sentence; without a terminal it stays on one line, however long."""
    console.print(Text(sentence), soft_wrap=not console.is_terminal)


class LiveDisplay:
    """Draws the whole screen anew at each `show`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False)

    def show(self, figures: Figures, phase: str) -> None:
        """Draw the figures."""
        self._live.update(screen(figures, phase, self._console.size.height), refresh=True)

    def running(self) -> AbstractContextManager[object]:
        """The time in which the terminal's cursor is hidden."""
        return self._live


class PlainDisplay:
    """Writes a line of figures, one of learning and the newest alert, every five seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.monotonic()
        self._next = self._start + _LINE_SECONDS
        self._newest: str | None = None

    def running(self) -> AbstractContextManager[object]:
        """Nothing to prepare."""
        return nullcontext()

    def show(self, figures: Figures, phase: str) -> None:
        """Write a line when the last one is old enough; the phase needs no words here."""
        del phase
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _LINE_SECONDS
        say(self._console, line(figures, now - self._start))
        say(self._console, learning_line(figures))
        if figures.latest_alerts and figures.latest_alerts[0].alert_id != self._newest:
            self._newest = figures.latest_alerts[0].alert_id
            say(self._console, alert_line(figures.latest_alerts[0]))
