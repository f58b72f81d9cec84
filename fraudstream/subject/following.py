"""Follows an erasure from the record that begins it through every agent that takes it and passes it on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from confluent_kafka import Producer
from kafka.partitioner import murmur2

from agents.erasures import is_erasure
from agents.headers import read_headers
from fraudstream.kafka_admin import KafkaUnreachable
from fraudstream.rights import learning_group
from fraudstream.subject.certificate import Status
from fraudstream.subject.models import read_models, stained
from fraudstream.subject.reading import committed, topics_of
from models.signing import sign
from schemas.dead_letter import DeadLetter
from schemas.erasure import HEADER, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from confluent_kafka import Message

    from fraudstream.model_admin.versions import Versions
    from fraudstream.settings import Settings
    from fraudstream.subject.reading import Place
    from fraudstream.subject.request import Request
    from fraudstream.subject.stock import Stock

T = TypeVar("T")

_ANSWER_SECONDS: Final = 30
_PAUSE_SECONDS: Final = 0.5
_PUBLISH_SECONDS: Final = 30.0


@dataclass
class Progress:
    """Where the erasure stands, and which of its steps are done."""

    places: dict[str, list[tuple[Place, int]]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def status(self, topic: str, held: int) -> Status:
        """How far it has come where the owner of a store reads this topic."""
        if topic not in self.done:
            return Status.PENDING
        return Status.ERASED if held else Status.NOTHING_HELD

    def told(self, topic: str) -> tuple[str, ...]:
        """Where it stands in a topic, in words."""
        return tuple(f"{name}/{number}@{offset}" for (name, number), offset in self.places.get(topic, []))


class Pursuit:
    """One erasure, from the first record to the certificate.

    Args:
        settings: where the service is.
        key: signs erasure and certificate.
        request: what is asked for.
        patience: seconds to wait for the workers.
        say: is told in sentences what is waited for.
    """

    def __init__(
        self,
        settings: Settings,
        key: bytes,
        request: Request,
        patience: float,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._key = key
        self._request = request
        self._deadline = time.monotonic() + patience
        self._say = say
        self._topics = settings.topics.names()
        self._learning = learning_group(settings.worker.group)
        self._progress = Progress()

    def run(self, stock: Stock, before: Versions) -> tuple[Progress, Versions]:
        """Send the erasure and follow it; what does not come in time is left out of what is done."""
        topics = self._topics
        with topics_of(self._settings) as reader:
            ends = reader.ends(
                [topics.labels_keyed, topics.scores, topics.outcomes, topics.examples, topics.dead_letters]
            )
            transactions, labels = (
                self._keyed(len(reader.places([topic]))) for topic in (topics.transactions, topics.labels)
            )
        self._send(topics.transactions, Entry.TRANSACTIONS, {*stock.profiles, transactions})
        self._send(topics.labels, Entry.LABELS, {labels})
        self._await_commit(topics.transactions, self._settings.worker.group, "scoring")
        for topic, owner in (
            (topics.labels_keyed, "labelling"),
            (topics.scores, "labelling"),
            (topics.outcomes, "reputation"),
            (topics.examples, "learning"),
        ):
            self._find(topic, ends)
            self._await_commit(topic, self._learning, owner)
        self._strike_refusals(ends)
        return self._progress, self._await_model(stock, before)

    def _send(self, topic: str, entry: Entry, partitions: Iterable[int]) -> None:
        """Write a record to each of these partitions."""
        producer = Producer(
            {
                **self._settings.kafka.librdkafka(),
                "enable.idempotence": True,
                "log_level": 0,
            }
        )
        failures: list[str] = []
        placed = self._progress.places.setdefault(topic, [])

        def delivered(error: object, message: Message) -> None:
            if error is not None:
                failures.append(str(error))
            else:
                placed.append(((topic, message.partition()), message.offset()))

        key = self._request.subject.encode()
        for partition in sorted(partitions):
            value = self._request.to(entry, partition).to_json()
            headers: list[tuple[str, str | bytes | None]] = [(HEADER, sign(value, self._key))]
            producer.produce(topic, value, key, partition, on_delivery=delivered, headers=headers)
        if producer.flush(_ANSWER_SECONDS) or failures:
            servers, why = self._settings.kafka.bootstrap_servers, ", ".join(failures) or "no answer"
            raise KafkaUnreachable(f"Kafka at {servers} did not take the erasure on {topic} ({why}).")

    def _keyed(self, count: int) -> int:
        """Which of so many partitions producers of Kafka's own choose by the token as key."""
        hashed: int = murmur2(self._request.subject.encode())
        return (hashed & 0x7FFFFFFF) % count

    def _find(self, topic: str, ends: Mapping[Place, int]) -> None:
        """Wait for the record that the agent before passes on to a topic."""
        self._say(f"Waiting for the erasure on {topic}.")
        for records in self._tries(lambda: self._records(topic, ends)):
            if records:
                self._progress.places[topic] = [
                    ((topic, record.partition()), record.offset()) for record in records
                ]
                return

    def _records(self, topic: str, ends: Mapping[Place, int]) -> list[Message]:
        """The records of this erasure on a topic."""
        wanted = self._request.erasure_id.encode()
        starts = {place: end for place, end in ends.items() if place[0] == topic}
        with topics_of(self._settings) as reader:
            return [
                record
                for record in reader.records([topic], starts)
                if wanted in (record.value() or b"") and is_erasure(record)
            ]

    def _strike_refusals(self, ends: Mapping[Place, int]) -> None:
        """Count nothing as done where an agent refused the erasure, as one with another signing key does."""
        for record in self._records(self._topics.dead_letters, ends):
            refusal = DeadLetter.from_headers(read_headers(record))
            self._progress.done.discard(refusal.topic)
            self._say(f"The agent {refusal.agent} refused the erasure on {refusal.topic}: {refusal.reason}.")

    def _await_commit(self, topic: str, group: str, owner: str) -> None:
        """Wait until the owner of a store has taken the erasure, with all that follows from it durable."""
        places = self._progress.places.get(topic)
        if not places:
            return
        self._say(f"Waiting for {owner} to take it.")
        for offsets in self._tries(lambda: committed(self._settings.kafka, group, [at for at, _ in places])):
            if all(offsets[place][0] > offset for place, offset in places):
                self._progress.done.add(topic)
                return

    def _await_model(self, stock: Stock, before: Versions) -> Versions:
        """Wait until no version is left that may have learnt the examples, and for one in their place."""
        mark = max(
            (offset for _, offset in self._progress.places.get(self._topics.examples, [])), default=None
        )
        now = read_models(self._settings, self._key)[0]
        if mark is None or not stained(before, stock):
            return now
        self._say("Waiting for the model to be learnt again.")
        for now in self._tries(lambda: read_models(self._settings, self._key)[0]):
            if not stained(now, stock, mark):
                break
        patience = time.monotonic() + _PUBLISH_SECONDS
        while now.newest <= now.base + mark and time.monotonic() < min(patience, self._deadline):
            time.sleep(_PAUSE_SECONDS)
            now = read_models(self._settings, self._key)[0]
        return now

    def _tries(self, ask: Callable[[], T]) -> Iterator[T]:
        """Ask again and again, until the patience is over."""
        while True:
            yield ask()
            if time.monotonic() > self._deadline:
                return
            time.sleep(_PAUSE_SECONDS)
