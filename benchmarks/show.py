"""Shows a report on a terminal, and writes it as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.report import machine_lines, tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.report import Table
    from benchmarks.results import Results

_WIDTH = 160
"""Characters of the widest table, for a pipe, which has no width of its own."""


def show(results: Results) -> None:
    """Print a run's tables."""
    show_tables(machine_lines(results), tables(results))


def show_tables(lines: Iterable[str], found: Iterable[Table]) -> None:
    """Print lines and tables; through a pipe as wide as they are."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    console.print(*lines, sep="\n")
    for table in found:
        console.print(f"\n[bold]{table.title}[/bold]")
        console.print(_rich(table))
        console.print(*table.sentences, sep="\n")


def markdown(results: Results, raw: str) -> str:
    """The report of a run as Markdown; `raw` names the file with the figures of every run."""
    return markdown_tables("Benchmark results", raw, machine_lines(results), tables(results))


def markdown_tables(title: str, raw: str, lines: Iterable[str], found: Iterable[Table]) -> str:
    """Lines and tables as Markdown."""
    head = [f"# {title}", "", *(f"* {line}" for line in lines)]
    head += [f"* Every run: [{raw}]({raw}). Where there are several rounds, tables show their medians.", ""]
    return "\n".join([*head, *("\n".join(_markdown(table)) for table in found)])


def _rich(table: Table) -> RichTable:
    shown = RichTable()
    for number, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if number else "left")
    for row in table.rows:
        shown.add_row(*row)
    return shown


def _markdown(table: Table) -> list[str]:
    lines = [f"## {table.title}", "", _line(table.columns)]
    lines += [_line(["---", *["---:"] * (len(table.columns) - 1)]), *(_line(row) for row in table.rows), ""]
    return [*lines, *(f"* {sentence}" for sentence in table.sentences), *([""] if table.sentences else [])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
