"""The fault harness: workers as processes, the truth recomputed from the input, outputs and state read back from the broker."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaConsumer
from kafka import TopicPartition as Place

WORKER = Path(__file__).parent / "counting_worker.py"
PARTITIONS = 4
KEYS = 300


@dataclass
class Run:
    """One fault run: topics of its own, preloaded input, any number of worker processes."""

    servers: str
    folder: Path
    mode: str
    records: int
    poison: tuple[int, ...] = ()
    name: str = field(default_factory=lambda: uuid4().hex[:10])
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.topic, self.output, self.dead = f"in-{self.name}", f"out-{self.name}", f"dead-{self.name}"
        self.group = f"g-{self.name}"
        self.changelog = f"{self.group}-changelog"
        self.log = self.folder / f"{self.name}.log"
        self.log.touch()
        self._create()
        self._preload()

    def start(self, **extra: object) -> subprocess.Popen[bytes]:
        number = len(self.workers)
        config = {
            "servers": self.servers,
            "group": self.group,
            "mode": self.mode,
            "topic": self.topic,
            "output": self.output,
            "dead": self.dead,
            "poison": self.poison,
            "log": str(self.log),
            "datadir": str(self.folder / f"data{number}"),
            **extra,
        }
        path = self.folder / f"{self.name}-{number}.json"
        path.write_text(json.dumps(config))
        errors = (self.folder / f"{self.name}-{number}.err").open("wb")
        worker = subprocess.Popen([sys.executable, str(WORKER), str(path)], stdout=errors, stderr=errors)
        self.workers.append(worker)
        return worker

    def lines(self, worker: subprocess.Popen[bytes], event: str) -> list[str]:
        wanted = [str(worker.pid), event]
        split = [line.split(maxsplit=2) for line in self.log.read_text().splitlines()]
        return [line[2] for line in split if line[:2] == wanted]

    def wait_for(self, worker: subprocess.Popen[bytes], event: str, timeout: float = 60) -> None:
        wait_until(lambda: self.lines(worker, event) or worker.poll() is not None, timeout)
        assert self.lines(worker, event), f"the worker left with {worker.poll()} before {event!r}: {self.errors()}"

    def errors(self) -> str:
        return "\n".join(p.read_text()[-2000:] for p in sorted(self.folder.glob(f"{self.name}-*.err")))

    def committed(self) -> list[int]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": self.group,
                "log_level": 0,
                "isolation.level": "read_uncommitted",
            }
        )
        places = [TopicPartition(self.topic, p) for p in range(PARTITIONS)]
        try:
            return [max(0, place.offset) for place in consumer.committed(places, timeout=20)]
        finally:
            consumer.close()

    def finish(self, timeout: float = 120) -> None:
        """Wait until all input is committed; the workers may not all have left."""
        wait_until(
            lambda: self.committed() == self.ends or all(w.poll() is not None for w in self.workers), timeout
        )
        assert self.committed() == self.ends, self.errors()

    def stop(self) -> None:
        for worker in self.workers:
            end(worker)

    def _create(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.servers})
        plain = [NewTopic(name, PARTITIONS, 1) for name in (self.topic, self.output, self.dead)]
        compact = NewTopic(self.changelog, PARTITIONS, 1, config={"cleanup.policy": "compact"})
        for made in admin.create_topics([*plain, compact]).values():
            made.result(30)

    def _preload(self) -> None:
        producer = Producer({"bootstrap.servers": self.servers, "linger.ms": 20})
        rng = random.Random(self.name)
        self.truth: dict[bytes, list[int]] = {}
        self.expected: dict[int, list[int]] = {}
        self.ends = [0] * PARTITIONS
        for i in range(self.records):
            number, amount = rng.randrange(KEYS), rng.randrange(1, 100)
            key, partition = b"k%d" % number, number % PARTITIONS
            producer.produce(self.topic, json.dumps({"i": i, "amount": amount}), key, partition)
            producer.poll(0)
            offset = self.ends[partition]
            self.ends[partition] += 1
            if i in self.poison:
                continue
            count, total, _ = self.truth.get(key, [0, 0, -1])
            self.truth[key] = [count + 1, total + amount, offset]
            if i % 5 == 0:
                self.expected[i] = [i, count + 1, total + amount]
        producer.flush(60)

    def outputs(self) -> dict[int, list[list[int]]]:
        """What a reader of committed records sees, by id: every copy."""
        found: dict[int, list[list[int]]] = defaultdict(list)
        for record in read_committed(self.servers, self.output):
            found[int(record.key)].append(json.loads(record.value))
        return found

    def state(self) -> dict[bytes, list[int]]:
        """The state as the changelog has it."""
        found = {r.key: r.value for r in read_committed(self.servers, self.changelog)}
        return {key: json.loads(value[8:]) for key, value in found.items() if value is not None}

    def assert_exact(self) -> int:
        """Nothing lost, nothing wrong, state as the truth; gives the number of repeats that a reader saw."""
        found = self.outputs()
        assert set(found) == set(self.expected)
        assert all(copy == self.expected[i] for i, copies in found.items() for copy in copies)
        assert self.state() == self.truth
        return sum(len(copies) - 1 for copies in found.values())


def read_committed(servers: str, topic: str) -> list:
    """Every committed record of a topic, read with a client that the worker does not use."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    places = [Place(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
    consumer.assign(places)
    ends = consumer.end_offsets(places)
    records = []
    while any(consumer.position(place) < ends[place] for place in places):
        for batch in consumer.poll(timeout_ms=200, max_records=5000).values():
            records.extend(batch)
    consumer.close()
    return records


def wait_until(true, timeout: float) -> None:  # noqa: ANN001 - any callable
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s")
        time.sleep(0.2)


def end(worker: subprocess.Popen[bytes], number: int = signal.SIGTERM, timeout: float = 40) -> int:
    """Send a signal and wait; gives the exit status."""
    if worker.poll() is None:
        os.kill(worker.pid, number)
    return worker.wait(timeout)
