"""The sinks of a simulated stream: a Kafka cluster, or lines of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import orjson
from confluent_kafka import KafkaException, Producer

from fraudstream.kafka.admin import KafkaUnreachable
from fraudstream.kafka.topics import TopicsRefused
from fraudstream.simulate.stream import RecordKind

if TYPE_CHECKING:
    from agents.topics import Topics
    from fraudstream.settings import KafkaSettings
    from fraudstream.simulate.stream import StreamRecord

_METADATA_SECONDS = 10.0
_FLUSH_SECONDS = 35.0
_DELIVERY_MS = 30_000


class KafkaSink:
    """Sends records with an idempotent producer; keys go to the partitions that Java clients choose.

    Args:
        kafka: how to reach the cluster.
        topics: the names of the topics; transactions and labels must exist.

    Raises:
        KafkaUnreachable: the cluster does not answer.
        TopicsRefused: a topic is missing.
    """

    def __init__(self, kafka: KafkaSettings, topics: Topics) -> None:
        self._producer = Producer(
            {
                **kafka.librdkafka(),
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "message.timeout.ms": _DELIVERY_MS,
                "linger.ms": 1,
                "log_level": 0,  # what goes wrong is said once, in a sentence
            }
        )
        self._topic = {
            RecordKind.TRANSACTION: topics.transactions,
            RecordKind.MALFORMED: topics.transactions,
            RecordKind.LABEL: topics.labels,
        }
        self._servers = kafka.bootstrap_servers
        self._undelivered = 0
        self._require_topics()

    def send(self, record: StreamRecord) -> None:
        """Hand over one record, waiting while the producer's queue is full."""
        while True:
            try:
                self._producer.produce(
                    self._topic[record.kind], record.value, record.key, on_delivery=self._delivered
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                break
        self._producer.poll(0)

    def close(self) -> int:
        """Wait for the broker's answers; return how many records it did not take."""
        waiting: int = self._producer.flush(_FLUSH_SECONDS)
        return waiting + self._undelivered

    def _delivered(self, error: object, _message: object) -> None:
        self._undelivered += error is not None

    def _require_topics(self) -> None:
        try:
            present = self._producer.list_topics(timeout=_METADATA_SECONDS).topics
        except KafkaException as error:
            raise KafkaUnreachable(
                f"Kafka does not answer at {self._servers} ({error.args[0].name()}): "
                "check FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS, or start one with `fraudstream dev kafka`."
            ) from error
        missing = sorted(set(self._topic.values()) - present.keys())
        if missing:
            raise TopicsRefused(
                f"Kafka has no topic {missing[0]}: make the topics with `fraudstream topics create`."
            )


class NdjsonSink:
    """Writes each record as one line of JSON: topic, key and value.

    Args:
        lines: where to write.
        topics: the names of the topics.
    """

    def __init__(self, lines: BinaryIO, topics: Topics) -> None:
        self._lines = lines
        self._topics = topics

    def send(self, record: StreamRecord) -> None:
        """Write one line; a malformed value, which need not be JSON, becomes a string."""
        malformed = record.kind is RecordKind.MALFORMED
        line = {
            "topic": self._topics.labels if record.kind is RecordKind.LABEL else self._topics.transactions,
            "key": record.key.decode(),
            "value": record.value.decode() if malformed else orjson.Fragment(record.value),
        }
        self._lines.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> int:
        """Flush; every line has arrived."""
        self._lines.flush()
        return 0
