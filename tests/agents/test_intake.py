"""The label intake: each label becomes a label keyed by its subject, or a dead letter."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agents import intake
from schemas.errors import ErrorType
from schemas.label import decode_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import FakeApp, FakeRecord
    from prometheus_client import CollectorRegistry

    from agents.telemetry import Telemetry
    from agents.topics import Topics

    MakeRecord = Callable[..., FakeRecord]


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
    intake.bind(app, topics, telemetry)

    def take(*records: FakeRecord, **options: Any) -> FakeApp:
        asyncio.run(app.run("intake", *records, **options))
        return app

    return take


def test_labels_keep_their_content_and_order_and_get_their_subject_as_key(
    taken: Callable[..., FakeApp], record: MakeRecord
) -> None:
    sent = [label(transaction_id=f"t-{i}", subject=f"card-{i % 2}") for i in range(4)]
    app = taken(*(record(i, key=b"anything", value=value) for i, value in enumerate(sent)))
    keyed = app.on("labels.keyed")
    assert [put.key for put in keyed] == [b"card-0", b"card-1", b"card-0", b"card-1"]
    assert [decode_label(put.value or b"") for put in keyed] == [decode_label(value) for value in sent]
    assert app.sources == {"intake": "labels"}


def test_a_label_keeps_the_time_at_which_it_was_recorded(
    taken: Callable[..., FakeApp], record: MakeRecord
) -> None:
    """From that time on the time to learn is counted, over the intake's own delay."""
    app = taken(replace(record(0, key=None, value=label()), its_timestamp=(1, 1_700_000_000_123)))
    assert [put.timestamp_ms for put in app.on("labels.keyed")] == [1_700_000_000_123]


def test_a_bad_label_is_a_dead_letter_and_the_next_is_taken(
    taken: Callable[..., FakeApp], record: MakeRecord, registry: CollectorRegistry
) -> None:
    bad = [None, b"?", label(outcome="perhaps"), label(label_time="2026-03-08T10:00:00")]
    app = taken(*(record(i, key=None, value=value) for i, value in enumerate([*bad, label()])))
    letters = app.on("dead-letters")
    assert [(put.key, put.value) for put in letters] == [(None, value) for value in bad]
    types = ["no-value", "not-json", "unknown-code", "invalid-time"]
    assert [put.headers["fraudstream-error-type"] for put in letters] == [each.encode() for each in types]
    assert {put.headers["__connect.errors.connector.name"] for put in letters} == {b"intake"}
    assert len(app.on("labels.keyed")) == 1
    told = {"outcome": "fraud", "origin": "customer"}
    assert registry.get_sample_value("fraudstream_labels_accepted_total", told) == 1


def test_poison_is_set_apart_untried(taken: Callable[..., FakeApp], record: MakeRecord) -> None:
    app = taken(record(value=label()), is_poison=True)
    (letter,) = app.put_records
    assert letter.topic == "dead-letters"
    assert letter.headers["fraudstream-error-type"] == ErrorType.INTERNAL_ERROR.encode()
