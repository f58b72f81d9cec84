"""What becomes of a message that an agent cannot take: it goes to the dead letters, counted and reported."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from agents.dead_letters import dead_letter, dead_letter_at
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from confluent_kafka import Message

    from agents.runtime import Chunk
    from agents.runtime.outbox import Outbox
    from agents.runtime.records import KafkaRecord, Outgoing
    from agents.telemetry import Telemetry

    Account = Callable[[int], None]
    """Counts records that became something."""

T = TypeVar("T")


class Refusals:
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
