"""In which role a record names a card or an account."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUBJECT_FIELDS: Final = frozenset({"subject", "card_id", "debtor_account"})
_COUNTERPARTY_FIELDS: Final = frozenset({"counterparty", "creditor_account"})
_WORD: Final = rb"[A-Za-z0-9_.-]"
_KEY_PREFIXES: Final = (b"p:", b"subject:")


class TokenRole(StrEnum):
    """What a record says of a token."""

    SUBJECT = "subject"
    """It is about the card or account: it paid, or it is labelled."""
    COUNTERPARTY = "counterparty"
    """It is about somebody else, who dealt with the account."""
    MENTIONED = "mentioned"
    """It holds the token in some other place, as a message that could not be read may."""


class Mentions:
    """Finds a token in records; a token that merely begins like another is not taken for it.

    Args:
        token: of the card or account.
    """

    def __init__(self, token: str) -> None:
        self.token: Final = token
        self._key = token.encode()
        self._quoted = orjson.dumps(token)
        self._subject_keys = frozenset({self._key, *(prefix + self._key for prefix in _KEY_PREFIXES)})
        self._word = re.compile(rb"(?<!%s)%s(?!%s)" % (_WORD, re.escape(self._key), _WORD))

    def role(self, key: bytes | None, value: bytes | None) -> TokenRole | None:
        """The role in which a record names the token, None where it does not."""
        if key in self._subject_keys:
            return TokenRole.SUBJECT
        if key == b"counterparty:" + self._key:
            return TokenRole.COUNTERPARTY
        if value is None:
            return None
        if self._quoted not in value:  # nearly all records: no need to read them
            return TokenRole.MENTIONED if self._key in value and self._word.search(value) else None
        return self._role_in(value)

    def _role_in(self, value: bytes) -> TokenRole:
        try:
            document = orjson.loads(value)
        except orjson.JSONDecodeError:
            return TokenRole.MENTIONED
        fields = {name for name, text in _texts(document) if text == self.token}
        kind = document.get("kind") if isinstance(document, dict) and "id" in fields else None
        if fields & _SUBJECT_FIELDS or kind == "subject":
            return TokenRole.SUBJECT
        is_counterparty = fields & _COUNTERPARTY_FIELDS or kind == "counterparty"
        return TokenRole.COUNTERPARTY if is_counterparty else TokenRole.MENTIONED


def _texts(node: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a document, with the name of its field."""
    if isinstance(node, str):
        yield name, node
    elif isinstance(node, dict):
        for field, child in node.items():
            yield from _texts(child, field)
    elif isinstance(node, list):
        for child in node:
            yield from _texts(child, name)
