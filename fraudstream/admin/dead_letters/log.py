"""Reads the dead-letter topic: dead letters, notes of those that were replayed, and original messages."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from confluent_kafka import OFFSET_BEGINNING

from agents.dead_letters import MASKED_HEADER, OMITTED_HEADER, as_it_came
from agents.headers import UNREADABLE_HEADER, read_headers
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.admin import KafkaUnreachable
from fraudstream.kafka.read import expect_topics, high_watermarks, topic_reader
from models.labelling.pending import moment
from schemas.dead_letter import DeadLetter
from schemas.decoding import decode
from schemas.errors import InvalidMessage
from schemas.message import Message
from schemas.score import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from confluent_kafka import Message as KafkaMessage

    from agents.runtime.records import KafkaRecord, Outgoing
    from fraudstream.settings import Settings

REPLAY_HEADER = "fraudstream-replay-of"
"""On a message that was put back: the place of its dead letter."""
NOTE_HEADER = "fraudstream-replayed"
"""On a record of the dead-letter topic that is a note: the place of the letter that was replayed."""

_PLACE = re.compile(r"([0-9]{1,9})-([0-9]{1,18})", re.ASCII)


class DeadLettersRefused(FraudstreamError):
    """A request for dead letters cannot be done; the text is one sentence."""


class Place(NamedTuple):
    """Where a dead letter stands on the dead-letter topic, written `partition-offset`."""

    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a place.

        Raises:
            DeadLettersRefused: the text is none.
        """
        match = _PLACE.fullmatch(text)
        if match is None:
            raise DeadLettersRefused(
                f"{text!r} is no place of a dead letter: it is partition-offset, such as 3-1042, as "
                "`fraudstream dead-letters list` shows it."
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.partition}-{self.offset}"


@dataclass(frozen=True)
class StoredDeadLetter:
    """One dead letter.

    Attributes:
        place: where it stands.
        why: what its headers say of the refusal.
        came: key, value, headers and timestamp of the message, as far as they were stored.
        is_masked: card numbers in it are masked.
        is_omitted: key, value and headers were left out.
        lacks_headers: the message had headers that nobody can read.
    """

    place: Place
    why: DeadLetter
    came: Outgoing
    is_masked: bool = False
    is_omitted: bool = False
    lacks_headers: bool = False

    @classmethod
    def of(cls, record: KafkaRecord) -> Self:
        """Read a record of the dead-letter topic.

        Raises:
            InvalidMessage: it has not the headers of a dead letter.
        """
        headers = read_headers(record)
        names = {name for name, _ in headers}
        return cls(
            Place(record.partition(), record.offset()),
            DeadLetter.from_headers(headers),
            as_it_came(record),
            MASKED_HEADER in names,
            OMITTED_HEADER in names,
            UNREADABLE_HEADER in names,
        )

    @property
    def source(self) -> Source:
        """Where the message stood; it tells messages apart."""
        return Source(topic=self.why.topic, partition=self.why.partition, offset=self.why.offset)

    @property
    def made_at(self) -> datetime | None:
        """The message's own Kafka timestamp, which its dead letter keeps."""
        milliseconds = self.came.timestamp_ms
        return None if milliseconds is None else moment(milliseconds / 1_000)

    @property
    def is_position_only(self) -> bool:
        """Whether it stands for a range of records that nobody can read."""
        return self.why.last_offset is not None

    def without_content(self) -> Self:
        """The letter with nothing that its sender wrote, for a long list."""
        return replace(self, came=self.came._replace(key=None, value=None, headers=[]))


class ReplayNote(Message):
    """Value of a note: written in one transaction with the message that it is about."""

    letter: str
    """Place of the dead letter."""
    source: Source
    """Where the message had stood."""
    sent_to: Source
    """Where it stands now."""
    is_edited: bool
    """Whether key or value are others than those that came."""


@dataclass
class DeadLetterLog:
    """All letters that were asked for, and all notes.

    Attributes:
        wanted: makes of each letter what is kept of it, None for nothing.
        letters: by place.
        notes: by the source of their message, so that two letters of one message count as one.
        foreign: records that are neither letter nor note.
    """

    wanted: Callable[[StoredDeadLetter], StoredDeadLetter | None]
    letters: dict[Place, StoredDeadLetter] = field(default_factory=dict)
    notes: dict[Source, ReplayNote] = field(default_factory=dict)
    foreign: int = 0

    def take(self, record: KafkaRecord) -> None:
        """Take one record of the dead-letter topic."""
        try:
            if any(name == NOTE_HEADER for name, _ in read_headers(record)):
                note = decode(ReplayNote.model_validate, record.value() or b"")
                self.notes[note.source] = note
            elif letter := self.wanted(StoredDeadLetter.of(record)):
                self.letters[letter.place] = letter
        except InvalidMessage:
            self.foreign += 1

    def note_of(self, letter: StoredDeadLetter) -> ReplayNote | None:
        """The note that says that a letter's message was replayed."""
        return self.notes.get(letter.source)

    def find(self, place: Place) -> StoredDeadLetter:
        """The letter at a place.

        Raises:
            DeadLettersRefused: there is none.
        """
        if place not in self.letters:
            raise DeadLettersRefused(
                f"No dead letter stands at {place}: `fraudstream dead-letters list` shows where they stand."
            )
        return self.letters[place]

    def twins(self, letter: StoredDeadLetter) -> Iterator[StoredDeadLetter]:
        """The letters of the same message, itself among them: at-least-once delivery may write two."""
        return (each for each in self.letters.values() if each.source == letter.source)


_ANSWER_SECONDS: Final = 10.0
_PATIENCE_SECONDS: Final = 60.0


def read_letters(
    settings: Settings, wanted: Callable[[StoredDeadLetter], StoredDeadLetter | None]
) -> DeadLetterLog:
    """Read all letters and notes that are committed by now.

    The end is the high watermark: what is part of a transaction that is open now, of a worker or of another
    operator, is waited for.

    Args:
        settings: where the topic is.
        wanted: makes of each letter what is kept of it, None for nothing.

    Raises:
        KafkaUnreachable: Kafka does not answer, or does not give the records.
        TopicsRefused: the topic is missing.
        DeadLettersRefused: a transaction stays open.
    """
    topic = settings.topics.names().dead_letters
    count = expect_topics(settings.kafka, topic)[topic]
    ends = high_watermarks(settings.kafka, [(topic, partition) for partition in range(count)])
    book = DeadLetterLog(wanted)
    with topic_reader(settings) as reader:
        heard = time.monotonic()
        for messages in reader.batches(dict.fromkeys(ends, OFFSET_BEGINNING), ends):
            for message in messages:
                book.take(message)
            heard = time.monotonic() if messages else heard
            if time.monotonic() - heard > _PATIENCE_SECONDS:
                raise DeadLettersRefused(
                    f"Topic {topic} has a transaction that stays open, so what follows cannot be read: "
                    "wait for its writer, or end it with `kafka-transactions abort`."
                )
    return book


def fetch(settings: Settings, source: Source) -> KafkaMessage | None:
    """Return the message that stands at a position, None where it is gone.

    Raises:
        KafkaUnreachable: Kafka does not give it.
    """
    deadline = time.monotonic() + _ANSWER_SECONDS
    with topic_reader(settings) as reader:
        for messages in reader.batches({(source.topic, source.partition): source.offset}):
            for message in messages:
                return message if message.offset() == source.offset else None
            if time.monotonic() > deadline:
                raise KafkaUnreachable(
                    f"Kafka at {settings.kafka.bootstrap_servers} does not give offset {source.offset} of "
                    f"partition {source.partition} of {source.topic}."
                )
    return None
