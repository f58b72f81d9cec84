"""The limit: what machine, broker and Python client need to pass a message on, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, Producer, TopicPartition

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

_MOST_AT_ONCE = 500


def echo(ready: Event, bootstrap_servers: str, source: str, target: str, partitions: int) -> None:
    """Produce each message of `source` to `target` as it is, until this process is ended.

    Client settings are the worker's where they touch latency: linger 1 ms, fetches waiting at most 100 ms,
    idempotent production.
    """
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "linger.ms": 1,
            "enable.idempotence": True,
            "log_level": 3,  # a broker that has just started is asked again, which is not worth a line
        }
    )
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "benchmark-echo",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 100,
        }
    )
    consumer.assign([TopicPartition(source, partition, 0) for partition in range(partitions)])
    producer.list_topics(target, timeout=10)
    consumer.poll(1.0)
    ready.set()
    while True:
        first = consumer.poll(0.1)
        for message in [] if first is None else [first, *consumer.consume(_MOST_AT_ONCE, 0)]:
            assert message.error() is None, message.error()
            producer.produce(target, message.value(), message.key(), message.partition())
        producer.poll(0)
