"""The whole service in tests: topics of its own, workers as processes, read back with kafka-python."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import create_server
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from fraudstream.kafka.admin import kafka_admin
from fraudstream.kafka.topics import create_topics
from fraudstream.settings import Settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from agents.topics import Topics

PARTITIONS = 4
SIGNING_KEY = "a key for tests alone"
LEARNING_SIDE = "labelling,reputation,learning"


@dataclass
class Service:
    """One service on the test's Kafka; `settings` are environment variables without their prefix."""

    servers: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    partitions: int = PARTITIONS
    prefix: str = field(default_factory=lambda: f"t{uuid4().hex[:8]}.")
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.topics: Topics = self._settings().topics.names()
        with kafka_admin(self._settings().kafka) as admin:
            create_topics(admin, self._settings().topics.specs(), 1)
        wait_until(self._has_leaders, 30)

    def _settings(self) -> Settings:
        return Settings(
            kafka={"bootstrap_servers": self.servers},
            topics={
                "prefix": self.prefix,
                "partitions": self.partitions,
                "score_partitions": self.partitions,
                "reputation_partitions": self.partitions,
            },
        )

    def environment(self, **extra: str) -> dict[str, str]:
        own = {
            "KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "TOPICS__PREFIX": self.prefix,
            "TOPICS__PARTITIONS": str(self.partitions),
            "TOPICS__SCORE_PARTITIONS": str(self.partitions),
            "TOPICS__REPUTATION_PARTITIONS": str(self.partitions),
            "WORKER__GROUP": f"{self.prefix}group",
            "WORKER__FOLDER": str(self.folder / "state"),
            "LEARNING__SIGNING_KEY": SIGNING_KEY,
            "DELIVERY__SESSION_TIMEOUT_SECONDS": "6",
            "DELIVERY__TRANSACTION_TIMEOUT_SECONDS": "10",
            "WEB__PORT": str(free_port()),
            **self.settings,
            **extra,
        }
        return {**os.environ, **{f"FRAUDSTREAM_{name}": value for name, value in own.items()}}

    def start_learning(self, **extra: str) -> subprocess.Popen[bytes]:
        """Start a worker of the learning side."""
        return self.start(WORKER__AGENTS=LEARNING_SIDE, **extra)

    def start(self, **extra: str) -> subprocess.Popen[bytes]:
        """Start a worker; it may not have partitions yet."""
        environment = self.environment(**extra)
        errors = (self.folder / f"worker-{len(self.workers)}.log").open("wb")
        worker = subprocess.Popen(
            [sys.executable, "-m", "fraudstream", "worker"], env=environment, stdout=errors, stderr=errors
        )
        worker.port = environment["FRAUDSTREAM_WEB__PORT"]
        self.workers.append(worker)
        return worker

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("worker-*.log")))

    def produce(self, records: Iterable[tuple[bytes | None, bytes | None]], topic: str | None = None) -> int:
        """Send records to `transactions`; gives their number."""
        producer = Producer(
            {
                "bootstrap.servers": self.servers,
                "partitioner": "murmur2_random",
                "linger.ms": 20,
                "message.max.bytes": 3_000_000,
            }
        )
        count = 0
        for key, value in records:
            while True:
                try:
                    producer.produce(topic or self.topics.transactions, value, key)
                except BufferError:
                    producer.poll(0.1)
                else:
                    break
            producer.poll(0)
            count += 1
        assert producer.flush(60) == 0
        return count

    def wait_until_processed(self, timeout: float = 120) -> None:
        """Wait until the group has committed both input topics to their ends, and readers see what it gave.

        A broker ends a transaction partition by partition: offsets may be committed a moment before scores.
        """
        wait_until(lambda: self.lag() == 0 or self._all_gone(), timeout, self.logs)
        assert self.lag() == 0, self.logs()
        wait_until(self._is_readable, timeout, self.logs)

    def lag(self) -> int:
        """Records of `transactions` and `labels` that no worker has committed."""
        return self._lag("group", self.topics.transactions, self.topics.labels)

    def has_learnt(self, records: Iterable[Any]) -> bool:
        """Whether the learning side has committed all of these records of its sources."""
        last = {(each.topic, each.partition): each.offset for each in records}
        with self._consumer("group.learning") as consumer:
            done = consumer.committed([TopicPartition(*place) for place in last], timeout=20)
        return all(place.offset > last[place.topic, place.partition] for place in done)

    def _lag(self, group: str, *topics: str) -> int:
        places = [TopicPartition(topic, p) for topic in topics for p in range(self.partitions)]
        with self._consumer(group) as consumer:
            done = consumer.committed(places, timeout=20)
            return sum(
                consumer.get_watermark_offsets(place, timeout=20)[1] - max(0, place.offset) for place in done
            )

    def _is_readable(self) -> bool:
        """Check that a reader of committed records gets everything that workers have sent."""
        return self._output_ends("read_committed") == self._output_ends("read_uncommitted")

    def _output_ends(self, isolation: str) -> list[int]:
        with self._consumer("group", isolation) as consumer:
            outputs = (
                self.topics.scores,
                self.topics.alerts,
                self.topics.labels_keyed,
                self.topics.dead_letters,
            )
            return [
                consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1]
                for topic in outputs
                for p in consumer.list_topics(topic, timeout=20).topics[topic].partitions
            ]

    @contextmanager
    def _consumer(self, group: str, isolation: str = "read_uncommitted") -> Iterator[Consumer]:
        properties = {"bootstrap.servers": self.servers, "group.id": f"{self.prefix}{group}"}
        consumer = Consumer({**properties, "isolation.level": isolation})
        try:
            yield consumer
        finally:
            consumer.close()

    def _has_leaders(self) -> bool:
        """A topic is there a moment before each of its partitions has a leader."""
        try:
            return self.lag() == 0
        except KafkaException:
            return False

    def _all_gone(self) -> bool:
        return all(worker.poll() is not None for worker in self.workers)

    def metrics(self, worker: subprocess.Popen[bytes]) -> str:
        """What a scraper gets."""
        return answer(f"http://127.0.0.1:{worker.port}/metrics")

    def metric(self, worker: subprocess.Popen[bytes], name: str) -> float:
        """Sum a metric over its labels."""
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in self.metrics(worker).splitlines()
            if line.startswith((f"{name} ", f"{name}{{")) and not line.startswith("#")
        )

    def stop(self) -> list[int]:
        """Stop every worker in order; gives their exit statuses."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        return [worker.wait(60) for worker in self.workers]

    def kill(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()


@contextmanager
def service(servers: str, folder: Path, partitions: int = PARTITIONS, **settings: str) -> Iterator[Service]:
    """A service whose workers do not outlive the test."""
    running = Service(servers, folder, settings, partitions)
    try:
        yield running
    finally:
        running.kill()


def values(records: list[Any]) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in records]


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as socket:
        return int(socket.getsockname()[1])


def answer(request: str | urllib.request.Request, tls: ssl.SSLContext | None = None) -> str:
    """What a worker's web server says, whatever the status."""
    try:
        with urllib.request.urlopen(request, timeout=10, context=tls) as response:  # noqa: S310 - our own worker
            return str(response.read().decode())
    except urllib.error.HTTPError as refusal:
        return str(refusal.read().decode())


def wait_until(true: Callable[[], object], timeout: float, explain: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {explain()}")
        time.sleep(0.2)
