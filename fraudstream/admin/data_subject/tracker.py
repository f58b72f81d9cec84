"""Requests an erasure and tracks it through every agent that takes it and passes it on, to the models."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self, TypeVar

from confluent_kafka import Producer
from kafka.partitioner import murmur2
from pydantic import ValidationError

from agents.erasures import is_erasure
from agents.headers import read_headers
from fraudstream.admin.data_subject.certificate import ErasureStatus
from fraudstream.admin.models.controls import read_controls
from fraudstream.admin.models.versions import Versions, fold_models, pin_of
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.access import learning_group
from fraudstream.kafka.admin import KafkaUnreachable
from fraudstream.kafka.read import committed, topic_reader
from models.signing import sign
from schemas.dead_letter import DeadLetter
from schemas.erasure import HEADER, Entry, Erasure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from confluent_kafka import Message

    from agents.runtime.reading import Place
    from fraudstream.admin.data_subject.inventory import Inventory
    from fraudstream.settings import Settings

T = TypeVar("T")

_ANSWER_SECONDS: Final = 30
_PAUSE_SECONDS: Final = 0.5
_PUBLISH_SECONDS: Final = 30.0


@dataclass
class ErasureProgress:
    """Where the erasure stands, and which of its steps are done."""

    places: dict[str, list[tuple[Place, int]]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def status(self, topic: str, held: int) -> ErasureStatus:
        """How far it has come where the owner of a store reads this topic."""
        if topic not in self.done:
            return ErasureStatus.PENDING
        return ErasureStatus.ERASED if held else ErasureStatus.NOTHING_HELD

    def told(self, topic: str) -> tuple[str, ...]:
        """Where it stands in a topic, in words."""
        return tuple(f"{name}/{number}@{offset}" for (name, number), offset in self.places.get(topic, []))


class ErasureTracker:
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
        self._progress = ErasureProgress()

    def run(self, stock: Inventory, before: Versions) -> tuple[ErasureProgress, Versions]:
        """Send the erasure and follow it; what does not come in time is left out of what is done."""
        topics = self._topics
        with topic_reader(self._settings) as reader:
            spans = reader.spans(
                [topics.labels_keyed, topics.scores, topics.outcomes, topics.examples, topics.dead_letters]
            )
            transactions, labels = (
                self._keyed(len(reader.places([topic]))) for topic in (topics.transactions, topics.labels)
            )
        ends = {place: span.end for place, span in spans.items()}
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
        with topic_reader(self._settings) as reader:
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

    def _await_model(self, stock: Inventory, before: Versions) -> Versions:
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


@dataclass(frozen=True)
class Request:
    """An erasure before it is written.

    Attributes:
        erasure_id: 32 hexadecimal digits that name it.
        subject: token of whom to forget.
        issued_at: when it was asked for.
    """

    erasure_id: str
    subject: str
    issued_at: datetime

    @classmethod
    def of(cls, token: str, erasure_id: str, issued_at: datetime) -> Self:
        """A request that can be written.

        Raises:
            ErasureRefused: no card or account can have this token.
        """
        request = cls(erasure_id, token, issued_at)
        try:
            request.to(Entry.TRANSACTIONS, 0)
        except ValidationError:
            raise ErasureRefused(
                "This is no token: give the card or account as transactions carry it, never a card number."
            ) from None
        return request

    def to(self, entry: Entry, partition: int) -> Erasure:
        """The message for one partition; it counts nowhere else."""
        return Erasure(
            erasure_id=self.erasure_id,
            subject=self.subject,
            issued_at=self.issued_at,
            entry=entry,
            partition=partition,
        )


class ErasureRefused(FraudstreamError):
    """An erasure cannot be begun as things are; the text is one sentence."""


def read_models(settings: Settings, key: bytes) -> tuple[Versions, tuple[str, ...]]:
    """The versions of the model, and the names of other models on the topic."""
    topics, name = settings.topics.names(), settings.learning.model
    with topic_reader(settings) as reader:
        records = list(reader.records([topics.models]))
    names = {(record.key() or b"").decode(errors="replace").rpartition("@")[0] for record in records}
    versions = Versions(name, fold_models(records, name, key), pin_of(read_controls(settings).controls, name))
    return versions, tuple(sorted(names - {name, ""}))


def refuse_pin(versions: Versions, stock: Inventory) -> None:
    """See that no pin holds the scorers to a version that learnt the subject's examples.

    Raises:
        ErasureRefused: one does.
    """
    pin = versions.pin
    if pin is None or pin.model_version not in stained(versions, stock):
        return
    others = [each.version for each in versions.signed if each.version not in stained(versions, stock)]
    raise ErasureRefused(
        f"Version {pin.model_version} of {versions.name} is pinned and may have learnt what is to be erased: "
        "run `fraudstream model unpin`, or pin "
        + (f"version {max(others)} or the prior model." if others else "the prior model.")
    )


def stained(versions: Versions, stock: Inventory, mark: int | None = None) -> list[int]:
    """The versions that may have learnt the subject's examples, as of a stock taken before the erasure.

    Those of a log that is not there any more are among them: nobody can tell what they learned.
    """
    base, first = versions.base, [each.offset for each in stock.examples[:1]]
    return [
        each.version
        for each in versions.signed
        if (each.version <= base or (first and each.version > base + first[0]))
        and (mark is None or each.version <= base + mark)
    ]
