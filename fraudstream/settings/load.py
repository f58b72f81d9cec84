"""Reads the settings; what is wrong with them becomes one sentence that names the setting and the mend."""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from fraudstream.errors import FraudstreamError
from fraudstream.settings.names import secrets, variable, variables
from fraudstream.settings.tree import CONFIG_VARIABLE, PREFIX, Settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class SettingsError(FraudstreamError):
    """A setting is wrong or unknown; the text is one sentence with the mend."""

    exit_status = 2


def load_settings() -> Settings:
    """The settings from the environment and the file that `FRAUDSTREAM_CONFIG` names.

    Raises:
        SettingsError: a value is wrong, a name is unknown, or the file cannot be read.
    """
    _refuse_unknown_variables()
    _refuse_unreadable_file()
    try:
        return Settings()
    except ValidationError as error:
        sentence = _sentence(error.errors(include_url=False)[0])
    # Raised out here, since what pydantic raises holds what was given, secrets included.
    raise SettingsError(sentence)


def _refuse_unknown_variables() -> None:
    known = variables() | {CONFIG_VARIABLE}
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise SettingsError(_unknown(name, name.upper()))


def _refuse_unreadable_file() -> None:
    if not (file := os.environ.get(CONFIG_VARIABLE)):
        return
    try:
        tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{CONFIG_VARIABLE} names {file}, which cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise SettingsError(f"{CONFIG_VARIABLE} names {file}, which is not TOML: {error}.") from error


def _unknown(given: str, name: str) -> str:
    near = get_close_matches(
        name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in variables()], n=1
    )
    mend = f"did you mean {PREFIX}{near[0]}?" if near else "`fraudstream config show` lists them all."
    return f"{given} is no setting of fraudstream: {mend}"


def _sentence(error: ErrorDetails) -> str:
    """One sentence about the first thing that pydantic found."""
    where = _where(error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown(where, variable(error["loc"]))
    if error["type"] == "value_error":
        reason = str(error["ctx"]["error"])
        return f"{reason}." if reason.startswith(PREFIX) else f"{where}: {reason}."
    _, should, rule = error["msg"].partition(" should ")
    reason = f"it must {rule.partition(', unable')[0]}" if should else error["msg"]
    return f"{where}{_given(error)}: {reason}."


def _where(path: tuple[str | int, ...]) -> str:
    """The setting as the person wrote it: a variable, or a key of the file."""
    name = variable(path)
    if CONFIG_VARIABLE not in os.environ or name in (given.upper() for given in os.environ):
        return name
    return f"{'.'.join(map(str, path[:2]))} in {os.environ[CONFIG_VARIABLE]}"


def _given(error: ErrorDetails) -> str:
    """What was given, unless it may be a secret."""
    is_secret = error["loc"][:2] in secrets()
    return "" if is_secret or isinstance(error["input"], dict | list) else f" is {error['input']!r}"
