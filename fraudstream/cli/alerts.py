"""`fraudstream alerts`: follow the alerts, as a table for an analyst or as JSON for a program."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from fraudstream.cli.output import AsJson, say, show

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.alert import Alert

_STYLES = {"review": "yellow", "decline": "bold red"}


def alerts(
    *,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Old ones first.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    as_json: AsJson = False,
) -> None:
    """Follow the alerts until Ctrl-C; committed ones only, each once."""
    from fraudstream.alert_reader import alert_values, unrepeated  # noqa: PLC0415 - see the package's docstring
    from fraudstream.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    topic = settings.topics.names().alerts
    with (
        suppress(KeyboardInterrupt),
        alert_values(settings.kafka, topic, from_beginning=from_beginning) as values,
    ):
        say(f"Following {topic}; Ctrl-C ends it.")
        for number, alert in enumerate(islice(unrepeated(values, say), count)):
            if as_json:
                typer.echo(alert.to_json())
            else:
                show(_row(alert, with_header=number == 0))


def _row(alert: Alert, *, with_header: bool) -> Table:
    """One line of the table; the columns have fixed widths, since nobody knows what follows."""
    from rich.table import Table  # noqa: PLC0415 - only readers need it
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, show_header=with_header, expand=True)
    table.add_column("event time", width=19)
    table.add_column("decision", width=8)
    table.add_column("score", width=5, justify="right")
    table.add_column("subject", width=20, no_wrap=True)
    table.add_column("amount", width=14, justify="right", no_wrap=True)
    table.add_column("reasons", ratio=1)
    table.add_row(
        f"{alert.transaction.event_time:%Y-%m-%d %H:%M:%S}",
        Text(alert.decision, style=_STYLES[alert.decision]),
        f"{alert.score:.3f}",
        Text(alert.transaction.subject),
        Text(_amount(alert)),
        Text("; ".join(reason.text for reason in alert.reasons)),
    )
    return table


def _amount(alert: Alert) -> str:
    transaction = alert.transaction
    amount = transaction.amount if transaction.kind == "card" else transaction.instructed_amount
    return f"{amount} {transaction.currency}"
