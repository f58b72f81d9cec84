"""What stands for a card, an account, a merchant or a transaction, and is never a card number.

A `Token` stands for a card or account. It is refused when its digits could be a card number of any network,
since a token that looks like one is most likely one. A digest in hexadecimal, or a value with a letter
prefix, is the form to choose: of tokens of 12 to 19 digits alone, one in ten passes the Luhn test by chance.

An `Identifier` names a transaction, merchant or terminal. Such values are often long numbers, so it is
refused only when the number also lies in a card network's range.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

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

__all__ = ["Code", "Counterparty", "Identifier", "Text", "Token", "contains_pan", "mask_numbers", "mask_pans"]

# Most values have no such run and are done with after this one search.
_ENOUGH_DIGITS = re.compile(r"[0-9 -]{12}")
_DIGIT_RUN = re.compile(rb"(?<![0-9])[0-9]{13,19}(?![0-9])")
_HEXADECIMAL = re.compile(rb"[0-9]*[A-Fa-f][0-9A-Fa-f]*")
_SENTENCE = "must not hold a card number: send a token or a keyed hash in its place"


def refuse_account_number(value: str) -> str:
    """Return a token unchanged.

    Raises:
        PydanticCustomError: type `pan`, where the whole value has 12 to 19 digits that pass Luhn, or where a
            run of 13 to 19 that does stands inside it (in hexadecimal: only if it is of a card network).
    """
    return _refuse(value, _looks_like_pan)


def refuse_card_number(value: str) -> str:
    """Return an identifier unchanged.

    Raises:
        PydanticCustomError: type `pan`, where it is or has in it a number of a card network's range that
            passes Luhn.
    """
    return _refuse(value, _holds_card_number)


def refuse_card_number_in_text(value: str) -> str:
    """Return a text unchanged.

    Raises:
        PydanticCustomError: type `pan`, where `contains_pan` finds a card number, grouped or not.
    """
    return _refuse(value, lambda text: contains_pan(text.encode()))


def _refuse(value: str, is_pan: Callable[[str], bool]) -> str:
    if _ENOUGH_DIGITS.search(value) and is_pan(value):
        raise PydanticCustomError(ErrorType.PAN, _SENTENCE)
    return value


def _looks_like_pan(value: str) -> bool:
    digits = _joined(value)
    if digits.isdigit():
        return may_be_card_number(digits)
    refused = is_card_number if _HEXADECIMAL.fullmatch(digits) else may_be_card_number
    return any(map(refused, _digit_runs(value)))


def _holds_card_number(value: str) -> bool:
    return is_card_number(_joined(value)) or any(map(is_card_number, _digit_runs(value)))


def _joined(value: str) -> bytes:
    return value.encode().translate(None, b" -")


def _digit_runs(value: str) -> list[bytes]:
    return _DIGIT_RUN.findall(without_digests(value.encode()))


def _printable(longest: int) -> StringConstraints:
    """Printable ASCII, no space at either end."""
    return StringConstraints(strict=True, pattern=rf"^[!-~](?:[ -~]{{0,{longest - 2}}}[!-~])?$")


Token = Annotated[str, _printable(128), AfterValidator(refuse_account_number)]
"""Stands for a card or an account: 1 to 128 printable ASCII characters, no space at either end."""

Identifier = Annotated[str, _printable(64), AfterValidator(refuse_card_number)]
"""Names a transaction, merchant or terminal: 1 to 64 printable ASCII characters, no space at either end."""

Counterparty = Annotated[str, _printable(128), AfterValidator(refuse_card_number)]
"""Who was paid: either an `Identifier` or a `Token`, checked as either was when the transaction came in."""

Code = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$"),
    AfterValidator(refuse_card_number),
]
"""A category in the sender's own vocabulary: letters, digits, underscore, dot and dash, 32 at most."""

Text = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,280}$"),
    AfterValidator(refuse_card_number_in_text),
]
"""One line for a person: 1 to 280 characters, none of them a control character."""
