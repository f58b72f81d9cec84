"""Money on the wire: decimal strings in major units, with the minor units that ISO 4217 gives the currency.

JSON numbers lose digits in many parsers, so a number is refused. So are a sign, an exponent, NaN, leading
zeros (ISO 8583 pads amounts in minor units: `000000012500` would silently become a hundred times too much)
and more than 12 integer digits, the width of the amount fields of ISO 8583.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from iso4217 import Currency
from pydantic import StringConstraints
from pydantic_core import PydanticCustomError

from schemas.errors import ErrorType, Refusal
from schemas.fields.codes import OneOf

if TYPE_CHECKING:
    from collections.abc import Mapping

MINOR_UNITS: Mapping[str, int] = {
    currency.code: currency.exponent for currency in Currency if currency.exponent is not None
}
"""Alphabetic code of each currency with minor units -> its number of decimals. Metals, units of account and
test codes have none in ISO 4217 and are no money."""

Amount = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,18})?$"),
    Refusal(
        ErrorType.INVALID_AMOUNT,
        'must be a decimal string such as "12.50" (a JSON number loses digits), not negative, '
        "with at most 12 digits before the point and no leading zeros",
    ),
]
"""Decimal string in major units, as a column of a database has it: `3000.00` is an amount in yen.

`check_minor_units` checks the decimals that are no zeros at its end against the currency.
"""

CurrencyCode = Annotated[
    str,
    OneOf(
        "CurrencyCode",
        tuple(sorted(MINOR_UNITS)),
        "must be an alphabetic currency code of ISO 4217 with minor units",
    ),
]


def decimals(amount: str) -> int:
    """Count the decimals of an amount.

    >>> decimals("12.50"), decimals("3000")
    (2, 0)
    """
    return len(amount.partition(".")[2])


def check_minor_units(field: str, amount: str, currency: str) -> None:
    """Check that an amount has no more decimals than its currency, but for zeros at its end.

    Raises:
        PydanticCustomError: type `invalid-amount`, naming the field.
    """
    if decimals(amount.rstrip("0")) > MINOR_UNITS[currency]:
        context: dict[str, Any] = {"field": field, "currency": currency, "decimals": MINOR_UNITS[currency]}
        raise PydanticCustomError(
            ErrorType.INVALID_AMOUNT, "has more decimals than the {decimals} of {currency}", context
        )


def to_minor_units(amount: str, currency: str) -> int:
    """Convert an amount to whole minor units, exactly.

    >>> to_minor_units("12.5", "EUR"), to_minor_units("3000.00", "JPY"), to_minor_units("1.234", "KWD")
    (1250, 3000, 1234)
    """
    whole, _, fraction = amount.partition(".")
    return int(whole + fraction.rstrip("0").ljust(MINOR_UNITS[currency], "0"))


def from_minor_units(units: int, currency: str) -> str:
    """Write whole minor units (not negative) as an amount with all decimals of the currency.

    >>> from_minor_units(5, "EUR"), from_minor_units(3000, "JPY")
    ('0.05', '3000')
    """
    places = MINOR_UNITS[currency]
    if places == 0:
        return str(units)
    digits = str(units).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}"
