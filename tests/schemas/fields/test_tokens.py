"""Card numbers: found, refused where a token belongs, masked where they must be stored."""

from __future__ import annotations

import json
import random
import time
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.fields.pan import contains_pan, is_card_number, mask_numbers, mask_pans, passes_luhn
from schemas.fields.tokens import Code, Identifier, Text, Token
from schemas.privacy import Privacy

if TYPE_CHECKING:
    from collections.abc import Callable

# Numbers that the networks publish for tests; nobody's cards.
TEST_CARDS = [
    "4111111111111111",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "6011111111111117",
    "3530111333300000",
    "6200000000000005",
    "6759649826438453",
]
UNKNOWN_NETWORK = "1234567812345670"
DIGEST = "a4111111111111111" + "0f" * 8
TOKEN, IDENTIFIER, CODE, TEXT = map(TypeAdapter, (Token, Identifier, Code, Text))


def refused_as_pan(adapter: TypeAdapter[str], value: str) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return [details["type"] for details in error.errors()] == ["pan"]
    return False


def with_check_digit(payload: str) -> str:
    """Append the digit that makes a number pass Luhn."""
    return next(payload + digit for digit in "0123456789" if passes_luhn((payload + digit).encode()))


def grouped(number: str, separator: str) -> str:
    return separator.join(number[index : index + 4] for index in range(0, len(number), 4))


CARD_NUMBERS = st.sampled_from(TEST_CARDS) | st.from_regex(r"4[0-9]{14}", fullmatch=True).map(
    with_check_digit
)
# Dense in what matters: digits, separators, hexadecimal letters, escapes, whole card numbers.
TEXTS = st.lists(
    CARD_NUMBERS.map(str.encode)
    | CARD_NUMBERS.map(lambda number: grouped(number, " ").encode())
    | CARD_NUMBERS.map(lambda number: grouped(number, "-").encode())
    | st.sampled_from([b"\\u0034", b"\\u0020", b'":"', b" ", b"-", b"*", DIGEST.encode()])
    | st.text("0123456789", max_size=20).map(str.encode)
    | st.text("abcdef0123456789 -", max_size=24).map(str.encode)
    | st.binary(max_size=3),
    max_size=8,
).map(b"".join)


@given(
    payload=st.text("0123456789", min_size=1, max_size=18), position=st.integers(0), change=st.integers(1, 9)
)
def test_luhn_finds_every_single_wrong_digit(payload: str, position: int, change: int) -> None:
    digits = [int(digit) for digit in with_check_digit(payload)]
    position %= len(digits)
    digits[position] = (digits[position] + change) % 10
    assert not passes_luhn("".join(map(str, digits)).encode())


@pytest.mark.parametrize("number", TEST_CARDS)
def test_a_number_of_each_network_is_recognised(number: str) -> None:
    assert is_card_number(number.encode())


@pytest.mark.parametrize("adapter", [TOKEN, IDENTIFIER, TEXT])
@pytest.mark.parametrize("number", TEST_CARDS)
@pytest.mark.parametrize("form", ["{}", "card:{}", "{} exp 12/29", "x{}y"])
def test_a_card_number_is_refused_wherever_it_stands(
    adapter: TypeAdapter[str], number: str, form: str
) -> None:
    assert refused_as_pan(adapter, form.format(number))


@pytest.mark.parametrize("separator", [" ", "-"])
def test_a_grouped_card_number_is_refused(separator: str) -> None:
    for number in TEST_CARDS:
        assert refused_as_pan(TOKEN, grouped(number, separator))
        assert refused_as_pan(IDENTIFIER, grouped(number, separator))
        assert refused_as_pan(TEXT, f"customer read {grouped(number, separator)} aloud")


@pytest.mark.parametrize("separator", [".", "_", "/", ":", "  ", " - ", " / "])
def test_a_card_number_is_refused_whatever_parts_its_groups(separator: str) -> None:
    for number in TEST_CARDS:
        assert refused_as_pan(TOKEN, grouped(number, separator))
        assert refused_as_pan(IDENTIFIER, f"card {grouped(number, separator)} x")
        assert refused_as_pan(TEXT, f"customer read {grouped(number, separator)} aloud")


@pytest.mark.parametrize(
    "separator", ["", "\u2009", "\u00a0", "\u3000", "\u2011", "\u2013", "\u200b", " \u2007"]
)
@pytest.mark.parametrize("zero", ["0", "\uff10", "\u0660", "\u0966"])
def test_a_card_number_is_refused_in_any_digits_and_with_any_spaces(separator: str, zero: str) -> None:
    digits = {ord("0") + digit: chr(ord(zero) + digit) for digit in range(10)}
    written = grouped("4111111111111111", separator).translate(digits)
    assert refused_as_pan(TEXT, f"customer read {written} aloud")
    text = f'{{"a":"{written}"}}'
    for sent in (text.encode(), json.dumps(written).encode()):
        assert contains_pan(sent)
        assert not contains_pan(mask_pans(sent))


@pytest.mark.parametrize("adapter", [TOKEN, IDENTIFIER, TEXT])
def test_the_bank_s_own_prefixes_count_beside_the_networks(adapter: TypeAdapter[str]) -> None:
    own = Privacy(card_prefixes=(b"1234",))
    for written in (UNKNOWN_NETWORK, grouped(UNKNOWN_NETWORK, " "), f"card:{UNKNOWN_NETWORK}"):
        assert adapter.validate_python(written) == written
        with pytest.raises(ValidationError, match="must not hold a card number"):
            adapter.validate_python(written, context=own)
    assert adapter.validate_python("1235567812345678", context=own)


IBANS = [
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
]


@pytest.mark.parametrize("iban", IBANS)
def test_an_iban_is_no_token(iban: str) -> None:
    for written in (iban, iban.lower(), grouped(iban, " "), grouped(iban, "-")):
        with pytest.raises(ValidationError) as refused:
            TOKEN.validate_python(written)
        assert [details["type"] for details in refused.value.errors()] == ["iban"]
        masked = mask_numbers(f'{{"debtor_account":"{written}"}}'.encode())
        assert written[-4:].encode() in masked
        assert written[-6:].encode() not in masked
        assert IDENTIFIER.validate_python(written) == written
    wrong = iban[:2] + f"{(int(iban[2:4]) + 1) % 97:02}" + iban[4:]
    assert TOKEN.validate_python(wrong) == wrong


SEED = random.Random(20261124)
FORMS: dict[str, tuple[Callable[[], str], float]] = {
    "hexadecimal digest, 32 digits": (lambda: f"{SEED.getrandbits(128):032x}", 0.0),
    "hexadecimal digest, 64 digits": (lambda: f"{SEED.getrandbits(256):064x}", 0.0),
    "UUID": (lambda: str(uuid.UUID(int=SEED.getrandbits(128))), 0.0),
    "11 digits": (lambda: _digits(11), 0.0),
    "Visa transaction identifier of 2026": (lambda: f"6{_day()}{_digits(11)}", 0.005),
    "retrieval reference and trace number of 2026": (lambda: f"6{_day()}{_digits(8)}{_digits(6)}", 0.005),
    "the same with a dash": (lambda: f"6{_day()}{_digits(8)}-{_digits(6)}", 0.005),
    "T and 15 digits of 2026": (lambda: f"T6{_day()}{_digits(11)}", 0.005),
    "12 digits": (lambda: _digits(12), 0.005),
    "tok_ and 16 digits": (lambda: f"tok_{_digits(16)}", 0.05),
    "16 digits": (lambda: _digits(16), 0.05),
}


def _digits(count: int) -> str:
    return "".join(SEED.choices("0123456789", k=count))


def _day() -> str:
    return f"{SEED.randint(1, 366):03}"


@pytest.mark.parametrize("form", FORMS)
def test_ids_that_banks_have_are_seldom_taken_for_card_numbers_and_those_that_docs_advise_never(
    form: str,
) -> None:
    make, bound = FORMS[form]
    values = [make() for _ in range(20_000)]
    for adapter in (TOKEN, IDENTIFIER):
        share = sum(not _passes(adapter, value) for value in values) / len(values)
        print(f"{form}: {share:.2%} refused")  # noqa: T201 - the figure of docs/kafka.md
        assert share <= bound


def _passes(adapter: TypeAdapter[str], value: str) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("look", [contains_pan, mask_pans, mask_numbers])
@pytest.mark.parametrize(
    "piece",
    [
        *(b"4111 ", b"411 ", b"33 ", b"44-", b"4", b"4111111111111112 ", b"4111.1111.1111.1112/", b"1..."),
        *(b"DE12 ", b"12345678-1234-", b"\\u0034", "\uff14".encode(), b"4.4,", b"0a", b" "),
    ],
)
def test_looking_for_card_numbers_takes_time_in_proportion_to_the_text(
    look: Callable[[bytes], object], piece: bytes
) -> None:
    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        began = time.process_time()
        look(text)
        return time.process_time() - began

    short = min(seconds(16_384) for _ in range(3))
    long = min(seconds(131_072) for _ in range(3))
    assert long <= 0.3
    assert long <= 8 * 4 * short + 0.01


@pytest.mark.parametrize(
    "value",
    [
        DIGEST,
        f"tok_{DIGEST}",
        "8f14e45f-ceea-467f-a9d2-0c5f3b1a2d3c",
        "card-000123",
        "1" * 32,
        "411111111111",
    ],
)
def test_digests_short_numbers_and_longer_ones_are_tokens(value: str) -> None:
    assert TOKEN.validate_python(value) == value


@pytest.mark.parametrize("value", ["", " ", " a", "a ", "a\n", "a\x00", "\u0664", "caf\u00e9", "x" * 129])
def test_a_token_is_bounded_printable_ascii(value: str) -> None:
    with pytest.raises(ValidationError):
        TOKEN.validate_python(value)


@pytest.mark.parametrize("value", ["", "pos terminal", "-x", "x" * 33, "a/b"])
def test_a_code_is_one_short_word(value: str) -> None:
    with pytest.raises(ValidationError):
        CODE.validate_python(value)


@settings(max_examples=300)
@given(text=TEXTS)
def test_masking_leaves_no_card_number_that_is_found(text: bytes) -> None:
    assert not contains_pan(mask_pans(text))
    assert not contains_pan(mask_numbers(text))


@settings(max_examples=300)
@given(text=TEXTS)
def test_masking_changes_nothing_where_no_card_number_is_found(text: bytes) -> None:
    assume(not contains_pan(text))
    assert mask_pans(text) == text


@given(text=TEXTS)
def test_masking_twice_is_masking_once(text: bytes) -> None:
    assert mask_pans(mask_pans(text)) == mask_pans(text)


@given(
    number=CARD_NUMBERS,
    before=st.sampled_from([b'{"a":"', b"", b" "]),
    after=st.sampled_from([b'"}', b"", b"."]),
)
def test_a_masked_number_keeps_its_last_four_digits_and_its_surroundings(
    number: str, before: bytes, after: bytes
) -> None:
    digits = number.encode()
    masked = before + b"*" * (len(digits) - 4) + digits[-4:] + after
    assert mask_pans(before + digits + after) == mask_numbers(before + digits + after) == masked


@given(number=CARD_NUMBERS, separator=st.sampled_from(["", " ", "-", " - ", ".", "_", "/", ":", "  "]))
def test_whatever_number_a_token_field_refuses_is_masked_in_the_dead_letter(
    number: str, separator: str
) -> None:
    value = grouped(number, separator)
    assert refused_as_pan(TOKEN, value)
    masked = mask_numbers(f'{{"card_id":"{value}"}}'.encode())
    assert sum(byte in b"0123456789" for byte in masked) == 4


@pytest.mark.parametrize(
    "text", [b"\\u0034111111111111111", b"411111111111111\\u0031", b"4111\\u00201111\\u002d1111 1111"]
)
def test_an_escaped_card_number_is_found_and_masked(text: bytes) -> None:
    assert contains_pan(text)
    assert mask_pans(text).endswith(b"1111")
    assert mask_pans(text).count(b"*") == 12


@pytest.mark.parametrize("number", TEST_CARDS)
def test_a_card_number_is_found_in_raw_json_as_text_or_number(number: str) -> None:
    assert contains_pan(b'{"a":"%b"}' % number.encode())
    assert contains_pan(b'{"a":%b,"b":1}' % number.encode())
    assert not contains_pan(b'{"a":1%b1234567}' % number.encode())
