"""`fraudstream model`: the versions of the model, which of them scores, and one built again from the log."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fraudstream.cli.output import AsJson, emit, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fraudstream.admin.models import Published, Versions
    from fraudstream.settings import Settings
    from schemas.control import ModelPin
    from schemas.snapshot import ModelSnapshot

app = typer.Typer(help="List, pin, roll back and rebuild models.", no_args_is_help=True)

Remark = Annotated[str | None, typer.Option("--remark", help="Why; kept with the pin.")]

_HEADINGS = ("version", "made at", "examples", "frauds", "AP", "calibration", "KB", "signature", "")
_MARKS = {"is_newest": "newest", "is_pinned": "pinned", "is_in_force": "in force"}
_NEWEST = "newest"
_PRIOR = "prior"


@app.command("list")
def list_versions(*, as_json: AsJson = False) -> None:
    """Every version on topic `models`, oldest first: what it learnt, how good it is, whether it is signed."""
    versions = _read()
    rows = [_row(each, versions) for each in versions.published]
    if as_json:
        for row in rows:
            emit(row)
    else:
        for line in _table(rows):
            typer.echo(line)
    if versions.pin is not None:
        say(_pinned(versions, versions.pin))


@app.command("show")
def show_version(
    version: Annotated[str, typer.Argument(help="Its number, or `newest`.")], *, as_json: AsJson = False
) -> None:
    """All that one version says of itself; its signature was found right before it is shown."""
    versions = _read()
    wanted = versions.newest if version == _NEWEST else _number(version)
    snapshot = versions.find(wanted).snapshot
    assert snapshot is not None, "found versions are signed"
    _describe(_description(snapshot), as_json=as_json)


@app.command()
def pin(
    version: Annotated[str, typer.Argument(help="Its number; 0 or `prior` for the prior model.")],
    *,
    remark: Remark = None,
) -> None:
    """Hold every scorer to one version, until `unpin`; they follow within a second."""
    settings = _settings()
    _pin(settings, _read(settings), 0 if version == _PRIOR else _number(version), remark)


@app.command()
def unpin() -> None:
    """Let the newest version score again."""
    from fraudstream.admin.models import issue  # noqa: PLC0415 - see the package's docstring
    from schemas.control import ModelUnpin  # noqa: PLC0415

    issue(_settings(), ModelUnpin(issued_at=datetime.now(UTC)))
    say("No version is pinned: the newest scores.")


@app.command()
def rollback(*, remark: Remark = None) -> None:
    """Pin the version before the one in force."""
    from fraudstream.admin.models import version_before  # noqa: PLC0415 - see the package's docstring

    settings = _settings()
    versions = _read(settings)
    _pin(settings, versions, version_before(versions), remark)


@app.command()
def rebuild(
    to: Annotated[int, typer.Option(min=0, help="Offset of the last example to learn.")],
    *,
    out: Annotated[Path | None, typer.Option(help="File for the signed model.")] = None,
    as_json: AsJson = False,
) -> None:
    """Learn a version again from topic `examples` alone, and compare it with what was published.

    The offset is the version less one. Exit status 1 when the published version is another model.
    """
    from fraudstream.admin import models as model_admin  # noqa: PLC0415
    from fraudstream.worker.compose import new_model  # noqa: PLC0415
    from models.signing import seal  # noqa: PLC0415

    settings = _settings()
    key = model_admin.signing_key(settings)
    with _progress_bar() as tell:
        rebuilt = model_admin.rebuild(settings, new_model, to, datetime.now(UTC), tell)
    if out is not None:
        out.write_bytes(seal(rebuilt.snapshot, rebuilt.onnx, key))
    if rebuilt.passed_over:
        say(f"{rebuilt.passed_over:,} records were passed over: no examples, or of other features.")
    _describe(_description(rebuilt.snapshot), as_json=as_json)
    say(model_admin.compare(settings, rebuilt.snapshot))


def _settings() -> Settings:
    from fraudstream.settings import load_settings  # noqa: PLC0415 - see the package's docstring

    return load_settings()


def _read(settings: Settings | None = None) -> Versions:
    from fraudstream.admin.models import read_versions  # noqa: PLC0415 - see the package's docstring

    return read_versions(settings or _settings())


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise typer.BadParameter(f"a version is a whole number, and {text!r} is not")
    return int(text)


def _pin(settings: Settings, versions: Versions, version: int, remark: str | None) -> None:
    from fraudstream.admin.models import choose, issue  # noqa: PLC0415 - see the package's docstring

    issue(settings, choose(versions, version, datetime.now(UTC), remark))
    before = _named(versions.name, versions.in_force)
    say(f"Every scorer is held to {_named(versions.name, version)}; in force was {before}.")


def _named(name: str, version: int) -> str:
    return f"{name}@{version}" if version else "the prior model"


def _pinned(versions: Versions, pin: ModelPin) -> str:
    why = f" ({pin.remark})" if pin.remark else ""
    held = f"Pinned on {pin.issued_at:%Y-%m-%d %H:%M:%S%z}{why} is {_named(pin.name, pin.model_version)}"
    if pin.model_version == versions.in_force:
        return f"{held}."
    return f"{held}, which is not on the topic, so {_named(versions.name, versions.in_force)} scores."


def _row(each: Published, versions: Versions) -> dict[str, Any]:
    """One version as an object for programs."""
    row: dict[str, Any] = {"version": each.version, "bytes": each.size, "signature": "right"}
    if each.snapshot is None:
        return row | {"signature": "right" if each.is_signed else "wrong", "fault": each.fault}
    quality = each.snapshot.quality
    return row | {
        "made_at": each.snapshot.created_at.isoformat(timespec="seconds"),
        "is_newest": each.version == versions.newest,
        "is_pinned": versions.pin is not None and each.version == versions.pin.model_version,
        "is_in_force": each.version == versions.in_force,
        **{
            name: quality.get(name)
            for name in ("examples", "frauds", "average_precision", "calibration_error")
        },
    }


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The rows as lines of equal columns, under a line of headings."""
    cells = [_HEADINGS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=False))
        yield f"{line}  {row[-1]}".rstrip()


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(row["version"]),
        row.get("made_at", "-"),
        _figure(row.get("examples"), ",.0f"),
        _figure(row.get("frauds"), ",.0f"),
        _figure(row.get("average_precision"), ".3f"),
        _figure(row.get("calibration_error"), ".4f"),
        f"{row['bytes'] / 1000:,.0f}",
        row["signature"],
        ", ".join(word for name, word in _MARKS.items() if row.get(name)),
    )


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _description(snapshot: ModelSnapshot) -> dict[str, Any]:
    """What a version says of itself; of its labels, how many."""
    return snapshot.model_dump(mode="json") | {"labels_recorded": len(snapshot.labels_recorded)}


def _describe(description: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(description)
        return
    for name, value in description.items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, each in parts:
            typer.echo(f"{name}{'.' if part else ''}{part}: {each}")


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, on a terminal only; yields what moves it."""
    from rich import progress  # noqa: PLC0415 - see the package's docstring
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    with progress.Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("learning")
        yield lambda done, total: bar.update(task, completed=done, total=total)
