"""Dead letters: Kafka Connect's headers, as text."""

from __future__ import annotations

import pytest

from schemas.dead_letter import ERROR_TYPE_HEADER, DeadLetter
from schemas.errors import ErrorType, InvalidMessage

LETTER = DeadLetter(
    topic="transactions",
    partition=3,
    offset=2**40,
    agent="scoring",
    stage="VALUE_CONVERTER",
    exception="InvalidMessage",
    reason="must not hold a card number",
    error_type=ErrorType.PAN,
    field="card_id",
)


def test_headers_are_utf_8_text_under_the_names_of_kafka_connect() -> None:
    headers = dict(LETTER.to_headers())
    assert headers["__connect.errors.offset"] == b"1099511627776"
    assert headers["__connect.errors.exception.message"] == b"must not hold a card number"
    assert headers[ERROR_TYPE_HEADER] == b"pan"
    assert all(name.startswith(("__connect.errors.", "fraudstream-")) for name in headers)


def test_a_dead_letter_is_read_from_its_headers_among_those_that_it_came_with() -> None:
    came_with = [("trace", b"\xff\x00"), ("__connect.errors.topic", b"older"), ("empty", None)]
    assert DeadLetter.from_headers([*came_with, *LETTER.to_headers()]) == LETTER


def test_a_fault_of_the_whole_message_names_no_field() -> None:
    whole = LETTER.model_copy(update={"field": None})
    assert "fraudstream-error-field" not in dict(whole.to_headers())
    assert DeadLetter.from_headers(whole.to_headers()) == whole


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (ERROR_TYPE_HEADER, b"no such type"),
        ("__connect.errors.offset", b"\xff"),
        ("__connect.errors.partition", b"-1"),
    ],
)
def test_headers_of_another_kind_are_refused(header: str, value: bytes) -> None:
    with pytest.raises(InvalidMessage) as refused:
        DeadLetter.from_headers([*LETTER.to_headers(), (header, value)])
    assert refused.value.field == header
