"""Mutated records through a real worker on a real Kafka, read back by another client."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from schemas.dead_letter import DeadLetter
from schemas.score import decode_score
from tests.fuzz.ledger import Ledger
from tests.integration.faulty import read_committed
from tests.integration.service import service

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.fuzz.structure import FuzzRecord

_PATIENCE_SECONDS = 300


def through_a_worker(servers: str, folder: Path, records: Iterable[FuzzRecord]) -> Ledger:
    """Score records with one worker in the default delivery mode, and account for each of them.

    Args:
        servers: the Kafka.
        folder: for the worker's log.
        records: what to send.
    """
    ledger = Ledger("scoring, on Kafka")
    with service(servers, folder) as running:
        worker = running.start()
        sent = _send(servers, running.topics.transactions, records)
        running.wait_until_processed(_PATIENCE_SECONDS)
        ledger.taken, ledger.batches = len(sent), 1
        scored = [decode_score(each.value).source for each in read_committed(servers, running.topics.scores)]
        letters = [
            DeadLetter.from_headers(each.headers)
            for each in read_committed(servers, running.topics.dead_letters)
        ]
        ledger.alerts = len(read_committed(servers, running.topics.alerts))
        ledger.passed = len(scored)
        ledger.refused = Counter(str(each.error_type) for each in letters)
        ledger.repeats = int(running.metric(worker, "fraudstream_transactions_skipped_total"))
        places = [(each.partition, each.offset) for each in (*scored, *letters)]
        assert len(places) == len(set(places)), "a record became two things"
        assert set(places) <= sent
        assert worker.poll() is None, running.logs()
        assert running.stop() == [0]
    return ledger


def _send(servers: str, topic: str, records: Iterable[FuzzRecord]) -> set[tuple[int, int]]:
    """Send all as of now, since retention removes what is old; gives the places where they stand."""
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "message.max.bytes": 3_000_000,
        }
    )
    places: set[tuple[int, int]] = set()
    for record in records:
        while True:
            try:
                producer.produce(
                    topic,
                    record.value,
                    record.key,
                    headers=record.headers,
                    on_delivery=lambda error, sent: places.add(
                        (sent.partition(), -1 if error else sent.offset())
                    ),
                )
            except BufferError:
                producer.poll(0.1)
            else:
                break
        producer.poll(0)
    assert producer.flush(60) == 0
    assert min(offset for _, offset in places) >= 0, "Kafka did not take a record"
    return places
