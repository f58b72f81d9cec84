"""Kafka errors become one sentence; dry runs are one line of JSON a record."""

from __future__ import annotations

import io
import socket

import orjson
import pytest

from agents.topics import Topics
from fraudstream.kafka.admin import KafkaUnreachable
from fraudstream.settings import KafkaSettings
from fraudstream.simulate import sinks
from fraudstream.simulate.sinks import KafkaSink, NdjsonSink
from fraudstream.simulate.stream import RecordKind, StreamRecord

RECORDS = [
    StreamRecord(RecordKind.TRANSACTION, 0.0, b"card_a", b'{"amount":"1.00"}'),
    StreamRecord(RecordKind.LABEL, 0.0, b"card_a", b'{"outcome":"fraud"}'),
    StreamRecord(RecordKind.MALFORMED, 0.0, b"", b'{"amount":'),
]


def test_a_dry_run_writes_topic_key_and_value_a_line() -> None:
    lines = io.BytesIO()
    sink = NdjsonSink(lines, Topics.with_prefix("test."))
    for record in RECORDS:
        sink.send(record)
    assert sink.close() == 0
    assert [orjson.loads(line) for line in lines.getvalue().splitlines()] == [
        {"topic": "test.transactions", "key": "card_a", "value": {"amount": "1.00"}},
        {"topic": "test.labels", "key": "card_a", "value": {"outcome": "fraud"}},
        {"topic": "test.transactions", "key": "", "value": '{"amount":'},
    ]


def test_an_absent_kafka_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "_METADATA_SECONDS", 0.2)
    with socket.socket() as bound_but_not_listening:
        bound_but_not_listening.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound_but_not_listening.getsockname()[1]}"
        with pytest.raises(KafkaUnreachable, match=f"Kafka does not answer at {address}"):
            KafkaSink(KafkaSettings(bootstrap_servers=address), Topics())
