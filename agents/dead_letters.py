"""What becomes of a refused message: a record for the dead-letter topic that can be sent again once mended.

Key, value, headers and timestamp stay byte for byte as they came, and headers in the manner of Kafka Connect
(KIP-298) say where the message stood and why it was refused. A message with a card number is the exception:
its dead letter holds masked copies and says so. So is a message that no batch of the dead-letter topic could
hold, such as text that its sender compressed: its dead letter holds its position alone. In both cases the
original stands at that position for as long as the source topic keeps it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from schemas.dead_letter import DeadLetter
from schemas.errors import ErrorType
from schemas.pan import contains_pan, mask_numbers, mask_pans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Header = tuple[str, bytes | None]

MASKED_HEADER = "fraudstream-masked"
"""There, with value `true`, where a card number was masked in key, value or headers."""
OMITTED_HEADER = "fraudstream-omitted"
"""There, with value `true`, where key, value and headers were left out, as too large to be written again."""
TASK_HEADER = "__connect.errors.task.id"
"""Kafka Connect's number of the task: an agent has one task a partition."""
CLASS_HEADER = "__connect.errors.class.name"
"""Kafka Connect's name of the code that refused the message."""

_ADDED = {field.alias for field in DeadLetter.model_fields.values()} | {
    MASKED_HEADER,
    OMITTED_HEADER,
    TASK_HEADER,
    CLASS_HEADER,
}
_LONGEST_TEXT = 280
# The topic takes 2 MiB (agents.topics); the rest is for the headers that are added.
_MOST_BYTES = 2_000_000
_KEY_FAULTS = frozenset({ErrorType.EMPTY_KEY, ErrorType.KEY_MISMATCH})


class KafkaRecord(Protocol):
    """What is read of a received record; `confluent_kafka.Message` is one."""

    def topic(self) -> str:
        """Topic that it came from."""

    def partition(self) -> int:
        """Its partition there."""

    def offset(self) -> int:
        """Its offset there."""

    def key(self) -> bytes | None:
        """Key as it came."""

    def value(self) -> bytes | None:
        """Value as it came."""

    def headers(self) -> Sequence[Header] | None:
        """Headers as they came."""

    def timestamp(self) -> tuple[int, int]:
        """Kind of timestamp (0: none) and milliseconds since 1970."""


class PositionOnly(NamedTuple):
    """A record that was read long ago: its dead letter holds its position alone."""

    its_topic: str
    its_partition: int
    its_offset: int

    def topic(self) -> str:
        """Topic that it came from."""
        return self.its_topic

    def partition(self) -> int:
        """Its partition there."""
        return self.its_partition

    def offset(self) -> int:
        """Its offset there."""
        return self.its_offset

    def key(self) -> bytes | None:
        """Nothing: it is not known any more."""

    def value(self) -> bytes | None:
        """Nothing, likewise."""

    def headers(self) -> Sequence[Header] | None:
        """Nothing, likewise."""

    def timestamp(self) -> tuple[int, int]:
        """No timestamp, likewise."""
        return 0, 0


class Outgoing(NamedTuple):
    """A record to write to the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]
    timestamp_ms: int | None


def dead_letter(
    record: KafkaRecord,
    error_type: ErrorType,
    reason: str,
    *,
    agent: str,
    field: str | None = None,
    exception: str = "schemas.errors.InvalidMessage",
) -> Outgoing:
    """Make the dead letter of a refused message.

    Headers of an earlier refusal, on a message that was sent again, give way to those of this one; so their
    number stays bounded.

    Args:
        record: the message.
        error_type: kind of fault.
        reason: one sentence that never contains the refused value; cut after 280 characters.
        agent: name of the agent that refuses.
        field: dotted path of the field at fault, where there is one.
        exception: class of the exception, with its module.
    """
    came = as_it_came(record)
    is_known = not isinstance(record, PositionOnly)
    kept, marks = _storable(came, error_type) if is_known else _omitted(came)
    why = DeadLetter(
        topic=record.topic(),
        partition=record.partition(),
        offset=record.offset(),
        agent=agent,
        stage=_stage(error_type),
        exception=exception,
        reason=_safe(reason),
        error_type=error_type,
        field=None if field is None else _safe(field),
    )
    headers: list[Header] = [
        *kept.headers,
        *why.to_headers(),
        (TASK_HEADER, str(record.partition()).encode()),
        (CLASS_HEADER, f"agents.{agent}".encode()),
        *marks,
    ]
    return kept._replace(headers=headers)


def as_it_came(record: KafkaRecord) -> Outgoing:
    """Copy a record without the headers of a refusal: of a dead letter, the message as it was refused."""
    headers = [header for header in record.headers() or () if header[0] not in _ADDED]
    kind, milliseconds = record.timestamp()
    return Outgoing(record.key(), record.value(), headers, milliseconds if kind else None)


def _storable(came: Outgoing, error_type: ErrorType) -> tuple[Outgoing, list[Header]]:
    """Give what may be stored of a record, and the header that says so if it is not all."""
    if sum(map(len, _parts(came))) > _MOST_BYTES:
        return _omitted(came)
    kept = _masked(came, error_type)
    return kept, [] if kept is came else [(MASKED_HEADER, b"true")]


def _omitted(came: Outgoing) -> tuple[Outgoing, list[Header]]:
    return Outgoing(None, None, [], came.timestamp_ms), [(OMITTED_HEADER, b"true")]


def _masked(came: Outgoing, error_type: ErrorType) -> Outgoing:
    """Mask card numbers, or give the very record back where it holds none."""
    if error_type is ErrorType.PAN:
        mask = mask_numbers
    elif any(map(contains_pan, _parts(came))):
        mask = mask_pans
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


def _stage(error_type: ErrorType) -> str:
    """What the agent was doing, in the words of Kafka Connect."""
    if error_type is ErrorType.INTERNAL_ERROR:
        return "TASK_PUT"
    return "KEY_CONVERTER" if error_type in _KEY_FAULTS else "VALUE_CONVERTER"
