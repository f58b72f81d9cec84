"""What log lines never show of an error: its text, unless its class promises that this holds no message.

The text of an error may quote whatever was in hand when it was raised, such as a card's token. In its place
stands a keyed hash, the same for the same text, so that repeats are told; where it was raised is shown whole.
"""

from __future__ import annotations

import hmac
import logging
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from agents.runtime.errors import is_for_people
from models.signing import derived_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict

_HASH_CHARACTERS: Final = 12


class Redactor:
    """Says of errors what may be said.

    Args:
        key: of the hashes; nobody without it can tell which text a hash stands for by trying.
    """

    def __init__(self, key: bytes) -> None:
        self._key = derived_key(key, "logs")

    def hashed(self, text: str) -> str:
        """The keyed hash of a text."""
        return f"#{hmac.digest(self._key, text.encode(errors='replace'), 'sha256').hex()[:_HASH_CHARACTERS]}"

    def named(self, error: BaseException) -> str:
        """An error in one line: its class, and its text or the hash of that."""
        text = str(error)
        if text and not is_for_people(error):
            text = self.hashed(text)
        name = type(error).__qualname__
        return f"{name}: {text}" if text else name

    def traceback(self, error: BaseException) -> str:
        """An error with where it was raised, after those that led to it."""
        return "\n\n".join(self._each(error))

    def processed(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        """A line of structlog's with what may be said of the errors among its values (a processor)."""
        return {
            name: self.named(value) if isinstance(value, BaseException) else value
            for name, value in event.items()
        }

    def _each(self, error: BaseException) -> Iterator[str]:
        if error.__cause__ is not None:
            yield from self._each(error.__cause__)
        elif error.__context__ is not None and not error.__suppress_context__:
            yield from self._each(error.__context__)
        frames = "".join(traceback.format_tb(error.__traceback__))
        yield f"Traceback (most recent call last):\n{frames}{self.named(error)}"
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from self._each(inner)


class HideErrors(logging.Filter):
    """Puts what may be said of an error in the place of each that other libraries put into their lines."""

    def __init__(self, hiding: Redactor) -> None:
        super().__init__()
        self._hiding = hiding

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; let it pass."""
        if record.name == "asyncio":
            record.msg = str(record.msg).partition("\n")[0]  # the lines after it quote tasks and their errors
        if isinstance(record.args, tuple):
            record.args = tuple(map(self._shown, record.args))
        elif isinstance(record.args, Mapping):
            record.args = {name: self._shown(value) for name, value in record.args.items()}
        return True

    def _shown(self, value: Any) -> Any:
        return _Said(self._hiding.named(value)) if isinstance(value, BaseException) else value


class _Said(str):
    """A text that has no quotation marks, however it is formatted."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
