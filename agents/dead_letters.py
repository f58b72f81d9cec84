"""What becomes of a refused message: a record for the dead-letter topic that can be sent again once mended.

Key, value, headers and timestamp stay byte for byte as they came, and headers in the manner of Kafka Connect
(KIP-298) say where the message stood and why it was refused. A message with a card number is the exception:
its dead letter holds masked copies and says so. So is a message larger than any that is taken: nothing in it
is looked at, and its dead letter holds its position alone. In both cases the
original stands at that position for as long as the source topic keeps it. Records that nobody can read any
more have a dead letter too, with their positions alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from agents.headers import UNREADABLE, UNREADABLE_HEADER, read_headers
from agents.runtime.records import Outgoing
from schemas.dead_letter import DeadLetter
from schemas.decoding import MAX_BYTES
from schemas.errors import ErrorType
from schemas.pan import contains_pan, mask_numbers, mask_pans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.runtime.records import Header, KafkaRecord

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
