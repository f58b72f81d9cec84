"""Dead letters: byte for byte what came, why it was refused, and never a card number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.dead_letters import (
    MASKED_HEADER,
    OMITTED_HEADER,
    dead_letter,
    dead_letter_at,
)
from agents.headers import UNREADABLE_HEADER, read_headers
from agents.runtime.testing import FakeRecord
from schemas.dead_letter import DeadLetter
from schemas.errors import ErrorType, InvalidMessage
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from agents.runtime.records import KafkaRecord, Outgoing

PAN = b"4111111111111111"
NOT_OF_A_NETWORK = b"000000000018"  # passes Luhn, in no network's range: refused in a token field only

VALID = {
    "schema_version": 1,
    "kind": "card",
    "transaction_id": "T-1",
    "event_time": "2026-03-01T12:00:00Z",
    "card_id": "card-1",
    "merchant_id": "M-1",
    "amount": "10.00",
    "currency": "EUR",
    "merchant_category_code": "5411",
    "country": "FR",
}


def received(key: bytes | None = b"card-1", value: bytes | None = b'{"broken', **fields: Any) -> FakeRecord:
    """A record of `transactions`."""
    place = {"topic": "transactions", "partition": 3, "offset": 42, "timestamp": (1, 1_700_000_000_123)}
    return FakeRecord(key, value, **(place | fields))


def refuse(
    record: KafkaRecord, error_type: ErrorType = ErrorType.NOT_JSON, reason: str = "not JSON"
) -> Outgoing:
    return dead_letter(record, error_type, reason, agent="scoring")


@settings(max_examples=60, deadline=None)
@given(
    st.none() | st.binary(max_size=40),
    st.none() | st.binary(max_size=300),
    st.lists(st.tuples(st.text("abcxyz-", min_size=1, max_size=10), st.none() | st.binary(max_size=20))),
)
def test_a_message_without_a_card_number_stays_byte_for_byte(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    letter = refuse(received(key, value, headers=headers))
    assert (letter.key, letter.value, letter.timestamp_ms) == (key, value, 1_700_000_000_123)
    assert letter.headers[: len(headers)] == headers
    assert MASKED_HEADER not in dict(letter.headers)


def test_headers_say_where_it_stood_and_why_as_text() -> None:
    letter = dead_letter(
        received(), ErrorType.INVALID_AMOUNT, "must be positive", agent="scoring", field="amount"
    )
    assert dict(letter.headers) == {
        "__connect.errors.topic": b"transactions",
        "__connect.errors.partition": b"3",
        "__connect.errors.offset": b"42",
        "__connect.errors.connector.name": b"scoring",
        "__connect.errors.task.id": b"3",
        "__connect.errors.stage": b"VALUE_CONVERTER",
        "__connect.errors.class.name": b"agents.scoring",
        "__connect.errors.exception.class.name": b"schemas.errors.InvalidMessage",
        "__connect.errors.exception.message": b"must be positive",
        "fraudstream-error-type": b"invalid-amount",
        "fraudstream-error-field": b"amount",
    }


def test_the_schema_reads_its_headers_back() -> None:
    said = DeadLetter.from_headers(refuse(received(), ErrorType.TOO_DEEP, "nested too deep").headers)
    assert (said.topic, said.partition, said.offset) == ("transactions", 3, 42)
    assert (said.error_type, said.reason) == (ErrorType.TOO_DEEP, "nested too deep")


@pytest.mark.parametrize(
    ("error_type", "stage"),
    [
        (ErrorType.EMPTY_KEY, b"KEY_CONVERTER"),
        (ErrorType.KEY_MISMATCH, b"KEY_CONVERTER"),
        (ErrorType.NOT_JSON, b"VALUE_CONVERTER"),
        (ErrorType.INTERNAL_ERROR, b"TASK_PUT"),
    ],
)
def test_the_stage_is_one_of_kafka_connect(error_type: ErrorType, stage: bytes) -> None:
    assert dict(refuse(received(), error_type).headers)["__connect.errors.stage"] == stage


@pytest.mark.parametrize("place", ["key", "value", "header", "header name"])
@pytest.mark.parametrize("error_type", [ErrorType.PAN, ErrorType.NOT_JSON])
def test_a_card_number_is_masked_wherever_it_stands(place: str, error_type: ErrorType) -> None:
    record = {
        "key": received(key=PAN),
        "value": received(value=b'{"card_id":"' + PAN + b'"}'),
        "header": received(headers=[("trace", b"card " + PAN)]),
        "header name": received(headers=[(PAN.decode(), b"x")]),
    }[place]
    letter = refuse(record, error_type)
    assert PAN not in repr(letter).encode()
    assert b"************1111" in repr(letter).encode()
    assert dict(letter.headers)[MASKED_HEADER] == b"true"


def test_a_message_refused_as_pan_is_masked_by_the_rule_that_refused_it() -> None:
    as_pan = refuse(received(value=NOT_OF_A_NETWORK), ErrorType.PAN)
    assert as_pan.value == b"********0018"
    assert refuse(received(value=NOT_OF_A_NETWORK)).value == NOT_OF_A_NETWORK


def test_the_reason_is_cut_and_masked() -> None:
    said = dict(refuse(received(), reason=f"bad {PAN.decode()} " + "x" * 5_000).headers)
    message = said["__connect.errors.exception.message"]
    assert PAN not in message
    assert len(message) == 280


@pytest.mark.parametrize("field", [*VALID])
@pytest.mark.parametrize("form", ["{}", "pan {} pan", "2026-{}"])
def test_no_header_holds_what_was_refused(field: str, form: str) -> None:
    wrong = form.format("\u00a7marker\u00a7 " + PAN.decode())
    record = received(value=orjson.dumps(VALID | {field: wrong}))
    with pytest.raises(InvalidMessage) as refused:
        decode_transaction(record.value() or b"")
    refusal = refused.value
    letter = dead_letter(record, refusal.error_type, refusal.reason, agent="scoring", field=refusal.field)
    said = b" ".join(value or b"" for _, value in letter.headers)
    assert b"marker" not in said
    assert PAN[:6] not in said
    assert PAN not in (letter.value or b"")


def test_a_card_number_at_the_cut_of_the_reason_is_masked() -> None:
    said = dict(refuse(received(), reason="x" * 270 + " " + PAN.decode()).headers)
    assert b"411111" not in said["__connect.errors.exception.message"]


def test_a_message_refused_again_tells_only_of_the_last_refusal() -> None:
    first = refuse(received(headers=[("trace", b"7")]), ErrorType.PAN, "first")
    again = refuse(received(headers=first.headers, partition=0, offset=99), ErrorType.NOT_JSON, "again")
    names = [name for name, _ in again.headers]
    assert len(names) == len(set(names))
    assert DeadLetter.from_headers(again.headers).reason == "again"
    assert MASKED_HEADER not in names
    assert again.headers[0] == ("trace", b"7")


def test_a_message_without_timestamp_gets_none() -> None:
    assert refuse(received(timestamp=(0, -1))).timestamp_ms is None


def test_a_message_larger_than_any_that_is_taken_leaves_its_position_and_why() -> None:
    letter = refuse(received(value=b"x" * 65_537, headers=[("trace", b"7")]), ErrorType.TOO_LARGE)
    assert (letter.key, letter.value, letter.timestamp_ms) == (None, None, 1_700_000_000_123)
    headers = dict(letter.headers)
    assert headers[OMITTED_HEADER] == b"true"
    assert headers["__connect.errors.offset"] == b"42"
    assert "trace" not in headers


@pytest.mark.parametrize("part", ["key", "value", "headers"])
def test_nothing_is_searched_in_a_message_larger_than_any_that_is_taken(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(_: bytes) -> bool:
        raise AssertionError

    monkeypatch.setattr("agents.dead_letters.contains_pan", search)
    huge = PAN * 1_000_000
    letter = refuse(received(**{part: [("trace", huge)] if part == "headers" else huge}))
    assert dict(letter.headers)[OMITTED_HEADER] == b"true"
    assert PAN not in repr(letter).encode()


class UnreadableHeaders(FakeRecord):
    """A record with a header name that is not UTF-8, as confluent_kafka gives it."""

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        try:
            b"\xff".decode()
        except UnicodeDecodeError as error:
            raise SystemError("returned a result with an exception set") from error
        return None


def test_headers_that_cannot_be_read_are_none_and_the_letter_says_so() -> None:
    record = UnreadableHeaders(b"card-1", b"{", topic="transactions")
    assert read_headers(record) == [(UNREADABLE_HEADER, b"true")]
    letter = refuse(record)
    assert (letter.key, letter.value) == (record.key(), record.value())
    assert dict(letter.headers)[UNREADABLE_HEADER] == b"true"


def test_a_letter_read_back_bears_no_mark_of_its_message() -> None:
    record = refuse(UnreadableHeaders(b"card-1", b"{", topic="transactions"))
    assert UNREADABLE_HEADER not in dict(refuse(received(headers=record.headers)).headers)


@pytest.mark.parametrize("method", ["key", "value", "headers", "timestamp"])
def test_a_message_that_cannot_be_copied_leaves_its_position_and_why(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: FakeRecord) -> None:
        raise MemoryError

    monkeypatch.setattr(FakeRecord, method, fail)
    letter = refuse(received())
    assert letter[:2] == (None, None)
    assert DeadLetter.from_headers(letter.headers).offset == 42
    assert dict(letter.headers)[OMITTED_HEADER] == b"true"


@pytest.mark.parametrize("error_type", [ErrorType.UNREADABLE_BATCH, ErrorType.RECORDS_LOST])
def test_records_that_nobody_can_read_have_a_letter_by_their_positions(error_type: ErrorType) -> None:
    letter = dead_letter_at("transactions", 3, 42, 99, error_type, "they are gone", agent="scoring")
    assert letter[:2] == (None, None)
    said = DeadLetter.from_headers(letter.headers)
    assert (said.topic, said.partition, said.offset, said.last_offset) == ("transactions", 3, 42, 99)
    assert (said.error_type, said.reason, said.stage) == (error_type, "they are gone", "KAFKA_CONSUME")
