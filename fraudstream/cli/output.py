"""The two streams of a command: data for programs and readers, words for the person at the terminal."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, one object a line, for programs.")]


def say(sentence: str) -> None:
    """Words, on standard error."""
    typer.echo(sentence, err=True)


def emit(record: Any) -> None:
    """One JSON object on one line of standard output, at once even into a pipe."""
    typer.echo(orjson.dumps(record))


def show(renderable: RenderableType) -> None:
    """Data for a reader, on standard output."""
    from rich.console import Console  # noqa: PLC0415 - only readers need it

    Console(highlight=False, soft_wrap=True).print(renderable)


@contextmanager
def whole() -> Iterator[None]:
    """Put Ctrl-C off until the block has ended, so that what it writes is written whole.

    A library in the midst of it may also take the interruption for a fault of its own.

    Raises:
        KeyboardInterrupt: at the end, if there was one meanwhile.
    """
    interruptions: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: interruptions.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interruptions:
        raise KeyboardInterrupt
