"""`fraudstream doctor`: what is wrong here, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fraudstream.cli.output import AsJson, emit
from fraudstream.kafka.access import Role

RoleOption = Annotated[
    Role | None, typer.Option(help="Whose rights to look at; else those of the worker that is set up here.")
]
Principal = Annotated[
    str | None, typer.Option(help="Who should have them, such as User:scorer; else these credentials.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Count warnings as problems.")]


def doctor(
    *, role: RoleOption = None, principal: Principal = None, strict: Strict = False, as_json: AsJson = False
) -> None:
    """Look at this machine, Kafka, topics, rights, workers and models; exit status 1 for a problem."""
    from fraudstream.admin.doctor import Severity, examine  # noqa: PLC0415 - see the package's docstring
    from fraudstream.settings import load_settings  # noqa: PLC0415

    ill = {Severity.PROBLEM, Severity.WARNING} if strict else {Severity.PROBLEM}
    words = {Severity.OK: "ok     ", Severity.WARNING: "warning", Severity.PROBLEM: "PROBLEM"}
    is_ill = False
    for finding in examine(load_settings(), role, principal):
        is_ill |= finding.severity in ill
        if as_json:
            emit(asdict(finding))
        else:
            typer.echo(f"{words[finding.severity]}  {finding.subject}: {finding.sentence}")
    if is_ill:
        raise typer.Exit(1)
