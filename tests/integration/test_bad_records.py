"""Records that no well-meaning sender writes, on a real Kafka: none of them stops a worker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson
import pytest
from confluent_kafka import Producer
from faulty import read_committed
from kafka import KafkaProducer
from service import Service, service, wait_until

from agents.headers import UNREADABLE_HEADER
from schemas.dead_letter import DeadLetter
from tests.strange_senders import NotText, unprotect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.kafka


BUSY = 100
"""Records after which the interpreter has specialised the line that reads their headers."""
HEADERS = [("trace", b"7"), (NotText("bad"), b"x")]


def transaction(name: str) -> bytes:
    return orjson.dumps(
        {
            "kind": "card",
            "transaction_id": name,
            "event_time": "2026-03-01T10:00:00+01:00",
            "card_id": "card-1",
            "merchant_id": "merchant-1",
            "amount": "12.50",
            "currency": "EUR",
        }
    )


@pytest.fixture
def running(kafka: object, tmp_path: Path) -> Iterator[Service]:
    with service(kafka.bootstrap_servers, tmp_path, partitions=1) as service_:  # type: ignore[attr-defined]
        yield service_


def test_a_header_name_that_is_not_utf_8_stops_nobody(running: Service) -> None:
    unprotect(running.servers, running.topics.transactions)
    running.start()
    producer = KafkaProducer(bootstrap_servers=running.servers)
    for _ in range(BUSY):
        producer.send(running.topics.transactions, b"?", b"card-1", headers=[("trace", b"7")])
    for value in (b"?", transaction("t-1"), transaction("t-2")):
        producer.send(running.topics.transactions, value, b"card-1", headers=HEADERS).get(20)
    producer.close()
    wait_until(lambda: len(read_committed(running.servers, running.topics.scores)) == 2, 60)
    assert running.workers[0].poll() is None
    letters = read_committed(running.servers, running.topics.dead_letters)
    assert [DeadLetter.from_headers(letter.headers).offset for letter in letters] == list(range(BUSY + 1))
    assert letters[-1].value == b"?"
    assert [UNREADABLE_HEADER in dict(letter.headers) for letter in letters] == [False] * BUSY + [True]


@pytest.mark.parametrize("codec", ["gzip", "zstd", "lz4"])
def test_the_broker_refuses_a_batch_that_would_unpack_to_more_than_a_worker_can_hold(
    running: Service, codec: str
) -> None:
    said: list[str] = []
    producer = Producer(
        {
            "bootstrap.servers": running.servers,
            "compression.type": codec,
            "message.max.bytes": 1_000_000_000,
            "message.send.max.retries": 0,
            "message.timeout.ms": 60_000,
        }
    )
    for value in (b"0" * 100_000_000, b"0" * 1_000_000):
        producer.produce(
            running.topics.transactions,
            value,
            on_delivery=lambda error, _: said.append(error.name() if error else "taken"),
        )
        producer.flush(60)
    assert said == ["MSG_SIZE_TOO_LARGE", "taken"]


def test_the_broker_refuses_a_record_of_the_future(running: Service) -> None:
    said: list[str] = []
    producer = Producer({"bootstrap.servers": running.servers})
    for ahead in (3_600, 60):
        producer.produce(
            running.topics.labels,
            b"{}",
            timestamp=int(1_000 * (time.time() + ahead)),
            on_delivery=lambda error, _: said.append(error.name() if error else "taken"),
        )
        producer.flush(60)
    assert said == ["INVALID_TIMESTAMP", "taken"]
