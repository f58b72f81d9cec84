"""What stands for a card, an account, a merchant or a transaction, and is never a card number.

| type | names | refused |
|---|---|---|
| `Token` | a card or an account | a card number (`schemas.fields.pan`), an IBAN |
| `Identifier` | a transaction, a merchant, a terminal | a card number |
| `Counterparty`, `Code`, `Text` | whoever was paid, a category, a remark | a card number |

Three forms always pass: a keyed hash of 32 hexadecimal digits or more, a UUID, and whatever has no 12 digits
in a row. Of 16 random digits three in a hundred are refused, whatever letters stand before them; of 15-digit
network ids, and of a retrieval reference number with its trace number, fewer than one in a thousand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Strict
from pydantic_core import core_schema

from schemas.errors import ErrorType
from schemas.fields.pan import contains_pan, holds_card_number, is_card_number, is_iban
from schemas.privacy import NETWORKS_ONLY, Privacy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["Code", "Counterparty", "Identifier", "Text", "Token"]

# Without 12 digits that only separators part, no card number is in a string of ASCII.
_BETWEEN = r" ._/:-"
_RUN = rf"[{_BETWEEN}]*(?:[0-9][{_BETWEEN}]*){{0,11}}"
_FEW_DIGITS = rf"^(?:{_RUN}[^0-9{_BETWEEN}])*{_RUN}$"
_FEW_DIGITS_IN_ASCII = rf"^(?:{_RUN}[^0-9\x{{80}}-\x{{10FFFF}}{_BETWEEN}])*{_RUN}$"
_NO_WORD = re.compile("[^0-9A-Za-z]")
_NO_IBAN = r"^(?:.{0,3}$|[^A-Za-z]|.[^A-Za-z]|..[^0-9]|...[^0-9])"
_ADVICE = "send a keyed hash in its place, of which 32 hexadecimal digits or more always pass"


@dataclass(frozen=True, slots=True)
class _Without:
    """Annotated marker for a string: an error where something is found in it.

    Python is asked only of a string that the pattern does not clear: most are, and a call for each field of
    each transaction adds up.

    Attributes:
        finds: looks into a string, by the rules of the validation's context.
        cleared: pattern of strings that need no look.
        error_type: kind of fault.
        sentence: says what is wrong, and what to do.
    """

    finds: Callable[[str, Privacy], bool]
    cleared: str
    error_type: ErrorType
    sentence: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Check what the string must be, then that nothing is found in it."""
        plain = core_schema.str_schema(pattern=self.cleared)
        asked = core_schema.with_info_plain_validator_function(self._refuse)
        either = core_schema.union_schema(
            [plain, asked],
            mode="left_to_right",
            custom_error_type=self.error_type,
            custom_error_message=self.sentence,
        )
        return core_schema.chain_schema([handler(source), either])

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe what the string must be; no schema can say the rest."""
        return handler(cast("core_schema.ChainSchema", schema)["steps"][0])

    def _refuse(self, value: str, info: core_schema.ValidationInfo[Privacy | None]) -> str:
        if self.finds(value, info.context or NETWORKS_ONLY):
            raise ValueError(self.error_type)
        return value


def _holds_card_number(value: str, privacy: Privacy) -> bool:
    joined = _NO_WORD.sub("", value)
    if joined.isdigit():  # grouped in whatever way
        return is_card_number(joined.encode(), privacy.card_prefixes)
    return holds_card_number(value, privacy.card_prefixes)


def _holds_card_number_in_text(value: str, privacy: Privacy) -> bool:
    return contains_pan(value.encode(), privacy.card_prefixes)


def _is_iban(value: str, _: Privacy) -> bool:
    return is_iban(value)


_NO_CARD_NUMBER = _Without(
    _holds_card_number, _FEW_DIGITS, ErrorType.PAN, f"must not hold a card number: {_ADVICE}"
)
_NO_CARD_NUMBER_IN_TEXT = _Without(
    _holds_card_number_in_text,
    _FEW_DIGITS_IN_ASCII,
    ErrorType.PAN,
    "must not hold a card number: leave it out",
)
_NOT_AN_IBAN = _Without(_is_iban, _NO_IBAN, ErrorType.IBAN, f"must not be an IBAN: {_ADVICE}")


@dataclass(frozen=True, slots=True)
class _Form:
    """Annotated marker for a string: its pattern, and the sentence that refuses another one."""

    pattern: str
    sentence: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Check that it is a string, then its form."""
        form = core_schema.custom_error_schema(
            core_schema.str_schema(pattern=self.pattern),
            custom_error_type=ErrorType.INVALID_VALUE,
            custom_error_message=self.sentence,
        )
        return core_schema.chain_schema([handler(source), form])

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe both."""
        return handler(cast("core_schema.ChainSchema", schema)["steps"][0]) | {"pattern": self.pattern}


def _printable(longest: int) -> _Form:
    return _Form(
        rf"^[!-~](?:[ -~]{{0,{longest - 2}}}[!-~])?$",
        f"must be 1 to {longest} printable ASCII characters, with no space at either end",
    )


Token = Annotated[str, Strict(), _printable(128), _NO_CARD_NUMBER, _NOT_AN_IBAN]
"""Stands for a card or an account: 1 to 128 printable ASCII characters, no space at either end."""

Identifier = Annotated[str, Strict(), _printable(64), _NO_CARD_NUMBER]
"""Names a transaction, merchant or terminal: 1 to 64 printable ASCII characters, no space at either end."""

Counterparty = Annotated[str, Strict(), _printable(128), _NO_CARD_NUMBER]
"""Who was paid: either an `Identifier` or a `Token`, checked as either was when the transaction came in."""

Code = Annotated[
    str,
    Strict(),
    _Form(
        r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$",
        "must be 1 to 32 letters, digits, underscores, dots and dashes, the first a letter or digit",
    ),
    _NO_CARD_NUMBER,
]
"""A category in the sender's own vocabulary: letters, digits, underscore, dot and dash, 32 at most."""

Text = Annotated[
    str,
    Strict(),
    _Form(r"^[^\x00-\x1f\x7f-\x9f]{1,280}$", "must be 1 to 280 characters, none of them a control character"),
    _NO_CARD_NUMBER_IN_TEXT,
]
"""One line for a person: 1 to 280 characters, none of them a control character."""
