"""`fraudstream topics`: make the topics, or say how the broker's differ from what the service needs."""

from __future__ import annotations

import typer

from fraudstream.cli.output import AsJson, emit, say

app = typer.Typer(help="Make and check the topics.", no_args_is_help=True)


@app.command()
def create() -> None:
    """Make the topics that are missing; those that exist are left as they are."""
    from fraudstream.kafka.admin import kafka_admin  # noqa: PLC0415 - see the package's docstring
    from fraudstream.kafka.topics import create_topics  # noqa: PLC0415
    from fraudstream.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    with kafka_admin(settings.kafka) as admin:
        made = create_topics(admin, settings.topics.specs(), settings.topics.replication_factor)
    for name in made:
        typer.echo(name)
    say(f"{len(made)} topics made, {len(settings.topics.specs()) - len(made)} were there.")


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Say each way in which the topics are not what the service needs; exit status 1 when there is one."""
    from fraudstream.kafka.admin import kafka_admin  # noqa: PLC0415
    from fraudstream.kafka.topics import differences, read_topics, unprotected  # noqa: PLC0415
    from fraudstream.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    specs = settings.topics.specs()
    with kafka_admin(settings.kafka) as admin:
        states = read_topics(admin, [spec.name for spec in specs])
    found = differences(specs, states, settings.topics.replication_factor)
    for sentence in found:
        emit({"difference": sentence}) if as_json else typer.echo(sentence)
    if found:
        raise typer.Exit(1)
    for sentence in unprotected(specs, states):
        say(sentence)
    say(f"All {len(specs)} topics are as they should be.")
