"""Money: decimal strings in, exact minor units out, nothing lost between."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from schemas.fields.money import (
    MINOR_UNITS,
    Amount,
    check_minor_units,
    decimals,
    from_minor_units,
    to_minor_units,
)

AMOUNT = TypeAdapter(Amount)
CURRENCIES = st.sampled_from(sorted(MINOR_UNITS))
LARGEST = 10**12


@given(currency=CURRENCIES, data=st.data())
def test_minor_units_become_an_amount_and_come_back(currency: str, data: st.DataObject) -> None:
    units = data.draw(st.integers(0, LARGEST * 10 ** MINOR_UNITS[currency] - 1))
    amount = from_minor_units(units, currency)
    assert AMOUNT.validate_python(amount) == amount
    assert decimals(amount) == MINOR_UNITS[currency]
    check_minor_units("amount", amount, currency)
    assert to_minor_units(amount, currency) == units


@given(currency=CURRENCIES, amount=st.from_regex(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,4})?", fullmatch=True))
def test_an_amount_is_exact_or_refused_for_its_currency(currency: str, amount: str) -> None:
    if Decimal(amount).normalize().as_tuple().exponent < -MINOR_UNITS[currency]:
        with pytest.raises(PydanticCustomError):
            check_minor_units("amount", amount, currency)
    else:
        check_minor_units("amount", amount, currency)
        assert to_minor_units(amount, currency) == Decimal(amount).scaleb(MINOR_UNITS[currency])


def test_currencies_have_the_minor_units_of_the_standard() -> None:
    assert [MINOR_UNITS[code] for code in ("EUR", "JPY", "KWD", "CLF")] == [2, 0, 3, 4]
    assert not {"XAU", "XXX", "XTS", "XDR"} & set(MINOR_UNITS)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-1",
        "+1",
        "1.",
        ".5",
        "1e3",
        "NaN",
        "Infinity",
        "1,5",
        "1 000",
        "01",
        "00",
        "1" * 13,
        "1." + "0" * 19,
        "\u0661",
    ],
)
def test_text_that_is_no_plain_decimal_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="decimal string"):
        AMOUNT.validate_python(value)


@pytest.mark.parametrize("value", [1, 1.5, True, Decimal("2.5"), b"3", float("nan")])
def test_a_number_is_refused_with_the_word_to_send_a_string(value: object) -> None:
    with pytest.raises(ValidationError, match=r'string such as "12\.50" \(a JSON number loses digits\)'):
        AMOUNT.validate_python(value)
