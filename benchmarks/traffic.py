"""The transactions that every measurement on Kafka sends: the Handbook's world, the same each time."""

from __future__ import annotations

from datetime import date
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Producer

from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CARDS = 5_000
SEED = 1
FIRST_DAY = date(2025, 1, 1)
"""Long past: a worker refuses transactions of the future."""
_LEAST_A_CARD_A_DAY = 1.7


class Message(NamedTuple):
    """One transaction as it goes to Kafka, with its id for whoever awaits its score."""

    transaction_id: str
    key: bytes
    value: bytes


def draw(count: int) -> list[Message]:
    """Draw so many card transactions of 5,000 cards, in order of event time."""
    days = 1 + ceil(count / (CARDS * _LEAST_A_CARD_A_DAY))
    world = CardWorld(Handbook.of_size(CARDS, days, FIRST_DAY, SEED))
    messages = [
        # copied: what orjson gives keeps some 8 kB for 400 bytes, which for millions is the machine's memory
        Message(each.transaction_id, each.subject.encode(), bytes(memoryview(each.encode())))
        for each in islice(world, count)
    ]
    assert len(messages) == count
    return messages


def save(messages: Iterable[Message], path: Path) -> None:
    """Write the messages for other processes: a line each, parted by tabs, which JSON never holds raw."""
    lines = (b"\t".join((each.transaction_id.encode(), each.key, each.value)) for each in messages)
    path.write_bytes(b"\n".join(lines))


def load(path: Path, count: int) -> list[Message]:
    """Read the first `count` messages that `save` wrote."""
    with path.open("rb") as lines:
        parts = (line.rstrip(b"\n").split(b"\t") for line in islice(lines, count))
        return [Message(transaction_id.decode(), key, value) for transaction_id, key, value in parts]


def send_all(bootstrap_servers: str, topic: str, messages: Iterable[Message]) -> None:
    """Send as fast as Kafka takes it, and return when it has taken all."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for message in messages:
        producer.produce(topic, message.value, message.key)
    assert producer.flush(60) == 0
