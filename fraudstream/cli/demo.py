"""`fraudstream demo`: a real Kafka and a simulated bank, and workers that learn while it is watched."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from fraudstream.cli.output import say
from fraudstream.demo.options import DemoOptions, Mode

_INTERRUPTED = 130


def demo(
    *,
    seconds: Annotated[float, typer.Option(min=1, help="How long transactions are sent.")] = 100,
    rate: Annotated[float, typer.Option(min=1, help="Transactions a second.")] = 700,
    workers: Annotated[
        int, typer.Option(min=1, max=8, help="Worker processes that score; one more learns.")
    ] = 2,
    mode: Annotated[Mode, typer.Option(help="How the workers deliver.")] = Mode.EXACTLY_ONCE,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave Kafka and workers running until Ctrl-C.")
    ] = False,
) -> None:
    """Start a real Kafka and workers, stream a simulated bank through them, and watch.

    Ends by itself, with exit status 0 when everything that was sent is accounted for. Settings of the service
    in the environment are not used.
    """
    from rich.console import Console  # noqa: PLC0415 - see the package's docstring

    from fraudstream.demo.run import run  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's stop is a Ctrl-C
    try:
        run(DemoOptions(seconds, rate, workers, mode, keep), Console(highlight=False))
    except KeyboardInterrupt:
        say("The demo was ended; nothing of it is left running.")
        raise typer.Exit(_INTERRUPTED) from None
