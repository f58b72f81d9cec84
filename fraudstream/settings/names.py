"""The names of the settings as environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import SecretStr

from fraudstream.settings.tree import DELIMITER, PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo


def variable(path: tuple[str | int, ...]) -> str:
    """The variable of the setting at `path`: `("web", "port")` is `FRAUDSTREAM_WEB__PORT`."""
    return PREFIX + DELIMITER.join(str(part) for part in path[:2]).upper()


def leaves() -> Iterator[tuple[str, str, FieldInfo]]:
    """Every setting: its section, its name, and what pydantic knows of it."""
    for section, field in Settings.model_fields.items():
        model = field.annotation
        assert model is not None
        for name, leaf in model.model_fields.items():
            yield section, name, leaf


def variables() -> frozenset[str]:
    """The variable of every setting."""
    return frozenset(variable((section, name)) for section, name, _ in leaves())


def secrets() -> frozenset[tuple[str, str]]:
    """Section and name of every setting that holds a secret, or several."""
    return frozenset((section, name) for section, name, leaf in leaves() if _is_secret(leaf.annotation))


def _is_secret(annotation: Any) -> bool:
    """Whether `SecretStr` is the type, or occurs in it."""
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))
