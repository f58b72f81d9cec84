"""`fraudstream schema`: the contracts of the topics, for the teams that write and read them."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import Annotated

import typer

from fraudstream.cli.output import say

app = typer.Typer(help="Export the contracts of the topics.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Export the contracts of the topics."""


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Made when missing; files of the same name are replaced.")],
) -> None:
    """Write the JSON Schema of every message and the AsyncAPI 3 document into FOLDER."""
    from schemas.export.documents import files  # noqa: PLC0415 - see the package's docstring

    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
        typer.echo(folder / name)
    say(f"{len(files())} files written.")
