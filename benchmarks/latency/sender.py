"""The sender, a process of its own: it sends each message when it is due and says how late it was."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Producer

from benchmarks import traffic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from benchmarks.traffic import Message

_SERVE_EVERY = 50


class Sent(NamedTuple):
    """When each transaction was due, by the machine's monotonic clock, and how many seconds late it went."""

    due: dict[str, float]
    late: list[float]


def send(
    report: Connection, bootstrap_servers: str, topic: str, messages: Path, arrivals: Sequence[float]
) -> None:
    """Wait for the start time on `report`, send every message at its time after it, and report `Sent`."""
    loaded = traffic.load(messages, len(arrivals))
    producer = Producer(
        {"bootstrap.servers": bootstrap_servers, "partitioner": "murmur2_random", "linger.ms": 0.5}
    )
    producer.list_topics(topic, timeout=10)  # the first message must not wait for it
    report.send("ready")
    start, late = report.recv(), []
    for number, (message, arrival) in enumerate(zip(loaded, arrivals, strict=True)):
        if (wait := start + arrival - time.monotonic()) > 0:
            time.sleep(wait)
        late.append(time.monotonic() - start - arrival)
        _produce(producer, topic, message)
        if not number % _SERVE_EVERY:
            producer.poll(0)
    assert producer.flush(60) == 0
    ids = (message.transaction_id for message in loaded)
    report.send(Sent(dict(zip(ids, (start + arrival for arrival in arrivals), strict=True)), late))


def _produce(producer: Producer, topic: str, message: Message) -> None:
    """Hand a message over; where the producer's queue is full, wait until it is not, which shows as late."""
    while True:
        try:
            producer.produce(topic, message.value, message.key)
        except BufferError:
            producer.poll(0.01)
        else:
            return
