"""Decoding raises `InvalidMessage` or nothing, shows nothing of the message, and hurts nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.decoding import MAX_BYTES, MAX_DEPTH
from schemas.errors import ErrorType, InvalidMessage
from schemas.label import decode_label
from schemas.privacy import Privacy, UnknownFields
from schemas.transaction import decode_transaction

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
CARD = (GOLDEN / "transaction.card.json").read_bytes().strip()
TRANSFER = (GOLDEN / "transaction.transfer.json").read_bytes().strip()
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def refusal(data: bytes) -> InvalidMessage | None:
    try:
        decode_transaction(data)
    except InvalidMessage as error:
        return error
    return None


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid message with some of its bytes cut out, replaced or put in."""
    data = bytearray(draw(st.sampled_from([CARD, TRANSFER])))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 8)))
        data[start:end] = draw(
            st.binary(max_size=8) | st.sampled_from([b'"', b"{", b"[", b"\\", b",", b"\\ud800"])
        )
    return bytes(data)


@settings(max_examples=300)
@given(data=st.binary(max_size=200) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_raise_nothing_but_invalid_message(data: bytes) -> None:
    error = refusal(data)
    assert error is not None
    assert error.error_type in ErrorType
    with pytest.raises(InvalidMessage):
        decode_label(data)


@settings(max_examples=500)
@given(data=mutated())
def test_a_mutated_message_is_decoded_or_refused(data: bytes) -> None:
    refusal(data)


@settings(max_examples=300)
@given(data=st.data())
def test_any_value_in_any_field_is_decoded_or_refused(data: st.DataObject) -> None:
    document = json.loads(data.draw(st.sampled_from([CARD, TRANSFER])))
    document[data.draw(st.sampled_from(sorted(document)))] = data.draw(JSON_VALUES)
    refusal(json.dumps(document, allow_nan=True).encode())


@settings(max_examples=200)
@given(field=st.sampled_from(sorted(json.loads(CARD))), noise=st.text("abcXYZ-_", min_size=3, max_size=8))
def test_what_was_refused_appears_in_no_text_and_no_chained_exception(field: str, noise: str) -> None:
    marker = f"\N{SNOWMAN}{noise}"
    error = refusal(json.dumps(json.loads(CARD) | {field: marker}).encode())
    assert error is not None
    assert marker not in f"{error} {error!r} {error.reason} {error.field} {error.args}"
    assert error.__context__ is None
    assert error.__cause__ is None


@pytest.mark.parametrize("data", [b'{"a":1', b'{"a":1,"a":2}', b"[]", CARD.replace(b'"1990"', b"1990")])
def test_a_refusal_carries_no_chained_exception(data: bytes) -> None:
    error = refusal(data)
    assert error is not None
    assert error.__context__ is None


def test_a_message_of_the_largest_size_is_taken_and_one_byte_more_is_not() -> None:
    largest = CARD + b" " * (MAX_BYTES - len(CARD))
    assert refusal(largest) is None
    error = refusal(largest + b" ")
    assert error is not None
    assert error.error_type is ErrorType.TOO_LARGE


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_taken_to_its_limit_and_refused_beyond(opening: bytes, closing: bytes) -> None:
    def nested(depth: int) -> bytes:
        return CARD[:-1] + b',"unknown":' + opening * depth + b"0" + closing * depth + b"}"

    assert refusal(nested(MAX_DEPTH - 1)) is None
    for depth in (MAX_DEPTH, 10 * MAX_DEPTH, 8_000):
        error = refusal(nested(depth))
        assert error is not None
        assert error.error_type is ErrorType.TOO_DEEP


def test_wide_unknown_fields_and_brackets_in_strings_are_no_nesting() -> None:
    wide = json.dumps(json.loads(CARD) | {"wide": [[{}]] * 100, "text": "[" * 100 + '"{\\'})
    assert refusal(wide.encode()) is None


NAMES = st.lists(st.text('a:"\\{[\u00e9', max_size=3), min_size=1, max_size=5)


@given(
    names=NAMES,
    values=st.lists(st.text('b:"\\}],', max_size=4), min_size=5, max_size=5),
    ascii_only=st.booleans(),
)
def test_a_name_that_occurs_twice_is_always_found_and_one_that_does_not_is_never(
    names: list[str], values: list[str], *, ascii_only: bool
) -> None:
    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only)

    members = ",".join(f"{text(name)} :{text(value)}" for name, value in zip(names, values, strict=False))
    error = refusal(CARD[:-1] + f',"unknown":{{{members}}}}}'.encode())
    assert (error is None) == (len(set(names)) == len(names))


def test_unknown_fields_are_ignored() -> None:
    assert decode_transaction(CARD[:-1] + b',"new":{"a":1}}') == decode_transaction(CARD)


WITH_CARD_NUMBER = [
    CARD[:-1] + b',"pan":"4111111111111111"}',
    CARD[:-1] + b',"pan":4111111111111111}',
    CARD[:-1] + b',"acquirer":{"card":["4111.1111.1111.1111"]}}',
    CARD[:-1] + ',"note":"\uff14111111111111111"}'.encode(),
]


@pytest.mark.parametrize("data", WITH_CARD_NUMBER)
def test_a_card_number_in_an_unknown_field_is_refused_counted_or_ignored_as_the_setting_says(
    data: bytes,
) -> None:
    counted: list[None] = []

    def take(rule: UnknownFields) -> object:
        return decode_transaction(data, Privacy(unknown_fields=rule, count=lambda: counted.append(None)))

    assert take(UnknownFields.IGNORE) == decode_transaction(CARD)
    assert counted == []
    assert take(UnknownFields.COUNT) == decode_transaction(CARD)
    assert len(counted) == 1
    with pytest.raises(InvalidMessage) as refused:
        take(UnknownFields.REFUSE)
    assert refused.value.error_type is ErrorType.PAN
    assert len(counted) == 1


def test_unknown_fields_without_a_card_number_are_taken_whatever_the_setting_says() -> None:
    data = (
        CARD[:-1]
        + b',"latitude":48.85661400000001,"reference":"612345678901234","when":"2026-11-24 10:15:30"}'
    )
    assert decode_transaction(data, Privacy(unknown_fields=UnknownFields.REFUSE)) == decode_transaction(CARD)


@pytest.mark.parametrize("field", ["card_id", "transaction_id", "pan"])
def test_the_bank_s_own_card_numbers_are_refused_wherever_they_stand(field: str) -> None:
    data = json.dumps(json.loads(CARD) | {field: "1234567812345670"}).encode()
    rules = Privacy(card_prefixes=(b"123456",), unknown_fields=UnknownFields.REFUSE)
    decode_transaction(data)
    with pytest.raises(InvalidMessage) as refused:
        decode_transaction(data, rules)
    assert refused.value.error_type is ErrorType.PAN


def test_nothing_looks_into_a_message_above_the_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: object) -> bool:
        raise AssertionError

    monkeypatch.setattr("schemas.decoding.contains_pan", look)
    error = refusal(b"4111 " * 12_000_000)
    assert error is not None
    assert error.error_type is ErrorType.TOO_LARGE


def test_a_tombstone_is_told_from_a_wrong_encoding() -> None:
    error = refusal(b"")
    assert error is not None
    assert (error.error_type, error.reason) == (ErrorType.NO_VALUE, "the record has no value (a tombstone)")


@pytest.mark.parametrize(
    ("field", "value"),
    [("merchant_id", "123456789012   "), ("merchant_id", "Caf\u00e9"), ("terminal_id", "")],
)
def test_a_padded_or_empty_identifier_is_refused_with_its_rule(field: str, value: str) -> None:
    error = refusal(json.dumps(json.loads(CARD) | {field: value}).encode())
    assert error is not None
    assert (error.error_type, error.field) == (ErrorType.INVALID_VALUE, field)
    assert error.reason == "must be 1 to 64 printable ASCII characters, with no space at either end"


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("3000.00", "JPY"), ("5000.0000", "XOF"), ("12.5000", "EUR"), ("1.2340", "KWD"), ("0.000000", "EUR")],
)
def test_zeros_beyond_the_minor_units_say_nothing_and_pass(amount: str, currency: str) -> None:
    data = json.dumps(json.loads(CARD) | {"amount": amount, "currency": currency}).encode()
    taken = decode_transaction(data)
    assert taken.currency == currency


@pytest.mark.parametrize(("amount", "currency"), [("3000.10", "JPY"), ("12.5010", "EUR")])
def test_decimals_beyond_the_minor_units_are_refused(amount: str, currency: str) -> None:
    error = refusal(json.dumps(json.loads(CARD) | {"amount": amount, "currency": currency}).encode())
    assert error is not None
    assert error.error_type is ErrorType.INVALID_AMOUNT
