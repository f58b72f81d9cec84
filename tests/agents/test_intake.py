"""The label intake: each label becomes a label keyed by its subject, or a dead letter."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agents import intake
from schemas.errors import ErrorType
from schemas.label import decode_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from agents.runtime.testing import FakeApp, FakeRecord
    from agents.telemetry import Telemetry
    from agents.topics import Topics

    MakeRecord = Callable[..., FakeRecord]


NOW = datetime(2026, 4, 1, tzinfo=UTC).timestamp()


def label(**changes: Any) -> bytes:
    return orjson.dumps(
        {
            "transaction_id": "t-1",
            "subject": "card-1",
            "outcome": "fraud",
            "origin": "customer",
            "label_time": "2026-03-08T10:00:00+01:00",
        }
        | changes
    )


@pytest.fixture
def taken(app: FakeApp, topics: Topics, telemetry: Telemetry) -> Callable[..., FakeApp]:
    """Lets the agent take records in one chunk, and gives the app that keeps what it put."""
    intake.bind(app, topics, telemetry, wall=lambda: NOW)

    def take(*records: FakeRecord, **options: Any) -> FakeApp:
        asyncio.run(app.run("intake", *records, **options))
        return app

    return take


def test_labels_keep_their_content_and_order_and_get_their_subject_as_key(
    taken: Callable[..., FakeApp], record: MakeRecord
) -> None:
    sent = [label(transaction_id=f"t-{i}", subject=f"card-{i % 2}") for i in range(4)]
    app = taken(*(record(i, key=b"anything", value=value) for i, value in enumerate(sent)))
    keyed = app.outbox.on("labels.keyed")
    assert [put.key for put in keyed] == [b"card-0", b"card-1", b"card-0", b"card-1"]
    assert [decode_label(put.value or b"") for put in keyed] == [decode_label(value) for value in sent]
    assert app.sources == {"intake": "labels"}


def test_a_label_keeps_the_time_at_which_it_was_recorded(
    taken: Callable[..., FakeApp], record: MakeRecord
) -> None:
    """From that time on the time to learn is counted, over the intake's own delay."""
    app = taken(record(0, key=None, value=label()).changed(timestamp=(1, 1_700_000_000_123)))
    assert [put.timestamp_ms for put in app.outbox.on("labels.keyed")] == [1_700_000_000_123]


def test_a_bad_label_is_a_dead_letter_and_the_next_is_taken(
    taken: Callable[..., FakeApp], record: MakeRecord, registry: CollectorRegistry
) -> None:
    bad = [None, b"?", label(outcome="perhaps"), label(label_time="2026-03-08T10:00:00")]
    app = taken(*(record(i, key=None, value=value) for i, value in enumerate([*bad, label()])))
    letters = app.outbox.on("dead-letters")
    assert [(put.key, put.value) for put in letters] == [(None, value) for value in bad]
    types = ["no-value", "not-json", "unknown-code", "invalid-time"]
    assert [put.header("fraudstream-error-type") for put in letters] == [each.encode() for each in types]
    assert {put.header("__connect.errors.connector.name") for put in letters} == {b"intake"}
    assert len(app.outbox.on("labels.keyed")) == 1
    told = {"outcome": "fraud", "origin": "customer"}
    assert registry.get_sample_value("fraudstream_labels_accepted_total", told) == 1


@pytest.mark.parametrize(
    ("label_time", "recorded", "field"),
    [
        ("9999-12-31T00:00:00Z", NOW, b"label_time"),
        ("2026-04-02T00:00:01Z", NOW, b"label_time"),
        ("2026-03-08T00:00:00Z", NOW + 86_401, b"timestamp"),
    ],
)
def test_a_label_that_is_dated_ahead_of_the_workers_clock_is_a_dead_letter_that_says_so(
    taken: Callable[..., FakeApp], record: MakeRecord, label_time: str, recorded: float, field: bytes
) -> None:
    """It could be used by nobody, and would be kept until its time comes."""
    ahead = record(0, key=None, value=label(label_time=label_time))
    app = taken(ahead.changed(timestamp=(1, round(recorded * 1_000))))
    [letter] = app.outbox.records
    assert letter.header("fraudstream-error-type") == b"future-time"
    assert letter.header("fraudstream-error-field") == field
    assert b"clock" in (letter.header("__connect.errors.exception.message") or b"")


@pytest.mark.parametrize("ahead", [0.0, 86_399.0])
def test_a_label_may_be_as_far_ahead_as_a_wrong_time_zone_puts_it(
    taken: Callable[..., FakeApp], record: MakeRecord, ahead: float
) -> None:
    said = datetime.fromtimestamp(NOW + ahead, UTC).isoformat()
    assert len(taken(record(0, key=None, value=label(label_time=said))).outbox.on("labels.keyed")) == 1


def test_a_label_without_a_timestamp_is_recorded_at_its_own_time(
    taken: Callable[..., FakeApp], record: MakeRecord
) -> None:
    app = taken(record(0, key=None, value=label()).changed(timestamp=(0, -1)))
    assert [put.timestamp_ms for put in app.outbox.on("labels.keyed")] == [1_772_960_400_000]


def test_a_label_keeps_the_event_time_that_tells_transactions_of_one_id_apart(
    taken: Callable[..., FakeApp], record: MakeRecord
) -> None:
    app = taken(record(0, key=None, value=label(event_time="2026-03-01T10:00:00.123456Z")))
    [put] = app.outbox.on("labels.keyed")
    assert decode_label(put.value or b"").event_time == datetime(2026, 3, 1, 10, 0, 0, 123_456, UTC)


def test_poison_is_set_apart_untried(taken: Callable[..., FakeApp], record: MakeRecord) -> None:
    app = taken(record(value=label()), is_poison=True)
    (letter,) = app.outbox.records
    assert letter.topic == "dead-letters"
    assert letter.header("fraudstream-error-type") == ErrorType.INTERNAL_ERROR.encode()
