"""Shows dead letters to people and programs, and writes them to files to be fixed.

No byte of a dead letter can move a terminal's cursor. In a folder of fixes `3-1042.value` is the value of the
dead letter at 3-1042, `3-1042.key` its key, both byte for byte. A file that is not there leaves its part
as it came.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fraudstream.admin.dead_letters.log import DeadLettersRefused, Place
from fraudstream.admin.dead_letters.repair import REMEDIATION, UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fraudstream.admin.dead_letters.log import ReplayNote, StoredDeadLetter
    from fraudstream.admin.dead_letters.repair import Fix
    from schemas.score import Source

_MOST_SHOWN: Final = 4_000


def row(letter: StoredDeadLetter, note: ReplayNote | None) -> dict[str, Any]:
    """A letter as an object for programs, with where its message was put back, if it was."""
    why = letter.why
    return {
        "place": str(letter.place),
        "topic": printable(why.topic),
        "partition": why.partition,
        "offset": why.offset,
        "last_offset": why.last_offset,
        "error_type": str(why.error_type),
        "field": None if why.field is None else printable(why.field),
        "reason": printable(why.reason),
        "made_at": None if letter.made_at is None else letter.made_at.isoformat(timespec="milliseconds"),
        "replayed_to": None if note is None else where_it_stands(note.sent_to),
    }


def whole_row(letter: StoredDeadLetter, note: ReplayNote | None) -> dict[str, Any]:
    """The same with everything that came, and how it is mended."""
    return row(letter, note) | {
        "agent": printable(letter.why.agent),
        "stage": printable(letter.why.stage),
        "content": _content(letter),
        "key": _as_data(letter.came.key),
        "value": _as_data(letter.came.value),
        "headers": [[name, _as_data(value)] for name, value in letter.came.headers],
        "mend": REMEDIATION[letter.why.error_type],
    }


def line(told: dict[str, Any]) -> str:
    """A row in one line."""
    source = f"{told['topic']} {told['partition']}/{told['offset']}"
    if told["last_offset"] not in {None, told["offset"]}:
        source += f"-{told['last_offset']}"
    reason = told["reason"] if told["field"] is None else f"{told['field']}: {told['reason']}"
    done = "" if told["replayed_to"] is None else f"  [replayed to {told['replayed_to']}]"
    columns = f"{told['place']:<8}  {source:<22}  {told['made_at'] or '-':<29}  {told['error_type']:<15}"
    return f"{columns}  {reason}{done}"


def in_full(letter: StoredDeadLetter, told: dict[str, Any]) -> Iterator[str]:
    """A whole row in lines; long parts are cut, and say so."""
    for name, each in told.items():
        if name == "headers":
            yield from (
                f"header {printable(header)}: {_shown(value)}" for header, value in letter.came.headers
            )
        elif name in {"key", "value"}:
            yield f"{name}: {_shown(getattr(letter.came, name))}"
        elif each is not None:
            yield f"{name}: {each}"


def where_it_stands(source: Source) -> str:
    """A position in words."""
    return f"{source.topic} {source.partition}/{source.offset}"


def printable(text: str) -> str:
    """A text in which whatever is no letter, digit, sign or space is written out."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _content(letter: StoredDeadLetter) -> str:
    if letter.is_position_only:
        return "none: nobody could read it"
    if letter.is_omitted:
        return "left out: it stands at its source for as long as that keeps it"
    content = "card numbers masked" if letter.is_masked else "as it came"
    return f"{content}, without its headers, which cannot be read" if letter.lacks_headers else content


def _as_data(part: bytes | None) -> dict[str, str] | None:
    """Bytes as JSON can hold them, without loss."""
    if part is None:
        return None
    try:
        return {"text": part.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(part).decode()}


def _shown(part: bytes | None) -> str:
    """Bytes for a terminal: nothing in them can move its cursor or change its colours."""
    if part is None:
        return "none"
    cut = f" ... ({len(part):,} bytes; --json gives all)" if len(part) > _MOST_SHOWN else ""
    return printable(part[:_MOST_SHOWN].decode(errors="backslashreplace")) + cut


_SUFFIXES: Final = {".value": "value", ".key": "key"}


def write_letter(letter: StoredDeadLetter, folder: Path) -> list[Path]:
    """Write key and value as the letter holds them, card numbers masked; gives the files.

    Raises:
        DeadLettersRefused: the letter holds neither, or a file cannot be written.
    """
    parts = ((".value", letter.came.value), (".key", letter.came.key))
    contents = {folder / f"{letter.place}{suffix}": part for suffix, part in parts if part is not None}
    if not contents:
        raise DeadLettersRefused(f"{letter.place} holds neither key nor value, so there is nothing to edit.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, part in contents.items():
            file.write_bytes(part)
    except OSError as error:
        raise DeadLettersRefused(f"{folder} cannot be written to ({error.strerror}).") from error
    return list(contents)


def read_mends(folder: Path) -> Mapping[Place, Fix]:
    """The mends in a folder, by the place of their letter.

    Raises:
        DeadLettersRefused: it cannot be read, holds none, or holds a file of another name.
    """
    mends: dict[Place, Fix] = {}
    try:
        for file in sorted(folder.iterdir()):
            if file.suffix not in _SUFFIXES:
                raise DeadLettersRefused(
                    f"{file} is no mend: its name must be a dead letter's place and .value or .key."
                )
            place = Place.parse(file.stem)
            part = {_SUFFIXES[file.suffix]: file.read_bytes()}
            mends[place] = replace(mends.get(place, UNCHANGED), **part)
    except OSError as error:
        raise DeadLettersRefused(f"{folder} cannot be read ({error.strerror}).") from error
    if not mends:
        raise DeadLettersRefused(f"{folder} holds no mends: `--to-file {folder}` writes letters there.")
    return mends
