"""Mends as files: what a letter holds is written to a folder, edited there, and read back.

`3-1042.value` is the value of the letter at 3-1042, `3-1042.key` its key, both byte for byte. A file that is
not there leaves its part as it came.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fraudstream.dead_letters.errors import DeadLettersRefused
from fraudstream.dead_letters.letters import Place
from fraudstream.dead_letters.mending import UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fraudstream.dead_letters.letters import Letter
    from fraudstream.dead_letters.mending import Mend

_SUFFIXES: Final = {".value": "value", ".key": "key"}


def write_letter(letter: Letter, folder: Path) -> list[Path]:
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


def read_mends(folder: Path) -> Mapping[Place, Mend]:
    """The mends in a folder, by the place of their letter.

    Raises:
        DeadLettersRefused: it cannot be read, holds none, or holds a file of another name.
    """
    mends: dict[Place, Mend] = {}
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
