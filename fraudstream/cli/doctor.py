"""`fraudstream doctor`: what is wrong here, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from fraudstream.cli.output import AsJson, emit


def doctor(*, as_json: AsJson = False) -> None:
    """Look at this machine, Kafka, topics, transactions and workers; exit status 1 when one is ill."""
    from fraudstream.doctor import examine  # noqa: PLC0415 - see the package's docstring
    from fraudstream.settings import load_settings  # noqa: PLC0415

    all_well = True
    for finding in examine(load_settings()):
        all_well &= finding.ok
        if as_json:
            emit(asdict(finding))
        else:
            typer.echo(f"{'ok     ' if finding.ok else 'PROBLEM'}  {finding.subject}: {finding.sentence}")
    if not all_well:
        raise typer.Exit(1)
