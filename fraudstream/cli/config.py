"""`fraudstream config`: the settings as the service reads them."""

from __future__ import annotations

from typing import Any

import orjson
import typer

from fraudstream.cli.output import AsJson, emit, say

app = typer.Typer(help="Show and check the settings.", no_args_is_help=True)


@app.command("show")
def show_settings(*, as_json: AsJson = False) -> None:
    """Every setting with its meaning, as lines of an environment file; secrets are masked."""
    from fraudstream.settings import load_settings  # noqa: PLC0415 - see the package's docstring
    from fraudstream.settings.tree import leaves, variable  # noqa: PLC0415

    values = load_settings().model_dump(mode="json")
    if as_json:
        emit(values)
        return
    for section, name, field in leaves():
        typer.echo(f"# {field.description}")
        typer.echo(f"{variable((section, name))}={_as_written(values[section][name])}")


@app.command()
def check() -> None:
    """Read the settings, and let librdkafka judge its own; a wrong one is named, with exit status 2 or 1."""
    from fraudstream.settings import load_settings  # noqa: PLC0415
    from fraudstream.worker.preflight import expect_client  # noqa: PLC0415 - see the package's docstring

    expect_client(load_settings().kafka)
    say("The settings are right.")


def _as_written(value: Any) -> str:
    """A value in the form in which the environment gives it."""
    if value is None or value == {}:
        return ""
    if isinstance(value, list):
        return ",".join(value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()
