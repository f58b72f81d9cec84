"""Dead letters without Kafka: what a letter holds, what is sent of it, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from agents.dead_letters import dead_letter, dead_letter_at
from agents.runtime.records import Outgoing
from agents.runtime.testing import FakeRecord
from fraudstream.admin.dead_letters import (
    REMEDIATION,
    DeadLetterLog,
    DeadLettersRefused,
    Fix,
    Place,
    ReplayNote,
    StoredDeadLetter,
)
from fraudstream.admin.dead_letters.display import (
    in_full,
    line,
    printable,
    read_mends,
    row,
    whole_row,
    write_letter,
)
from fraudstream.admin.dead_letters.log import NOTE_HEADER, REPLAY_HEADER
from fraudstream.admin.dead_letters.repair import UNCHANGED, FixedMessage, Repairer
from fraudstream.admin.dead_letters.replay import Replayed, ReplayPlan
from fraudstream.cli import app
from fraudstream.settings import Settings
from schemas.errors import ErrorType
from schemas.score import Source

if TYPE_CHECKING:
    from pathlib import Path

PAN = b"4111111111111111"  # the card network's published number for tests
MADE_AT_MS = 1_772_500_000_123
GOOD = {
    "kind": "card",
    "transaction_id": "t-1",
    "event_time": "2026-03-01T10:00:00+00:00",
    "card_id": "card-1",
    "merchant_id": "merchant-1",
    "amount": "12.50",
    "currency": "EUR",
}
VALUE = orjson.dumps(GOOD)

Headers = list[tuple[str, bytes | None]]


def received(key: bytes | None = b"card-1", value: bytes | None = VALUE, **fields: Any) -> FakeRecord:
    """A record of `transactions`."""
    place = {"topic": "transactions", "partition": 3, "offset": 42, "timestamp": (1, MADE_AT_MS)}
    return FakeRecord(key, value, **(place | {"headers": [("trace", b"7")]} | fields))


def on_topic(refused: FakeRecord, error_type: ErrorType = ErrorType.NOT_JSON, offset: int = 5) -> FakeRecord:
    """The dead letter of a record, as it stands on its topic."""
    out = dead_letter(refused, error_type, "a reason", agent="scoring", field="amount")
    return received(out.key, out.value, headers=out.headers, topic="dead-letters", partition=1, offset=offset)


def letter(
    refused: FakeRecord, error_type: ErrorType = ErrorType.NOT_JSON, offset: int = 5
) -> StoredDeadLetter:
    return StoredDeadLetter.of(on_topic(refused, error_type, offset))


def mender(source: FakeRecord | None = None, **scoring: Any) -> Repairer:
    """A mender for which `source` stands where every message came from."""
    return Repairer(Settings(scoring=scoring), lambda _: source)  # type: ignore[arg-type]


def note_on_topic(of: FakeRecord) -> FakeRecord:
    """The note that says that a letter was replayed."""
    stood = StoredDeadLetter.of(of)
    note = ReplayNote(
        letter=str(stood.place), source=stood.source, sent_to=Source("transactions", 0, 99), is_edited=False
    )
    return received(
        None,
        note.to_json(),
        headers=[(NOTE_HEADER, str(stood.place).encode())],
        topic="dead-letters",
        partition=1,
        offset=of.offset() + 1,
    )


def book(*records: FakeRecord) -> DeadLetterLog:
    taken = DeadLetterLog(lambda each: each)
    for each in records:
        taken.take(each)
    return taken


# -- letters and notes


@given(st.integers(0, 10**9 - 1), st.integers(0, 10**18 - 1))
def test_a_place_is_read_as_it_is_written(partition: int, offset: int) -> None:
    place = Place(partition, offset)
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize("text", ["", "3", "3/4", "3-", "-3-4", "3-4-5", "a-1", "\u0663-4", " 3-4", "3-4\n"])
def test_what_is_no_place_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(DeadLettersRefused, match="is no place of a dead letter") as refused:
        Place.parse(text)
    assert "\n" not in str(refused.value)


@settings(max_examples=60, deadline=None)
@given(
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=60),
    st.lists(st.tuples(st.text("abcxyz-", min_size=1, max_size=10), st.none() | st.binary(max_size=9))),
)
def test_a_letter_gives_the_message_back_as_it_came(
    key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    read = letter(received(key, value, headers=headers))
    assert read.came == Outgoing(key, value, headers, MADE_AT_MS)
    assert (read.place, read.source) == (Place(1, 5), Source("transactions", 3, 42))
    assert (read.is_masked, read.is_omitted) == (False, False)


def test_a_note_counts_for_every_letter_of_its_message() -> None:
    """At-least-once delivery may write two letters of one message: it is sent once."""
    first, again = on_topic(received(), offset=5), on_topic(received(), offset=6)
    other = on_topic(received(topic="transactions", partition=3, offset=43), offset=7)
    taken = book(first, again, other, note_on_topic(first))
    notes = {str(place): taken.note_of(each) for place, each in taken.letters.items()}
    assert [place for place, note in notes.items() if note] == ["1-5", "1-6"]
    assert {each.place.offset for each in taken.twins(taken.find(Place(1, 6)))} == {5, 6}


def test_records_of_others_are_counted_and_passed_over() -> None:
    taken = book(received(), received(value=b"?", headers=[(NOTE_HEADER, b"1-5")]), on_topic(received()))
    assert (len(taken.letters), len(taken.notes), taken.foreign) == (1, 0, 2)
    with pytest.raises(DeadLettersRefused, match="No dead letter stands at 9-9"):
        taken.find(Place(9, 9))


# -- what is sent


def test_every_error_type_says_how_it_is_mended() -> None:
    assert REMEDIATION.keys() == set(ErrorType)


def test_a_message_goes_back_as_it_came_with_the_mark_of_its_letter() -> None:
    refused = received(headers=[("trace", b"7"), ("trace", b"8"), ("none", None)])
    mended = mender().mend(letter(refused, ErrorType.INTERNAL_ERROR), UNCHANGED)
    headers = [*refused.headers(), (REPLAY_HEADER, b"1-5")]
    assert mended.record == Outgoing(b"card-1", VALUE, headers, MADE_AT_MS)
    assert (mended.partition, mended.is_edited) == (3, False), "the sender's own partition"


def test_a_message_that_was_replayed_and_refused_again_bears_the_last_mark_alone() -> None:
    refused = received(headers=[(REPLAY_HEADER, b"0-1"), ("trace", b"7")])
    mended = mender().mend(letter(refused), UNCHANGED)
    assert mended.record.headers == [("trace", b"7"), (REPLAY_HEADER, b"1-5")]


def test_a_mended_key_chooses_the_partition_and_a_mended_value_does_not() -> None:
    by_key = mender().mend(letter(received(key=None), ErrorType.EMPTY_KEY), Fix(key=b"card-1"))
    assert (by_key.record.key, by_key.record.value, by_key.partition) == (b"card-1", VALUE, -1)
    by_value = mender().mend(letter(received(value=b"?")), Fix(value=VALUE))
    assert (by_value.record.key, by_value.record.value, by_value.partition) == (b"card-1", VALUE, 3)
    assert by_key.is_edited
    assert by_value.is_edited


@pytest.mark.parametrize(
    ("refused", "mend", "reason"),
    [
        (received(value=b"?"), UNCHANGED, "not-json"),
        (received(value=None), UNCHANGED, "no-value"),
        (received(key=None), UNCHANGED, "empty-key"),
        (received(key=b"card-2"), UNCHANGED, "key-mismatch"),
        (received(value=b"?"), Fix(value=orjson.dumps(GOOD | {"card_id": "card-2"})), "key-mismatch"),
        (received(), Fix(value=orjson.dumps(GOOD | {"event_time": "2027-01-01T00:00:00Z"})), "future-time"),
        (received(topic="labels", partition=0, offset=1), UNCHANGED, "missing-field"),
    ],
)
def test_what_would_be_refused_again_is_not_sent(refused: FakeRecord, mend: Fix, reason: str) -> None:
    with pytest.raises(DeadLettersRefused, match=rf"would be refused again \({reason}: "):
        mender().mend(letter(refused), mend)


def test_the_settings_say_what_is_refused() -> None:
    assert mender(key_mismatch="score").mend(letter(received(key=None)), UNCHANGED).record.key is None


def test_a_topic_that_the_service_writes_itself_gets_nothing_back() -> None:
    with pytest.raises(DeadLettersRefused, match="came from examples, which the service itself writes"):
        mender().mend(letter(received(topic="examples", partition=0, offset=1)), UNCHANGED)


WITH_PAN = received(PAN, orjson.dumps(GOOD | {"card_id": PAN.decode()}), headers=[("card", PAN)])
KEYED_RIGHT = received(b"card-1", orjson.dumps(GOOD | {"merchant_id": PAN.decode()}))


def test_a_masked_message_needs_a_mended_value_and_a_key_that_is_no_card_number() -> None:
    masked = letter(WITH_PAN, ErrorType.PAN)
    assert masked.is_masked
    for mend, what in (
        (UNCHANGED, "give a mended value"),
        (Fix(value=VALUE), "is a card number: give a token"),
    ):
        with pytest.raises(DeadLettersRefused, match=what):
            mender(WITH_PAN).mend(masked, mend)
    mended = mender().mend(masked, Fix(value=VALUE, key=b"card-1"))
    assert (mended.record.key, mended.record.value) == (b"card-1", VALUE)
    assert PAN not in repr(mended.record).encode(), "its headers stay masked"


def test_the_key_of_a_masked_message_is_fetched_where_it_came_from() -> None:
    masked = letter(KEYED_RIGHT, ErrorType.PAN)
    mended = mender(KEYED_RIGHT).mend(masked, Fix(value=VALUE))
    assert (mended.record.key, mended.partition) == (b"card-1", 3)
    with pytest.raises(DeadLettersRefused, match="does not hold it any more at offset 42 of partition 3"):
        mender(None).mend(masked, Fix(value=VALUE))


def test_key_and_headers_of_an_omitted_message_are_fetched_where_it_came_from() -> None:
    huge = received(value=b"x" * 2_100_000)
    omitted = letter(huge, ErrorType.TOO_LARGE)
    assert omitted.is_omitted
    mended = mender(huge).mend(omitted, Fix(value=VALUE))
    assert mended.record == Outgoing(b"card-1", VALUE, [("trace", b"7"), (REPLAY_HEADER, b"1-5")], MADE_AT_MS)
    for source, mend, what in (
        (huge, UNCHANGED, "would be refused again .too-large"),
        (None, Fix(value=VALUE, key=b"card-1"), "does not hold it any more"),
    ):
        with pytest.raises(DeadLettersRefused, match=what):
            mender(source).mend(omitted, mend)


def test_an_omitted_message_goes_back_from_where_it_came_once_the_service_takes_it() -> None:
    whole = received(headers=[("trace", b"7" * 70_000)])
    mended = mender(whole).mend(letter(whole, ErrorType.INTERNAL_ERROR), UNCHANGED)
    assert (mended.record.value, mended.record.headers[0]) == (VALUE, whole.headers()[0])


@pytest.mark.parametrize("error_type", [ErrorType.UNREADABLE_BATCH, ErrorType.RECORDS_LOST])
def test_of_records_that_nobody_can_read_there_is_a_range_and_nothing_to_replay(
    error_type: ErrorType,
) -> None:
    out = dead_letter_at("transactions", 3, 42, 99, error_type, "a reason", agent="scoring")
    read = StoredDeadLetter.of(
        received(out.key, out.value, headers=out.headers, topic="dead-letters", partition=1, offset=5)
    )
    with pytest.raises(DeadLettersRefused, match="nothing to replay"):
        mender(received()).mend(read, Fix(value=VALUE, key=b"card-1"))
    assert "transactions 3/42-99" in line(row(read, None))
    shown = whole_row(read, None)
    assert (shown["offset"], shown["last_offset"], shown["content"]) == (42, 99, "none: nobody could read it")


def test_a_letter_whose_message_had_unreadable_headers_says_so_and_goes_back_without_them() -> None:
    class Unreadable(FakeRecord):
        def headers(self) -> Headers:
            raise SystemError

    read = letter(
        Unreadable(b"card-1", VALUE, 42, topic="transactions", partition=3), ErrorType.INTERNAL_ERROR
    )
    assert "headers, which cannot be read" in whole_row(read, None)["content"]
    mended = mender().mend(read, UNCHANGED)
    assert mended.record.headers == [(REPLAY_HEADER, b"1-5")]


def test_messages_go_back_in_their_order_each_once() -> None:
    at = [("transactions", 3, 44), ("transactions", 3, 42), ("transactions", 0, 50), ("transactions", 3, 42)]
    records = [
        on_topic(received(topic=topic, partition=partition, offset=at_offset), offset=number)
        for number, (topic, partition, at_offset) in enumerate(at)
    ]
    sent_before = on_topic(received(topic="transactions", partition=0, offset=1), offset=10)
    bad = on_topic(received(value=b"?", topic="transactions", partition=0, offset=2), offset=12)
    taken = book(*records, sent_before, note_on_topic(sent_before), bad)
    planned = [*ReplayPlan(taken, mender(), {}).each(taken.letters.values())]
    told = [
        (str(each.letter.place), "to send")
        if isinstance(each, FixedMessage)
        else (str(each.place), each.status)
        for each in planned
    ]
    assert told == [
        *(("1-10", "sent before"), ("1-12", "refused"), ("1-2", "to send")),
        *(("1-1", "to send"), ("1-3", "refused"), ("1-0", "to send")),
    ]
    assert [each.refusal for each in planned if isinstance(each, Replayed)][2] == "1-3 is 1-1 once more."


# -- files


def test_letters_are_edited_as_files_and_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "mends"
    refused = letter(received(b"\xff", b"\0?"))
    assert {file.name for file in write_letter(refused, folder)} == {"1-5.value", "1-5.key"}
    assert read_mends(folder) == {Place(1, 5): Fix(b"\0?", b"\xff")}
    (folder / "1-5.key").unlink()
    assert read_mends(folder) == {Place(1, 5): Fix(b"\0?")}, "what is not there stays as it came"


def test_a_card_number_gets_into_no_file(tmp_path: Path) -> None:
    files = write_letter(letter(WITH_PAN, ErrorType.PAN), tmp_path)
    assert len(files) == 2
    assert all(PAN not in file.read_bytes() for file in files)


def test_a_folder_that_holds_no_mends_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeadLettersRefused, match="holds no mends"):
        read_mends(tmp_path)
    with pytest.raises(DeadLettersRefused, match="holds neither key nor value"):
        write_letter(letter(received(None, None)), tmp_path)
    (tmp_path / "1-5.json").touch()
    with pytest.raises(
        DeadLettersRefused, match=r"its name must be a dead letter's place and \.value or \.key"
    ):
        read_mends(tmp_path)
    with pytest.raises(DeadLettersRefused, match="cannot be read"):
        read_mends(tmp_path / "absent")
    with pytest.raises(DeadLettersRefused, match="cannot be written to"):
        write_letter(letter(received()), tmp_path / "1-5.json")


# -- what is shown


@given(st.text())
def test_nothing_shown_can_move_the_cursor(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) >= len(text)


def test_a_letter_is_shown_whole_and_cannot_harm_a_terminal() -> None:
    evil = b"\x1b[2J\xff" + "\u202e".encode()
    read = letter(received(evil, evil, headers=[("\x1b[31m", evil), ("none", None)]))
    lines = [*in_full(read, whole_row(read, None)), line(row(read, None))]
    assert all(each.isprintable() for each in lines)
    text = "\n".join(lines)
    for part in (
        "transactions",
        "a reason",
        r"key: \x1b[2J\xff\u202e",
        "header none: none",
        "content: as it came",
    ):
        assert part in text
    assert REMEDIATION[ErrorType.NOT_JSON] in text


def test_json_loses_no_byte() -> None:
    told = whole_row(letter(received(b"\xff\0", "\u00fc".encode(), headers=[("h", b"\x80")])), None)
    assert (told["key"], told["value"]) == ({"base64": "/wA="}, {"text": "\u00fc"})
    assert told["headers"] == [["h", {"base64": "gA=="}]]
    orjson.dumps(told)


def test_a_long_value_is_cut_and_says_so() -> None:
    read = letter(received(value=b"x" * 5_000))
    (value,) = [each for each in in_full(read, whole_row(read, None)) if each.startswith("value: ")]
    assert value.endswith("... (5,000 bytes; --json gives all)")
    assert len(value) < 4_100


# -- wrong usage


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay",),
        ("replay", "--all"),
        ("replay", "--type", "pan"),
        ("replay", "1-2", "--all", "--type", "pan"),
        ("replay", "1-2", "1-3", "--key", "k"),
        ("replay", "--all", "--type", "no-such-type"),
        ("replay", "1-2", "--from-file", "."),
        ("list", "--since", "yesterday"),
    ],
)
def test_wrong_usage_ends_with_status_2_before_anything_is_read(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, ["dead-letters", *arguments]).exit_code == 2
