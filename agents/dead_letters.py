"""Builds and sends dead letters: the records of refused messages, to be sent again once fixed.

Key, value, headers and timestamp stay byte for byte as they came. Headers as Kafka Connect writes them
(KIP-298) say where the message stood and why it was refused. Three kinds of dead letter hold less:

* A message with a card number: its dead letter holds masked copies and says so.
* A message larger than any that is accepted: it is not read, and its dead letter holds its position alone.
* Records that nobody can read any more: likewise.

Of the first two the original stands at that position for as long as the source topic keeps it.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from agents.headers import UNREADABLE, UNREADABLE_HEADER, read_headers
from agents.runtime.records import Outgoing
from schemas.dead_letter import DeadLetter
from schemas.decoding import MAX_BYTES
from schemas.errors import ErrorType, InvalidMessage
from schemas.fields.pan import contains_pan, mask_numbers, mask_pans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from confluent_kafka import Message

    from agents.runtime import Chunk
    from agents.runtime.outbox import Outbox
    from agents.runtime.records import Header, KafkaRecord
    from agents.telemetry import Telemetry

    Account = Callable[[int], None]
    """Counts records that became something."""

MASKED_HEADER = "fraudstream-masked"
"""There, with value `true`, where a card number was masked in key, value or headers."""
OMITTED_HEADER = "fraudstream-omitted"
"""There, with value `true`, where key, value and headers were left out."""
TASK_HEADER = "__connect.errors.task.id"
"""Kafka Connect's number of the task: an agent has one task a partition."""
CLASS_HEADER = "__connect.errors.class.name"
"""Kafka Connect's name of the code that refused the message."""

_ADDED = {field.alias for field in DeadLetter.model_fields.values()} | {
    MASKED_HEADER,
    OMITTED_HEADER,
    UNREADABLE_HEADER,
    TASK_HEADER,
    CLASS_HEADER,
}
_LONGEST_TEXT = 280
_EXCEPTION = "schemas.errors.InvalidMessage"
# What the agent was doing, in the words of Kafka Connect; the rest is VALUE_CONVERTER.
_STAGES = {
    ErrorType.EMPTY_KEY: "KEY_CONVERTER",
    ErrorType.KEY_MISMATCH: "KEY_CONVERTER",
    ErrorType.INTERNAL_ERROR: "TASK_PUT",
    ErrorType.UNREADABLE_BATCH: "KAFKA_CONSUME",
    ErrorType.RECORDS_LOST: "KAFKA_CONSUME",
}


_NOTHING = Outgoing(None, None, [], None)
_OMITTED: tuple[Header, ...] = ((OMITTED_HEADER, b"true"),)


def dead_letter(
    record: KafkaRecord,
    error_type: ErrorType,
    reason: str,
    *,
    agent: str,
    field: str | None = None,
    exception: str = _EXCEPTION,
    card_prefixes: tuple[bytes, ...] = (),
) -> Outgoing:
    """Make the dead letter of a refused message; one that cannot be copied leaves its position alone.

    Headers of an earlier refusal, on a message that was sent again, give way to those of this one; so their
    number stays bounded.

    Args:
        record: the message.
        error_type: kind of fault.
        reason: one sentence that never contains the refused value; cut after 280 characters.
        agent: name of the agent that refuses.
        field: dotted path of the field at fault, where there is one.
        exception: class of the exception, with its module.
        card_prefixes: first digits of the bank's own cards, which are masked like those of the networks.
    """
    why = DeadLetter(
        topic=record.topic(),
        partition=record.partition(),
        offset=record.offset(),
        agent=agent,
        stage=_STAGES.get(error_type, "VALUE_CONVERTER"),
        exception=exception,
        reason=_safe(reason),
        error_type=error_type,
        field=None if field is None else _safe(field),
    )
    try:
        kept, marks = _storable(record, error_type, card_prefixes)
    except Exception:  # noqa: BLE001 - no fault of a copy may keep the message from being set aside
        kept, marks = _NOTHING, _OMITTED
    return _with_reason(kept, why, marks)


def dead_letter_at(
    topic: str,
    partition: int,
    first: int,
    last: int,
    error_type: ErrorType,
    reason: str,
    *,
    agent: str,
    exception: str = _EXCEPTION,
) -> Outgoing:
    """Make the dead letter of records that nobody can read: their positions alone.

    Args:
        topic: where they stood.
        partition: their partition there.
        first: offset of the first one.
        last: offset of the last one, `first` for a single record.
        error_type: kind of fault.
        reason: one sentence; cut after 280 characters.
        agent: name of the agent that should have taken them.
        exception: class of the exception, with its module.
    """
    why = DeadLetter(
        topic=topic,
        partition=partition,
        offset=first,
        last_offset=last,
        agent=agent,
        stage=_STAGES.get(error_type, "VALUE_CONVERTER"),
        exception=exception,
        reason=_safe(reason),
        error_type=error_type,
    )
    return _with_reason(_NOTHING, why, _OMITTED)


def _with_reason(kept: Outgoing, why: DeadLetter, marks: Sequence[Header]) -> Outgoing:
    """Add the headers of a refusal."""
    headers: list[Header] = [
        *kept.headers,
        *why.to_headers(),
        (TASK_HEADER, str(why.partition).encode()),
        (CLASS_HEADER, f"agents.{why.agent}".encode()),
        *marks,
    ]
    return kept._replace(headers=headers)


def as_it_came(record: KafkaRecord) -> Outgoing:
    """Copy a record without the headers of a refusal: of a dead letter, the message as it was refused."""
    headers = [header for header in read_headers(record) if header[0] not in _ADDED]
    kind, milliseconds = record.timestamp()
    return Outgoing(record.key(), record.value(), headers, milliseconds if kind else None)


def _storable(
    record: KafkaRecord, error_type: ErrorType, card_prefixes: tuple[bytes, ...]
) -> tuple[Outgoing, Sequence[Header]]:
    """Give what may be stored of a record, and the headers that say so if it is not all."""
    came = as_it_came(record)
    if sum(map(len, _parts(came))) > MAX_BYTES:
        return _NOTHING._replace(timestamp_ms=came.timestamp_ms), _OMITTED
    kept = _masked(came, error_type, card_prefixes)
    marks: list[Header] = [] if kept is came else [(MASKED_HEADER, b"true")]
    headers = read_headers(record)
    return kept, [*marks, *headers] if headers == [UNREADABLE] else marks


def _masked(came: Outgoing, error_type: ErrorType, card_prefixes: tuple[bytes, ...]) -> Outgoing:
    """Mask card numbers, or give the very record back where it holds none."""
    mask: Callable[[bytes], bytes]
    if error_type in {ErrorType.PAN, ErrorType.IBAN}:
        mask = mask_numbers
    elif any(contains_pan(part, card_prefixes) for part in _parts(came)):
        mask = partial(mask_pans, prefixes=card_prefixes)
    else:
        return came

    def copy(part: bytes | None) -> bytes | None:
        return None if part is None else mask(part)

    headers = [(mask(name.encode()).decode(), copy(value)) for name, value in came.headers]
    return came._replace(key=copy(came.key), value=copy(came.value), headers=headers)


def _parts(record: Outgoing) -> Iterator[bytes]:
    """Yield whatever a sender may have put in."""
    yield record.key or b""
    yield record.value or b""
    for name, value in record.headers:
        yield name.encode()
        yield value or b""


def _safe(text: str) -> str:
    """Bound a text for a header, and mask whatever card number slipped into it."""
    return mask_pans(text.encode()).decode()[:_LONGEST_TEXT]


T = TypeVar("T")


class DeadLetterWriter:
    """One agent's way to the dead letters.

    Args:
        agent: name of the agent.
        outbox: takes the dead letters.
        topic: of the dead letters.
        telemetry: is told of each.
        card_prefixes: first digits of the bank's own cards.
    """

    def __init__(
        self,
        agent: str,
        outbox: Outbox,
        topic: str,
        telemetry: Telemetry,
        card_prefixes: tuple[bytes, ...] = (),
    ) -> None:
        self._agent = agent
        self._outbox = outbox
        self._topic = topic
        self._telemetry = telemetry
        self._card_prefixes = card_prefixes
        self._unaccounted = 0

    @contextmanager
    def account(self, chunks: Sequence[Chunk]) -> Iterator[Account]:
        """Hold an agent to its promise: each record of the chunks is refused, or counted by what is given."""
        self._unaccounted = sum(len(chunk.records) for chunk in chunks)
        yield self._count
        if self._unaccounted:
            self._telemetry.records_unaccounted(chunks[0].topic, self._unaccounted)

    def _count(self, records: int) -> None:
        self._unaccounted -= records

    def taken(self, chunk: Chunk, take: Callable[[Message], T]) -> Iterator[T]:
        """Yield what ``take`` makes of each record; one that it refuses, or that is poison, is set apart."""
        self.put_gap(chunk)
        for record in chunk.records:
            try:
                refuse_poison(chunk)
                result = take(record)
            except InvalidMessage as refusal:
                self.put(record, refusal)
            else:
                yield result

    def put(self, record: KafkaRecord, refusal: InvalidMessage) -> None:
        """Set a record apart, with the checkpoint that includes its chunk."""
        self._count(1)
        letter = dead_letter(
            record,
            refusal.error_type,
            refusal.reason,
            agent=self._agent,
            field=refusal.field,
            card_prefixes=self._card_prefixes,
        )
        self._put(letter)
        self._telemetry.dead_lettered(
            record.topic(),
            refusal.error_type,
            refusal.reason,
            partition=record.partition(),
            offset=record.offset(),
        )

    def put_position(self, topic: str, partition: int, offset: int, refusal: InvalidMessage) -> None:
        """Set a record apart that is not in hand any more: its dead letter holds its position alone."""
        place = (topic, partition, offset, offset)
        self._put(dead_letter_at(*place, refusal.error_type, refusal.reason, agent=self._agent))
        self._telemetry.dead_lettered(
            topic, refusal.error_type, refusal.reason, partition=partition, offset=offset
        )

    def put_gap(self, chunk: Chunk) -> None:
        """Write the dead letter of what was passed over unread, if that is what the chunk stands for."""
        if (gap := chunk.gap) is None:
            return
        place, error_type = (chunk.topic, chunk.partition, gap.first, gap.last), ErrorType(gap.loss)
        self._put(dead_letter_at(*place, error_type, gap.reason, agent=self._agent))
        self._telemetry.records_lost(*place, error_type, gap.reason)

    def _put(self, letter: Outgoing) -> None:
        self._outbox.put(
            self._topic,
            letter.key,
            letter.value,
            headers=letter.headers,
            timestamp_ms=letter.timestamp_ms or 0,
        )


def refuse_poison(chunk: Chunk) -> None:
    """Raise InvalidMessage for a chunk whose one message made its agent fail again and again."""
    if chunk.is_poison:
        raise InvalidMessage(
            ErrorType.INTERNAL_ERROR, "this message made its agent fail at three starts of a worker"
        )
