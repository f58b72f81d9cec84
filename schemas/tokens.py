"""What stands for a card, an account, a merchant or a transaction, and is never a card number.

A `Token` stands for a card or account. It is refused when its digits could be a card number of any network,
since a token that looks like one is most likely one. A digest in hexadecimal, or a value with a letter
prefix, is the form to choose: of tokens of 12 to 19 digits alone, one in ten passes the Luhn test by chance.

An `Identifier` names a transaction, merchant or terminal. Such values are often long numbers, so it is
refused only when the number also lies in a card network's range.
"""

from __future__ import annotations

import re
from typing import Annotated

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

__all__ = ["Code", "Counterparty", "Identifier", "Text", "Token", "contains_pan", "mask_numbers", "mask_pans"]

# Most values have no such run and are done with after this one search.
_ENOUGH_DIGITS = re.compile(r"[0-9 -]{12}")
_DIGIT_RUN = re.compile(rb"(?<![0-9])[0-9]{13,19}(?![0-9])")
_HEXADECIMAL = re.compile(rb"[0-9]*[A-Fa-f][0-9A-Fa-f]*")
_SENTENCE = "must not hold a card number: send a token or a keyed hash in its place"


def refuse_account_number(value: str) -> str:
    """Return a token unchanged.

    Raises:
        PydanticCustomError: type `pan`, where the whole value has 12 to 19 digits that pass Luhn, or where
        such a run
            of 13 to 19 stands inside it (in a hexadecimal value: only if it is of a card network).
    """
    if _ENOUGH_DIGITS.search(value) and _looks_like_pan(value):
        raise PydanticCustomError(ErrorType.PAN, _SENTENCE)
    return value


def refuse_card_number(value: str) -> str:
    """Return an identifier or text unchanged.

    Raises:
        PydanticCustomError: type `pan`, where a number of a card network's range that passes Luhn stands in
        it.
    """
    if _ENOUGH_DIGITS.search(value) and _holds_card_number(value):
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


Token = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[!-~](?:[ -~]{0,126}[!-~])?$"),
    AfterValidator(refuse_account_number),
]
"""Stands for a card or an account: 1 to 128 printable ASCII characters, no space at either end."""

Identifier = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[!-~](?:[ -~]{0,62}[!-~])?$"),
    AfterValidator(refuse_card_number),
]
"""Names a transaction, merchant or terminal: 1 to 64 printable ASCII characters, no space at either end."""

Counterparty = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[!-~](?:[ -~]{0,126}[!-~])?$"),
    AfterValidator(refuse_card_number),
]
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
    AfterValidator(refuse_card_number),
]
"""One line for a person: 1 to 280 characters, none of them a control character."""
