"""A hand-written loop on librdkafka: the plain job in batches, with nothing durable.

It joins no group, commits nothing, and its profiles end with it: what a loop costs before anybody asks what
happens when it stops.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.peers.place import Place
from benchmarks.peers.plain_job import Model, Profile, Transaction, encode, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

BATCH: Final = 500


def main() -> None:
    """Score until somebody ends the process."""
    place = Place.of_environment()
    producer, model = new_producer(place.bootstrap_servers), Model(place.model)
    profiles: defaultdict[str, Profile] = defaultdict(Profile)
    for records in batches(place.bootstrap_servers, place.transactions):
        if not records:
            continue
        transactions = [Transaction.model_validate_json(record.value()) for record in records]
        features = [profiles[each.card_id].observe(each) for each in transactions]
        for judged in judge(model, transactions, features):
            key = judged.transaction.card_id
            producer.produce(place.scores, encode(judged.score_fields()), key)
            if judged.is_alert:
                producer.produce(place.alerts, encode(judged.alert_fields()), key)
        producer.poll(0)


def new_producer(bootstrap_servers: str) -> Producer:
    """A producer with the worker's settings."""
    return Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "partitioner": "murmur2_random",
            "linger.ms": 1,
            "enable.idempotence": True,
            "log_level": 3,  # a broker that has just started is asked again, which is not worth a line
        }
    )


def batches(bootstrap_servers: str, topic: str) -> Iterator[list[Message]]:
    """Yield what is there of a topic from its beginning, up to 500 messages at once; none when it waits.

    The client is set for throughput as the worker's.
    """
    settings: dict[str, Any] = {
        "bootstrap.servers": bootstrap_servers,
        "group.id": "benchmark-loop",
        "enable.auto.commit": False,
        "queued.min.messages": 100_000,
        "fetch.queue.backoff.ms": 20,
    }
    consumer = Consumer(settings)
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    while True:
        first = consumer.poll(0.1)
        found = [] if first is None else [first, *consumer.consume(BATCH - 1, 0)]
        assert not any(message.error() for message in found)
        yield found


if __name__ == "__main__":
    main()
