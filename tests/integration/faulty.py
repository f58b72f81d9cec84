"""The fault harness: workers as processes, the truth from the input, outputs and state from the broker."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaConsumer
from kafka import TopicPartition as Place

from agents.runtime.state import unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WORKER = Path(__file__).parent / "counting_worker.py"
PARTITIONS = 4
KEYS = 60


class Source:
    """One input topic, and what counting it must give."""

    def __init__(self, servers: str, topic: str, records: int, poison: tuple[int, ...] = ()) -> None:
        self.topic = topic
        self.truth: dict[bytes, list[int]] = {}
        self.expected: dict[int, list[int]] = {}
        self.ends = [0] * PARTITIONS
        self.places: list[tuple[int, int]] = []
        self._preload(servers, records, poison)

    def _preload(self, servers: str, records: int, poison: tuple[int, ...]) -> None:
        producer = Producer({"bootstrap.servers": servers, "linger.ms": 20, "enable.idempotence": True})
        rng = random.Random(self.topic)
        for i in range(records):
            number, amount = rng.randrange(KEYS), rng.randrange(1, 100)
            key, partition = b"k%d" % number, number % PARTITIONS
            producer.produce(self.topic, json.dumps({"i": i, "amount": amount}), key, partition)
            producer.poll(0)
            self.places.append((partition, self.ends[partition]))
            if i not in poison:
                self._count(i, key, amount, self.ends[partition])
            self.ends[partition] += 1
        producer.flush(60)

    def _count(self, i: int, key: bytes, amount: int, offset: int) -> None:
        count, total, _ = self.truth.get(key, [0, 0, -1])
        self.truth[key] = [count + 1, total + amount, offset]
        if i % 5 == 0:
            self.expected[i] = [i, count + 1, total + amount]


@dataclass
class Run:
    """One fault run: topics of its own, preloaded input, any number of worker processes.

    `agents` says which input each agent reads, by number.
    """

    servers: str
    folder: Path
    mode: str
    records: int
    poison: tuple[int, ...] = ()
    agents: Mapping[str, int] = field(default_factory=lambda: {"counting": 0})
    options: dict[str, Any] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = uuid4().hex[:10]
        self.group, self.dead = f"g-{self.name}", f"dead-{self.name}"
        self.log = self.folder / f"{self.name}.log"
        self.log.touch()
        inputs = [f"in{number}-{self.name}" for number in range(max(self.agents.values()) + 1)]
        self._create([*inputs, self.dead, *map(self.output, self.agents)], map(self.changelog, self.agents))
        self.sources = [Source(self.servers, topic, self.records, self.poison) for topic in inputs]
        self.source = self.sources[0]

    def output(self, agent: str = "counting") -> str:
        return f"out-{agent}-{self.name}"

    def changelog(self, agent: str = "counting") -> str:
        return f"{self.group}-{agent}-changelog"

    def _create(self, plain: list[str], compact: Any) -> None:
        admin = AdminClient({"bootstrap.servers": self.servers})
        topics = [NewTopic(name, PARTITIONS, 1) for name in plain]
        topics += [NewTopic(n, PARTITIONS, 1, config={"cleanup.policy": "compact"}) for n in compact]
        for made in admin.create_topics(topics).values():
            made.result(30)

    # -- workers

    def start(self, **extra: object) -> subprocess.Popen[bytes]:
        number = len(self.workers)
        path = self.folder / f"{self.name}-{number}.json"
        path.write_text(json.dumps({**self._config(number), **self.options, **extra}))
        with (self.folder / f"{self.name}-{number}.err").open("wb") as errors:
            worker = subprocess.Popen([sys.executable, str(WORKER), str(path)], stdout=errors, stderr=errors)
        self.workers.append(worker)
        return worker

    def _config(self, number: int) -> dict[str, object]:
        return {
            "servers": self.servers,
            "group": self.group,
            "mode": self.mode,
            "dead": self.dead,
            "poison": self.poison,
            "agents": {
                name: {
                    "topic": self.sources[source].topic,
                    "output": self.output(name),
                    "changelog": self.changelog(name),
                }
                for name, source in self.agents.items()
            },
            "log": str(self.log),
            "datadir": str(self.folder / f"data{number}"),
        }

    def lines(self, worker: subprocess.Popen[bytes], event: str) -> list[str]:
        wanted = [str(worker.pid), event]
        split = [line.split(maxsplit=2) for line in self.log.read_text().splitlines()]
        return [line[2] for line in split if line[:2] == wanted]

    def done(self, worker: subprocess.Popen[bytes]) -> int:
        return max(map(int, self.lines(worker, "done")), default=0)

    def wait_for(self, worker: subprocess.Popen[bytes], event: str, timeout: float = 60) -> None:
        wait_until(lambda: self.lines(worker, event) or worker.poll() is not None, timeout)
        assert self.lines(worker, event), f"left with {worker.poll()} before {event!r}: {self.errors()}"

    def wait_done(self, worker: subprocess.Popen[bytes], records: int, timeout: float = 60) -> None:
        wait_until(lambda: self.done(worker) >= records or worker.poll() is not None, timeout)
        assert self.done(worker) >= records, f"left with {worker.poll()}: {self.errors()}"

    def errors(self) -> str:
        return "\n".join(p.read_text()[-3000:] for p in sorted(self.folder.glob(f"{self.name}-*.err")))

    def stop(self) -> None:
        """End every worker that is left, however stuck."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait(10)

    # -- what the broker has

    def committed(self, source: Source) -> list[int]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": self.group,
                "log_level": 0,
                "isolation.level": "read_uncommitted",
            }
        )
        places = [TopicPartition(source.topic, p) for p in range(PARTITIONS)]
        with closing(consumer):
            return [max(0, place.offset) for place in consumer.committed(places, timeout=20)]

    def finish(self, timeout: float = 60) -> None:
        """Wait until all input is committed; some workers may have left."""

        def is_finished() -> bool:
            return all(self.committed(source) == source.ends for source in self.sources)

        wait_until(lambda: is_finished() or all(w.poll() is not None for w in self.workers), timeout)
        assert is_finished(), self.errors()

    def outputs(self, agent: str = "counting") -> dict[int, list[list[int]]]:
        """What a reader of committed records sees, by id: every copy."""
        found: dict[int, list[list[int]]] = defaultdict(list)
        for record in read_committed(self.servers, self.output(agent)):
            found[int(record.key)].append(json.loads(record.value))
        return found

    def written_by(self, worker: subprocess.Popen[bytes], agent: str = "counting") -> int:
        """Count what a reader of committed records sees of one worker's outputs."""
        mine = ("pid", b"%d" % worker.pid)
        return sum(mine in record.headers for record in read_committed(self.servers, self.output(agent)))

    def state(self, agent: str = "counting") -> dict[bytes, list[int]]:
        """The state as the changelog has it: a late write of an older offset does not count."""
        found: dict[bytes, tuple[int, list[int]]] = {}
        for record in read_committed(self.servers, self.changelog(agent)):
            _, offset, payload = unseal(record.value)
            if offset >= found.get(record.key, (0, []))[0]:
                found[record.key] = (offset, json.loads(payload))
        return {key: value for key, (_, value) in found.items()}

    def _wait_for_outputs(self, agent: str, many: int) -> dict[int, list[list[int]]]:
        wait_until(lambda: len(self.outputs(agent)) >= many, 30)
        return self.outputs(agent)

    def assert_exact(self) -> int:
        """Nothing lost, nothing wrong, state as the truth; gives the number of repeats that a reader saw."""
        repeats = 0
        for agent, number in self.agents.items():
            expected = self.sources[number].expected
            # a killed worker's open transaction hides what others wrote after it until the broker aborts it
            found = self._wait_for_outputs(agent, len(expected))
            assert set(found) == set(expected)
            assert all(copy == expected[i] for i, copies in found.items() for copy in copies)
            assert self.state(agent) == self.sources[number].truth
            repeats += sum(len(copies) - 1 for copies in found.values())
        if self.mode == "exactly-once":
            assert repeats == 0
        return repeats


def read_committed(servers: str, topic: str) -> list[Any]:
    """Every committed record of a topic, read with a client that the worker does not use."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    places = [Place(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
    records = []
    with closing(consumer):
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        while any(consumer.position(place) < ends[place] for place in places):
            for batch in consumer.poll(timeout_ms=100, max_records=5000).values():
                records.extend(batch)
    return records


def wait_until(true: Callable[[], object], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s")
        time.sleep(0.1)


def end(worker: subprocess.Popen[bytes], number: int = signal.SIGTERM, timeout: float = 40) -> int:
    """Send a signal and wait; gives the exit status."""
    if worker.poll() is None:
        os.kill(worker.pid, number)
    return worker.wait(timeout)
