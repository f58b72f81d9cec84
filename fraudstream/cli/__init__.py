"""The command line. Standard output is data, standard error is words.

Exit status: 0 done; 1 something is wrong (the sentence on standard error, or the findings, say what);
2 wrong usage or a wrong setting. Each module here holds one command or one group of commands, and imports
what is heavy only when it runs, so that `--help` and a wrong setting answer at once.
"""

from __future__ import annotations

import sys

import typer

from fraudstream.cli import (
    alerts,
    backtest,
    config,
    control,
    dead_letters,
    demo,
    dev,
    doctor,
    model,
    profiles,
    schema,
    simulate,
    subject,
    topics,
    worker,
)
from fraudstream.errors import FraudstreamError

# kafka-python 3.0 reads a byte of each answer inside an `assert`, which an optimizing interpreter drops.
_NO_ASSERTIONS = (
    "PYTHONOPTIMIZE (or python -O) takes out what the Kafka client needs, so that Kafka would seem not to "
    "answer: unset it."
)

app = typer.Typer(
    help="Real-time bank fraud detection on Kafka.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(worker.worker)
app.add_typer(topics.app, name="topics")
app.command()(simulate.simulate)
app.command()(alerts.alerts)
app.command()(backtest.backtest)
app.add_typer(model.app, name="model")
app.add_typer(subject.app, name="subject")
app.add_typer(control.app, name="control")
app.add_typer(profiles.app, name="profiles")
app.add_typer(dead_letters.app, name="dead-letters")
app.command()(doctor.doctor)
app.add_typer(config.app, name="config")
app.add_typer(schema.app, name="schema")
app.add_typer(dev.app, name="dev")


def main() -> None:
    """Run the command line; what a person can mend ends in one line on standard error."""
    if sys.flags.optimize:
        typer.echo(_NO_ASSERTIONS, err=True)
        sys.exit(2)
    try:
        app()
    except FraudstreamError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_status)
