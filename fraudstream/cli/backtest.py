"""`fraudstream backtest`: score a past event by event, learn from its late labels, and compare."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fraudstream.backtest.protocols import ProtocolName
from fraudstream.cli.output import AsJson, emit, say, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from fraudstream.backtest.processes import ProcessMessage, Told

_INTERRUPTED = 130


def backtest(
    *,
    protocol: Annotated[
        ProtocolName, typer.Option(help="What is scored, and how; `file` needs --data.")
    ] = ProtocolName.HANDBOOK,
    candidate: Annotated[
        list[str] | None, typer.Option(help="Who takes part; may be given again. Default: the usual ones.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of scores, checkpoints and report.")] = Path("backtest"),
    data: Annotated[Path | None, typer.Option(help="CSV or Parquet file of your own.")] = None,
    columns: Annotated[
        str, typer.Option(help="What its columns are: amount=TX_AMOUNT,event_time=TX_DATETIME, ...")
    ] = "",
    delay_days: Annotated[float, typer.Option(min=0.01, help="How late labels are.")] = 7,
    seed: Annotated[int, typer.Option(min=0, help="Each number is another simulated bank.")] = 0,
    customers: Annotated[int | None, typer.Option(min=1, help="The simulated bank's size.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes at once; default: one a core.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score a past event by event, learn from labels as late as they were, and compare candidates.

    Writes report.json and report.html into the folder. What was interrupted goes on when the same command is
    given again, and a candidate that has finished is not run again. See docs/backtest.md.
    """
    from fraudstream.backtest.candidates.table import CANDIDATES, DEFAULT  # noqa: PLC0415 - see the package
    from fraudstream.backtest.plan import choose  # noqa: PLC0415
    from fraudstream.backtest.run import run  # noqa: PLC0415

    names = list(dict.fromkeys(candidate or DEFAULT))
    if unknown := [name for name in names if name not in CANDIDATES]:
        raise typer.BadParameter(f"there is no candidate {unknown[0]}; there are {', '.join(CANDIDATES)}")
    plan = choose(protocol, file=data, columns=columns, delay_days=delay_days, seed=seed, customers=customers)
    try:
        with _progress_bars() as tell:
            report = run(
                plan,
                names,
                out,
                jobs=jobs or min(len(names), os.cpu_count() or 1),
                command=shlex.join(["fraudstream", *sys.argv[1:]]),
                tell=tell,
            )
    except KeyboardInterrupt:
        say("The backtest was interrupted; the same command goes on where it was.")
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        emit(report)
    else:
        show(_table(report))
    say(f"The report is {out / 'report.html'}.")


@contextmanager
def _progress_bars() -> Iterator[Told]:
    """A bar a candidate on standard error, on a terminal only; yields what moves them."""
    from rich import progress  # noqa: PLC0415 - see the package's docstring
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as bars:
        tasks: dict[str, progress.TaskID] = {}

        def tell(message: ProcessMessage) -> None:
            if message.candidate not in tasks:
                tasks[message.candidate] = bars.add_task(message.candidate)
            bars.update(tasks[message.candidate], completed=message.done, total=message.total)
            if message.done == message.total and not console.is_terminal:
                say(f"{message.candidate}: {message.total:,} transactions behind it.")

        yield tell


def _named(candidate: dict[str, Any]) -> str:
    return f"{candidate['name']} ({candidate['note']})" if "note" in candidate else str(candidate["name"])


def _table(report: dict[str, Any]) -> Table:
    """The figures, means over the folds."""
    from rich.table import Table  # noqa: PLC0415 - see the package's docstring

    table = Table("candidate", *report["measures"])
    for each in report["candidates"]:
        table.add_row(_named(each), *(f"{each['mean'][name]:.4f}" for name in report["measures"]))
    return table
