"""Puts mended messages back on their topic, each once, however often it is asked for and by whomever.

A message and the note that it was sent are one Kafka transaction, so there is never one without the other.
All operators of a service share one transactional id: whoever starts later makes the broker refuse what an
earlier one has not committed, and only then reads the notes. So nobody decides by notes that lack one.
A note stands in the partition of its letter, behind it, and retention removes a partition from its front: no
letter outlives its note.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from fraudstream.admin.dead_letters.log import (
    NOTE_HEADER,
    DeadLettersRefused,
    ReplayNote,
    fetch,
    read_letters,
)
from fraudstream.admin.dead_letters.repair import UNCHANGED, Repairer
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.admin import KafkaUnreachable
from schemas.score import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from confluent_kafka import Message

    from fraudstream.admin.dead_letters.log import DeadLetterLog, Place, StoredDeadLetter
    from fraudstream.admin.dead_letters.repair import Fix, FixedMessage
    from fraudstream.settings import Settings

_SILENT: Final = logging.getLogger("librdkafka.dead_letters")
_SILENT.disabled = True  # what goes wrong is said once, in a sentence
_OVERTAKEN: Final = frozenset(
    {
        KafkaError._FATAL,  # noqa: SLF001 - librdkafka's own codes begin so
        KafkaError._FENCED,  # noqa: SLF001
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)
_ANSWER_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 0.2
# While a transaction is open, readers of committed records wait at it: few messages, soon given up.
_MOST_AT_ONCE: Final = 200
_TRANSACTION_MS: Final = 10_000
_LARGEST_BYTES: Final = 16_000_000  # a topic may take less


class Replayed(NamedTuple):
    """What became of one letter: sent now, sent before, or refused for the reason in the sentence."""

    place: Place
    sent_to: Source | None = None
    """Where its message stands now; None where it is not sent (yet)."""
    is_new: bool = False
    """Whether this run sent it, or would if it were no dry run."""
    refusal: str | None = None
    """Why it cannot be sent."""

    @property
    def status(self) -> str:
        """The same in a word or three."""
        if self.refusal is not None:
            return "refused"
        if self.sent_to is None:
            return "would be sent"
        return "sent" if self.is_new else "sent before"


@dataclass
class ReplayPlan:
    """Letters with what is to be done about them, in the order in which their messages had come.

    Args:
        book: all letters and notes.
        mender: makes what is to be sent.
        mends: what is changed of which letter.
    """

    book: DeadLetterLog
    mender: Repairer
    mends: Mapping[Place, Fix]

    def each(self, letters: Iterable[StoredDeadLetter]) -> Iterator[FixedMessage | Replayed]:
        """Say of each letter what is to be sent, or what became of it already."""
        planned: dict[Source, Place] = {}
        for letter in sorted(letters, key=_order):
            if note := self.book.note_of(letter):
                yield Replayed(letter.place, note.sent_to)
            elif letter.source in planned:
                yield Replayed(letter.place, refusal=f"{letter.place} is {planned[letter.source]} once more.")
            else:
                yield (found := self._mended(letter))
                if not isinstance(found, Replayed):
                    planned[letter.source] = letter.place

    def _mended(self, letter: StoredDeadLetter) -> FixedMessage | Replayed:
        try:
            return self.mender.mend(letter, self.mends.get(letter.place, UNCHANGED))
        except DeadLettersRefused as refusal:
            return Replayed(letter.place, refusal=str(refusal))


def replay(
    settings: Settings,
    wanted: Callable[[StoredDeadLetter], bool],
    mends: Mapping[Place, Fix],
    *,
    is_dry: bool = False,
) -> Iterator[Replayed]:
    """Send the messages of letters that were not sent before.

    Args:
        settings: where the topics are, and what the service refuses.
        wanted: which letters; asked of their place and their reason alone.
        mends: changes by place; each place must be that of a letter.
        is_dry: only say what would be done.

    Yields:
        What became of each letter, as soon as it is committed.

    Raises:
        DeadLettersRefused: a place holds no letter, or another replay has begun meanwhile.
        KafkaUnreachable: Kafka does not answer, or refuses to be read or written.
        TopicsRefused: the topic is missing.
    """
    replayer = None if is_dry else Replayer(settings)
    book = read_letters(settings, lambda letter: letter if wanted(letter) else letter.without_content())
    for place in mends:
        book.find(place)
    plan = ReplayPlan(book, Repairer(settings, partial(fetch, settings)), mends)
    waiting: list[FixedMessage] = []
    for found in plan.each(filter(wanted, book.letters.values())):
        if isinstance(found, Replayed):
            yield found
        elif replayer is None:
            yield Replayed(found.letter.place, is_new=True)
        else:
            waiting.append(found)
    for start in range(0, len(waiting), _MOST_AT_ONCE):
        assert replayer is not None, "what waits is to be sent"
        yield from replayer.send(waiting[start : start + _MOST_AT_ONCE], book)


class Replayer:
    """Sends messages and notes; from its making on, no earlier one of this service can.

    Args:
        settings: where the topics are.

    Raises:
        KafkaUnreachable: Kafka does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._servers = settings.kafka.bootstrap_servers
        self._topic = settings.topics.names().dead_letters
        self._producer = Producer(
            {
                **settings.kafka.librdkafka(),
                "transactional.id": f"{settings.worker.group}.operator.{self._topic}",
                "transaction.timeout.ms": _TRANSACTION_MS,
                "partitioner": "murmur2_random",
                "message.max.bytes": _LARGEST_BYTES,
            },
            logger=_SILENT,
        )
        self._insist(partial(self._producer.init_transactions, _ANSWER_SECONDS))

    def send(self, batch: Sequence[FixedMessage], book: DeadLetterLog) -> list[Replayed]:
        """Send messages with their notes, all or none.

        Raises:
            DeadLettersRefused: another replay has begun meanwhile; none was sent.
            KafkaUnreachable: Kafka does not take them.
        """
        try:
            notes = self._commit(batch, book)
        except FraudstreamError:
            with suppress(KafkaException):  # readers wait at it until it is aborted, or has timed out
                self._producer.abort_transaction(_ANSWER_SECONDS)
            raise
        book.notes.update({note.source: note for note in notes})
        return [
            Replayed(each.letter.place, note.sent_to, is_new=True)
            for each, note in zip(batch, notes, strict=True)
        ]

    def _commit(self, batch: Sequence[FixedMessage], book: DeadLetterLog) -> list[ReplayNote]:
        """Write messages and notes in one transaction; gives the notes."""
        try:
            self._producer.begin_transaction()
            sent_to = self._deliver([partial(self._put, each) for each in batch])
            notes = [_note(each, where) for each, where in zip(batch, sent_to, strict=True)]
            self._deliver(
                partial(self._put_note, note, twin.place)
                for each, note in zip(batch, notes, strict=True)
                for twin in book.twins(each.letter)
            )
        except KafkaException as error:
            raise self._refused(error.args[0]) from error
        self._insist(partial(self._producer.commit_transaction, _ANSWER_SECONDS))
        return notes

    def _put(self, mended: FixedMessage, on_delivery: Callable[[KafkaError, Message], None]) -> None:
        record = mended.record
        self._producer.produce(
            mended.letter.why.topic,
            record.value,
            record.key,
            mended.partition,
            on_delivery=on_delivery,
            timestamp=record.timestamp_ms or 0,
            headers=record.headers,
        )

    def _put_note(
        self, note: ReplayNote, place: Place, on_delivery: Callable[[KafkaError, Message], None]
    ) -> None:
        self._producer.produce(
            self._topic,
            note.to_json(),
            None,
            place.partition,
            on_delivery=on_delivery,
            headers=[(NOTE_HEADER, str(place).encode())],
        )

    def _deliver(self, puts: Iterable[Callable[..., None]]) -> list[Source]:
        """Write records and wait for them; gives where they stand, in order."""
        delivered: dict[int, Source] = {}
        failures: list[KafkaError] = []

        def note(number: int, error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(error)
            else:
                delivered[number] = Source(message.topic(), message.partition(), message.offset())

        count = 0
        for number, put in enumerate(puts):
            put(partial(note, number))
            count += 1
        try:
            self._producer.flush(_ANSWER_SECONDS)
        except SystemError as error:  # a fatal error, met by the binding between two delivery callbacks
            raise self._refused(_fatal(error)) from error
        if failures or len(delivered) < count:
            raise self._refused(failures[0] if failures else None)
        return [delivered[number] for number in range(count)]

    def _insist(self, call: Callable[[], None]) -> None:
        """Do one step of a transaction, again while Kafka only asks for patience."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        while True:
            try:
                call()
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise self._refused(error.args[0]) from error
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def _refused(self, error: KafkaError | None) -> DeadLettersRefused | KafkaUnreachable:
        """The sentence for a transaction that failed; what may be left of it, nobody will read."""
        if error is not None and error.code() in _OVERTAKEN:
            return DeadLettersRefused(
                "Another replay has begun meanwhile, so this one has ended: run it again, and what was sent "
                "is not sent twice."
            )
        reason = "no answer" if error is None else error.name()
        return KafkaUnreachable(
            f"Kafka at {self._servers} does not take the messages ({reason}): run the replay again, and what "
            "was sent is not sent twice."
        )


def _fatal(error: SystemError) -> KafkaError | None:
    """What Kafka said, where the binding's own error hides it."""
    cause = error.__cause__
    return cause.args[0] if isinstance(cause, KafkaException) else None


def _note(mended: FixedMessage, sent_to: Source) -> ReplayNote:
    letter = mended.letter
    return ReplayNote(
        letter=str(letter.place), source=letter.source, sent_to=sent_to, is_edited=mended.is_edited
    )


def _order(letter: StoredDeadLetter) -> tuple[str, int, int]:
    """Messages of one partition go back in the order in which they came."""
    return letter.why.topic, letter.why.partition, letter.why.offset
