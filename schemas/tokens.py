"""What stands for a card, an account, a merchant or a transaction, and is never a card number.

A `Token` stands for a card or account. It is refused when its digits could be a card number of any network,
since a token that looks like one is most likely one. A digest in hexadecimal, or a value with a letter
prefix, is the form to choose: of tokens of 12 to 19 digits alone, one in ten passes the Luhn test by chance.

An `Identifier` names a transaction, merchant or terminal. Such values are often long numbers, so it is
refused only when the number also lies in a card network's range.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import StringConstraints
from pydantic_core import core_schema

from schemas.errors import ErrorType
from schemas.pan import (
    contains_pan,
    is_card_number,
    mask_numbers,
    mask_pans,
    may_be_card_number,
    without_digests,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["Code", "Counterparty", "Identifier", "Text", "Token", "contains_pan", "mask_numbers", "mask_pans"]

_FEW_DIGITS = r"^(?:[0-9 -]{0,11}[^0-9 -])*[0-9 -]{0,11}$"
_DIGIT_RUN = re.compile(rb"(?<![0-9])[0-9]{13,19}(?![0-9])")
_HEXADECIMAL = re.compile(rb"[0-9]*[A-Fa-f][0-9A-Fa-f]*")


@dataclass(frozen=True, slots=True)
class _NoCardNumber:
    """Annotated marker for a string: error `pan` where `is_pan` finds a card number in it.

    Python is asked only of a string with 12 digits, spaces and dashes in a row: most have none, and a call
    for each field of each transaction adds up.
    """

    is_pan: Callable[[str], bool]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Check what the string must be, then that it holds no card number."""
        plain = core_schema.str_schema(pattern=_FEW_DIGITS)
        asked = core_schema.no_info_plain_validator_function(self._refuse)
        either = core_schema.union_schema(
            [plain, asked],
            mode="left_to_right",
            custom_error_type=ErrorType.PAN,
            custom_error_message="must not hold a card number: send a token or a keyed hash in its place",
        )
        return core_schema.chain_schema([handler(source), either])

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe what the string must be; no schema can say the rest."""
        return handler(cast("core_schema.ChainSchema", schema)["steps"][0])

    def _refuse(self, value: str) -> str:
        if self.is_pan(value):
            raise ValueError(ErrorType.PAN)
        return value


def _looks_like_pan(value: str) -> bool:
    digits = _joined(value)
    if digits.isdigit():
        return may_be_card_number(digits)
    refused = is_card_number if _HEXADECIMAL.fullmatch(digits) else may_be_card_number
    return any(map(refused, _digit_runs(value)))


def _holds_card_number(value: str) -> bool:
    return is_card_number(_joined(value)) or any(map(is_card_number, _digit_runs(value)))


def _holds_card_number_in_text(value: str) -> bool:
    return contains_pan(value.encode())


def _joined(value: str) -> bytes:
    return value.encode().translate(None, b" -")


def _digit_runs(value: str) -> list[bytes]:
    return _DIGIT_RUN.findall(without_digests(value.encode()))


def _printable(longest: int) -> StringConstraints:
    """Printable ASCII, no space at either end."""
    return StringConstraints(strict=True, pattern=rf"^[!-~](?:[ -~]{{0,{longest - 2}}}[!-~])?$")


Token = Annotated[str, _printable(128), _NoCardNumber(_looks_like_pan)]
"""Stands for a card or an account: 1 to 128 printable ASCII characters, no space at either end."""

Identifier = Annotated[str, _printable(64), _NoCardNumber(_holds_card_number)]
"""Names a transaction, merchant or terminal: 1 to 64 printable ASCII characters, no space at either end."""

Counterparty = Annotated[str, _printable(128), _NoCardNumber(_holds_card_number)]
"""Who was paid: either an `Identifier` or a `Token`, checked as either was when the transaction came in."""

Code = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$"),
    _NoCardNumber(_holds_card_number),
]
"""A category in the sender's own vocabulary: letters, digits, underscore, dot and dash, 32 at most."""

Text = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,280}$"),
    _NoCardNumber(_holds_card_number_in_text),
]
"""One line for a person: 1 to 280 characters, none of them a control character."""
