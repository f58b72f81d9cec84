"""`fraudstream dev`: what a developer needs that a bank has."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fraudstream.cli.output import say

if TYPE_CHECKING:
    from fraudstream.settings import TopicSettings

_DATA_DIR = Path(".fraudstream/kafka")

app = typer.Typer(help="Tools for development.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Tools for development."""


@app.command()
def kafka(
    *,
    port: Annotated[int, typer.Option(help="The broker's port on 127.0.0.1; 0 for a free one.")] = 9092,
    data_dir: Annotated[Path, typer.Option(help="Keeps topics from run to run.")] = _DATA_DIR,
    topics: Annotated[bool, typer.Option("--topics", help="Make the service's topics.")] = False,
) -> None:
    """Run a real Apache Kafka on loopback until Ctrl-C; its address is the one line of standard output."""
    from fraudstream.local.broker import LocalKafka  # noqa: PLC0415 - see the package's docstring
    from fraudstream.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's stop is a Ctrl-C
    try:
        with LocalKafka.start(data_dir, port=port or None, announce=say) as broker:
            if topics:
                _make_topics(broker.bootstrap_servers, settings.topics)
            typer.echo(broker.bootstrap_servers)
            say(f"Kafka runs, its data and log are in {data_dir}; Ctrl-C ends it.")
            broker.wait()
    except KeyboardInterrupt:
        say("Kafka has ended.")
    else:
        say(f"Kafka ended by itself; {data_dir / 'kafka.log'} tells why.")
        raise typer.Exit(1)


def _make_topics(bootstrap_servers: str, topics: TopicSettings) -> None:
    from fraudstream.kafka.admin import kafka_admin  # noqa: PLC0415 - see the package's docstring
    from fraudstream.kafka.topics import create_topics  # noqa: PLC0415
    from fraudstream.settings import KafkaSettings  # noqa: PLC0415

    with kafka_admin(KafkaSettings(bootstrap_servers=bootstrap_servers)) as admin:
        create_topics(admin, topics.specs(), replication_factor=1)
