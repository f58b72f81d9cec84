"""`fraudstream dead-letters`: what was refused and why, and how it gets back on its topic once mended."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fraudstream.cli.output import AsJson, emit, say
from schemas.errors import ErrorType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fraudstream.admin.dead_letters import DeadLetterLog, Fix, Place, Replayed, StoredDeadLetter
    from fraudstream.settings import Settings

app = typer.Typer(help="List, look at and put back what was refused.", no_args_is_help=True)

Type = Annotated[ErrorType | None, typer.Option("--type", help="Of this error type only.")]

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@app.command("list")
def list_letters(
    *,
    error_type: Type = None,
    topic: Annotated[str | None, typer.Option(help="From this topic only.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Of messages made since: a time (RFC 3339), or 30m, 6h, 7d ago.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """One line for each dead letter, in the order of its message, then how many of each type."""
    from fraudstream.admin.dead_letters import line, read_letters, row  # noqa: PLC0415 - see the package's docstring

    earliest = None if since is None else _time(since)

    def wanted(letter: StoredDeadLetter) -> StoredDeadLetter | None:
        is_wanted = (
            error_type in {None, letter.why.error_type}
            and topic in {None, letter.why.topic}
            and (earliest is None or letter.made_at is None or letter.made_at >= earliest)
        )
        return letter.without_content() if is_wanted else None

    book = read_letters(_settings(), wanted)
    for letter in sorted(book.letters.values(), key=lambda each: (each.came.timestamp_ms or 0, each.place)):
        told = row(letter, book.note_of(letter))
        emit(told) if as_json else typer.echo(line(told))
    _say_counts(book)


@app.command("show")
def show_letter(
    place: Annotated[str, typer.Argument(help="As `list` shows it, such as 3-1042.")],
    *,
    as_json: AsJson = False,
) -> None:
    """All of one dead letter: the message as it came, why it was refused, and how it is mended."""
    from fraudstream.admin.dead_letters import Place, in_full, read_letters, whole_row  # noqa: PLC0415

    wanted = Place.parse(place)
    book = read_letters(_settings(), lambda letter: letter if letter.place == wanted else None)
    letter = book.find(wanted)
    told = whole_row(letter, book.note_of(letter))
    if as_json:
        emit(told)
        return
    for each in in_full(letter, told):
        typer.echo(each)


@app.command("replay")
def replay_letters(
    places: Annotated[list[str] | None, typer.Argument(help="As `list` shows them.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All of the --type that were not replayed.")] = False,
    error_type: Type = None,
    value: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="File with the mended value.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The mended key.")] = None,
    to_file: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Send nothing: write values and keys here."),
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Send the letters that were edited in this folder."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put messages back on the topic that they came from, each once however often this runs.

    Exit status 1 when one could not be sent; the others are.
    """
    from fraudstream.admin.dead_letters import replay  # noqa: PLC0415 - see the package's docstring

    mends = _mends(places or [], value, key, from_file)
    wanted = _wanted(mends, every=every, error_type=error_type)
    if to_file is not None:
        _write(wanted, mends, to_file)
        return
    results: Counter[str] = Counter()
    for result in replay(_settings(), wanted, mends, is_dry=dry_run):
        results[_say_result(result, as_json=as_json)] += 1
    say(", ".join(f"{count} {status}" for status, count in results.items()) or "There is nothing to replay.")
    if results["refused"]:
        raise typer.Exit(1)


def _settings() -> Settings:
    from fraudstream.settings import load_settings  # noqa: PLC0415 - see the package's docstring

    return load_settings()


def _time(text: str) -> datetime:
    if match := re.fullmatch(r"([0-9]{1,6})([smhd])", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a time of RFC 3339 nor a span such as 6h") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _say_counts(book: DeadLetterLog) -> None:
    counts = Counter(str(letter.why.error_type) for letter in book.letters.values())
    told = ", ".join(f"{count} {error_type}" for error_type, count in counts.most_common())
    replayed = sum(book.note_of(letter) is not None for letter in book.letters.values())
    say(f"{counts.total()} dead letters{': ' if told else ''}{told}; {replayed} replayed.")
    if book.foreign:
        say(f"{book.foreign} records were passed over: they are no dead letters of this service.")


def _mends(
    places: list[str], value: Path | None, key: str | None, folder: Path | None
) -> Mapping[Place, Fix]:
    """What is to be changed, by the places that were named."""
    from fraudstream.admin.dead_letters import Fix, Place, read_mends  # noqa: PLC0415

    if folder is not None:
        if places or value or key:
            raise typer.BadParameter("--from-file names the letters and their values: give nothing else")
        return read_mends(folder)
    if (value or key) and len(places) != 1:
        raise typer.BadParameter("--value and --key are for one place")
    mend = Fix(None if value is None else value.read_bytes(), None if key is None else key.encode())
    return {Place.parse(place): mend for place in places}


def _wanted(
    mends: Mapping[Place, Fix], *, every: bool, error_type: ErrorType | None
) -> Callable[[StoredDeadLetter], bool]:
    if every == bool(mends):
        raise typer.BadParameter("name places, or --all with a --type, or --from-file")
    if every != (error_type is not None):
        raise typer.BadParameter("--all and --type go together")
    if every:
        return lambda letter: letter.why.error_type is error_type
    return lambda letter: letter.place in mends


def _write(wanted: Callable[[StoredDeadLetter], bool], mends: Mapping[Place, Fix], folder: Path) -> None:
    """Write the letters that were not replayed as files; those that hold nothing are told."""
    from fraudstream.admin.dead_letters import DeadLettersRefused, read_letters, write_letter  # noqa: PLC0415

    book = read_letters(_settings(), lambda letter: letter if wanted(letter) else None)
    for place in mends:
        book.find(place)
    for letter in book.letters.values():
        if book.note_of(letter) is None:
            try:
                for file in write_letter(letter, folder):
                    typer.echo(str(file))
            except DeadLettersRefused as refusal:
                say(str(refusal))
    say(f"Edit them, then: fraudstream dead-letters replay --from-file {folder}")


def _say_result(result: Replayed, *, as_json: bool) -> str:
    """Tell what became of one letter; gives its status."""
    from fraudstream.admin.dead_letters import where_it_stands  # noqa: PLC0415 - see the package's docstring

    where = None if result.sent_to is None else where_it_stands(result.sent_to)
    if as_json:
        told = {"place": str(result.place), "status": result.status}
        emit(told | {"sent_to": where, "refusal": result.refusal})
    elif result.refusal is not None:
        say(result.refusal)
    else:
        typer.echo(f"{result.place!s:<8}  {result.status}" + ("" if where is None else f": {where}"))
    return result.status
