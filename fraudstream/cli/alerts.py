"""`fraudstream alerts`: follow the alerts, in lines for an analyst or as JSON for a program."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from fraudstream.cli.output import AsJson, say, show, whole

if TYPE_CHECKING:
    from rich.text import Text

    from schemas.alert import Alert

_STYLES = {"review": "yellow", "decline": "bold red"}


def alerts(
    *,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Old ones first.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    as_json: AsJson = False,
) -> None:
    """Follow the alerts until Ctrl-C; committed ones only, each once."""
    from fraudstream.kafka.alerts import alert_values, unrepeated  # noqa: PLC0415 - see the package's docstring
    from fraudstream.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    topic = settings.topics.names().alerts
    with (
        suppress(KeyboardInterrupt),
        alert_values(settings.kafka, topic, from_beginning=from_beginning) as values,
    ):
        say(f"Following {topic}; Ctrl-C ends it.")
        for alert in islice(unrepeated(values, say), count):
            with whole():
                if as_json:
                    typer.echo(alert.to_json())
                else:
                    show(_for_reader(alert))


def _for_reader(alert: Alert) -> Text:
    """An alert in lines: what it is about, then its reasons, the weightiest first."""
    from rich.text import Text  # noqa: PLC0415 - only readers need it

    transaction = alert.transaction
    facts = f"{alert.score:.3f}  {transaction.event_time:%Y-%m-%d %H:%M:%S%z}  {transaction.subject}"
    lines = Text.assemble((f"{alert.decision:<7}", _STYLES[alert.decision]), f"  {facts}  {_amount(alert)}")
    for reason in alert.reasons:
        lines.append(f"\n         {reason.text}", style="dim")
    return lines


def _amount(alert: Alert) -> str:
    transaction = alert.transaction
    amount = transaction.amount if transaction.kind == "card" else transaction.instructed_amount
    return f"{amount} {transaction.currency}"
