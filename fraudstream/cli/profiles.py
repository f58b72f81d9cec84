"""`fraudstream profiles`: what ops do when profiles are lost, or transactions move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fraudstream.cli.output import say

if TYPE_CHECKING:
    from fraudstream.admin.profiles import RebuiltProfiles

app = typer.Typer(help="Keep profiles when their log is lost or changed.", no_args_is_help=True)


@app.callback()
def _only_group() -> None:
    """Keep profiles when their log is lost or changed."""


@app.command()
def rebuild() -> None:
    """Fold the profiles of cards and accounts anew from `transactions`, with every scoring worker stopped."""
    from fraudstream.admin.profiles import rebuild_profiles  # noqa: PLC0415 - see the package's docstring
    from fraudstream.settings import load_settings  # noqa: PLC0415

    rebuild_profiles(load_settings(), _tell)


@app.command()
def repartition() -> None:
    """Move profiles to where their transactions come in, after `transactions` got more partitions."""
    from fraudstream.admin.profile_moves import repartition as move  # noqa: PLC0415
    from fraudstream.settings import load_settings  # noqa: PLC0415

    done = move(load_settings())
    say(
        f"{done.profiles} profiles in {done.partitions} partitions by {done.partitioner}: {done.moved} "
        f"moved, {done.merged} of them joined to a younger profile of the same card or account."
    )


@app.command()
def rebase() -> None:
    """Read `transactions` from its beginning with the profiles as they are: it was cut, or is another's."""
    from fraudstream.admin.profile_moves import rebase as begin_again  # noqa: PLC0415
    from fraudstream.settings import load_settings  # noqa: PLC0415

    for done in begin_again(load_settings()):
        say(f"Partition {done.partition}: from its beginning; the group had committed offset {done.was}.")


def _tell(done: RebuiltProfiles) -> None:
    lost = f"; what stood before offset {done.begins} is forgotten" if done.begins else ""
    say(f"Partition {done.partition}: {done.profiles} profiles as of offset {done.ends}{lost}.")
