"""Senders of records that no honest bank sends, for tests on a real Kafka and for the fault scenarios."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType


class NotText(str):
    """A header's name that kafka-python encodes as bytes that are not UTF-8."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return b"\xff\xfe"


def unprotect(servers: str, topic: str, **configuration: str) -> None:
    """Let the broker store batches as they come, as on a topic of an earlier release.

    One that packs them again refuses what unpacks to too much, and replaces what is not UTF-8.

    Args:
        servers: bootstrap servers.
        topic: name of the topic.
        configuration: further settings of the topic, with underscores for dots.
    """
    resource = ConfigResource(ResourceType.TOPIC, topic)
    for name, value in {"compression_type": "producer", **configuration}.items():
        key = name.replace("_", ".")
        resource.add_incremental_config(ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET))
    admin = AdminClient({"bootstrap.servers": servers})
    admin.incremental_alter_configs([resource])[resource].result(20)


def send_alone(
    servers: str, topic: str, value: bytes, partition: int, *, key: bytes | None = None, codec: str = "zstd"
) -> int:
    """Send one record as a batch of its own; gives its offset."""
    answers: list[Any] = []
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "compression.type": codec,
            "message.max.bytes": 1_000_000_000,
            "linger.ms": 0,
        }
    )

    def delivered(error: Any, message: Any) -> None:
        answers.append(error or message.offset())

    producer.produce(topic, value, key, partition, on_delivery=delivered)
    producer.flush(60)
    [offset] = answers
    assert isinstance(offset, int), offset
    return offset
