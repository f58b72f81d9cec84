"""`fraudstream profiles`: what ops do when the changelog of the profiles is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fraudstream.cli.output import say

if TYPE_CHECKING:
    from fraudstream.profiles import Rebuilt

app = typer.Typer(help="Make lost profiles anew.", no_args_is_help=True)


@app.callback()
def _only_group() -> None:
    """Make lost profiles anew."""


@app.command()
def rebuild() -> None:
    """Fold the profiles of cards and accounts anew from `transactions`, with every scoring worker stopped."""
    from fraudstream.profiles import rebuild_profiles  # noqa: PLC0415 - see the package's docstring
    from fraudstream.settings import load_settings  # noqa: PLC0415

    rebuild_profiles(load_settings(), _tell)


def _tell(done: Rebuilt) -> None:
    lost = f"; what stood before offset {done.begins} is forgotten" if done.begins else ""
    say(f"Partition {done.partition}: {done.profiles} profiles as of offset {done.ends}{lost}.")
