"""`fraudstream control`: what every scorer is told while it runs: decision policy, exchange rates, model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer

from fraudstream.cli.output import AsJson, say

if TYPE_CHECKING:
    from fraudstream.settings import Settings
    from schemas.control import Control

app = typer.Typer(help="Tell every scorer how to decide, and see what it was told.", no_args_is_help=True)
policy = typer.Typer(help="Choose the decision policy of every scorer.", no_args_is_help=True)
app.add_typer(policy, name="policy")

Remark = Annotated[str | None, typer.Option("--remark", help="Why; kept with the control.")]
Score = Annotated[float, typer.Option(min=0, max=1)]


@app.command()
def show(*, as_json: AsJson = False) -> None:
    """The controls in force, and on standard error the records that scorers refuse."""
    from fraudstream.admin.models import read_controls  # noqa: PLC0415 - see the package's docstring

    found = read_controls(_settings())
    for control in found.controls.in_force.values():
        if as_json:
            typer.echo(control.to_json())
        else:
            _describe(control)
    if not found.controls.in_force:
        say("No control is in force: each scorer's settings hold, and the newest model scores.")
    for refused in found.refused:
        say(f"Scorers refuse the record at offset {refused.offset}: {refused.reason}.")


@policy.command("fixed-threshold")
def fixed_threshold(review: Score, decline: Score, *, remark: Remark = None) -> None:
    """Review from one score on, decline from another."""
    from fraudstream.admin.models.controls import fixed_threshold as choose  # noqa: PLC0415

    _issue(choose(review, decline, issued_at=datetime.now(UTC), remark=remark))


@policy.command("alert-budget")
def alert_budget(
    alerts_per_10000: Annotated[float, typer.Option(min=0, max=10_000)],
    floor: Score = 0.0,
    ceiling: Score = 1.0,
    decline: Score = 0.9,
    *,
    remark: Remark = None,
) -> None:
    """Review the highest scores, so many among 10,000 transactions."""
    from fraudstream.admin.models.controls import budget  # noqa: PLC0415 - see the package's docstring

    now = datetime.now(UTC)
    bounds = {"floor": floor, "ceiling": ceiling, "decline": decline}
    _issue(budget(alerts_per_10000, **bounds, issued_at=now, remark=remark))


@app.command()
def rates(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON or CSV, see docs/kafka.md.")
    ],
    *,
    remark: Remark = None,
) -> None:
    """Convert amounts that are not in the currency of their account by the rates of a file."""
    from fraudstream.admin.models.rates import exchange_rates  # noqa: PLC0415 - see the package's docstring

    _issue(exchange_rates(file.read_bytes(), issued_at=datetime.now(UTC), remark=remark))


@app.command()
def clear(*, remark: Remark = None) -> None:
    """Let each scorer decide as its own settings say."""
    from fraudstream.admin.models.controls import configured  # noqa: PLC0415 - see the package's docstring

    _issue(configured(issued_at=datetime.now(UTC), remark=remark))


def _settings() -> Settings:
    from fraudstream.settings import load_settings  # noqa: PLC0415 - see the package's docstring

    return load_settings()


def _issue(control: Control) -> None:
    from fraudstream.admin.models import issue  # noqa: PLC0415 - see the package's docstring

    _describe(issue(_settings(), control))
    say("Every scorer that has the signing key follows within a second.")


def _describe(control: Control) -> None:
    for name, value in control.model_dump(mode="json", exclude_none=True).items():
        if name not in {"control", "schema_version"}:
            typer.echo(f"{control.control}.{name}: {value}")
