"""`fraudstream simulate`: send a simulated bank's transactions and late labels to Kafka, or show them."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from fraudstream.cli.output import AsJson, emit, say
from fraudstream.errors import FraudstreamError
from fraudstream.simulate.world import WorldName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fraudstream.simulate.produce import SendProgress, Sink


def simulate(
    *,
    world: Annotated[
        WorldName, typer.Option(help="Card payments, or account transfers.")
    ] = WorldName.HANDBOOK,
    rate: Annotated[float, typer.Option(min=0, help="Transactions a second; 0 is as fast as can be.")] = 500,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many transactions.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="End after so long; needs a rate.")] = None,
    customers: Annotated[int, typer.Option(min=1, help="The bank's size.")] = 1_000,
    days: Annotated[int, typer.Option(min=1, help="How long the bank is simulated.")] = 30,
    start: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day, UTC.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Each number is another bank.")] = 0,
    bad_share: Annotated[float, typer.Option(min=0, max=1, help="Malformed messages a transaction.")] = 0.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the records to standard output.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a simulated bank's transactions and their late labels.

    The world ends yesterday unless --start says otherwise. The same seed and start give the same
    transaction ids, which the service counts as repeats: choose another seed for a second run. The
    Handbook's published data set is --customers 5000 --days 183 --start 2018-04-01.
    """
    from fraudstream.simulate.produce import produce  # noqa: PLC0415 - see the package's docstring
    from fraudstream.simulate.stream import stream  # noqa: PLC0415
    from fraudstream.simulate.worlds import make_world  # noqa: PLC0415

    wanted = _wanted(count, seconds, rate)
    bank = make_world(world, customers, days, _first_day(start, days), seed)
    records = stream(islice(bank, wanted), seed, bad_share)
    sink = _sink(dry_run=dry_run)
    with _progress_bar(wanted) as show_progress:
        sent = produce(records, sink, 0 if dry_run else rate, on_progress=show_progress)
    _report(sent, wanted, as_json=as_json and not dry_run, as_words=dry_run)


def _wanted(count: int | None, seconds: float | None, rate: float) -> int | None:
    """How many transactions to send, None for the whole world."""
    if seconds is None:
        return count
    if count is not None:
        raise typer.BadParameter("--count and --seconds cannot both be given")
    if rate == 0:
        raise typer.BadParameter("--seconds needs a --rate above 0")
    return max(1, round(seconds * rate))


def _first_day(start: datetime | None, days: int) -> date:
    """The first day of the world, by default such that its last one is yesterday."""
    latest = datetime.now(UTC).date() - timedelta(days=days)
    if start is None:
        return latest
    if start.date() > latest:
        raise typer.BadParameter(
            f"{days} days from {start.date()} on reach into the future, which the service refuses: "
            f"--start {latest} is the latest"
        )
    return start.date()


def _sink(*, dry_run: bool) -> Sink:
    from fraudstream.settings import load_settings  # noqa: PLC0415 - see the package's docstring
    from fraudstream.simulate.sinks import KafkaSink, NdjsonSink  # noqa: PLC0415

    settings = load_settings()
    topics = settings.topics.names()
    return NdjsonSink(sys.stdout.buffer, topics) if dry_run else KafkaSink(settings.kafka, topics)


@contextmanager
def _progress_bar(wanted: int | None) -> Iterator[Callable[[SendProgress], None]]:
    """A bar on standard error, on a terminal only; yields what moves it."""
    from rich import progress  # noqa: PLC0415 - see the package's docstring
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("drawing the bank", total=wanted)

        def move(sent: SendProgress) -> None:
            now = datetime.fromtimestamp(sent.simulated_time, UTC)
            bar.update(task, completed=sent.transactions, description=f"{now:%Y-%m-%d %H:%M}")

        yield move


def _report(sent: SendProgress, wanted: int | None, *, as_json: bool, as_words: bool) -> None:
    """Write the summary; what is missing is said.

    Raises:
        FraudstreamError: Kafka did not take every record.
    """
    if as_json:
        emit(asdict(sent))
    else:
        typer.echo(_summary(sent), err=as_words)
    if wanted is not None and sent.transactions < wanted:
        say(f"The world holds {sent.transactions:,} transactions: give it more --days or --customers.")
    if sent.undelivered:
        raise FraudstreamError(f"Kafka did not take {sent.undelivered:,} records.")


def _summary(sent: SendProgress) -> str:
    pace = sent.transactions / sent.seconds if sent.seconds else 0.0
    return (
        f"{sent.transactions:,} transactions ({sent.frauds:,} frauds), {sent.labels:,} labels and "
        f"{sent.malformed:,} malformed messages in {sent.seconds:.1f} s: {pace:,.0f} transactions a second, "
        f"at most {sent.latest_seconds * 1000:.1f} ms late."
    )
