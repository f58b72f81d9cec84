"""Rules for card numbers in received messages: the bank's own prefixes, and fields that no contract knows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from schemas.errors import ErrorType, InvalidMessage
from schemas.fields.pan import contains_pan

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel


class UnknownFields(StrEnum):
    """Rule for a message with a card number in a field that its contract does not know."""

    REFUSE = "refuse"
    """It is a dead letter of type `pan`."""
    COUNT = "count"
    """It is taken without the field, and counted."""
    IGNORE = "ignore"
    """It is taken without the field, and nobody looks into it."""


def nobody() -> None:
    """Nobody counts."""


@dataclass(frozen=True)
class Privacy:
    """Rules by which a decoder looks for card numbers.

    Attributes:
        card_prefixes: first digits of the bank's own cards, which count at every length from 12 to 19.
        unknown_fields: what becomes of a card number in a field that the contract does not know.
        count: called for each message that was taken without such a field.
    """

    card_prefixes: tuple[bytes, ...] = ()
    unknown_fields: UnknownFields = UnknownFields.COUNT
    count: Callable[[], None] = nobody

    def look_at_unknown(self, document: dict[str, Any], message: BaseModel) -> None:
        """Look into the fields of a document that its message does not have.

        Raises:
            InvalidMessage: of type `pan`, where one holds a card number and the rule is to refuse it.
        """
        # All that the message was given are fields of it: where as many were sent, none is unknown.
        if len(document) == len(message.model_fields_set) or self.unknown_fields is UnknownFields.IGNORE:
            return
        unknown = {name: value for name, value in document.items() if name not in message.model_fields_set}
        if not contains_pan(orjson.dumps(unknown), self.card_prefixes):
            return
        if self.unknown_fields is UnknownFields.REFUSE:
            raise InvalidMessage(ErrorType.PAN, "a field that the contract does not know holds a card number")
        self.count()


NETWORKS_ONLY = Privacy(unknown_fields=UnknownFields.IGNORE)
"""The networks' card numbers, in known fields: for what this service wrote itself."""
