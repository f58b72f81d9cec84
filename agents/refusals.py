"""What becomes of a message that an agent cannot take: it goes to the dead letters, counted and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from agents.dead_letters import dead_letter
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from confluent_kafka import Message

    from agents.dead_letters import KafkaRecord
    from agents.runtime import Chunk
    from agents.runtime.outbox import Outbox
    from agents.telemetry import Telemetry


T = TypeVar("T")


class Refusals:
    """One agent's way to the dead letters."""

    def __init__(self, agent: str, outbox: Outbox, topic: str, telemetry: Telemetry) -> None:
        self._agent = agent
        self._outbox = outbox
        self._topic = topic
        self._telemetry = telemetry

    def taken(self, chunk: Chunk, take: Callable[[Message], T]) -> Iterator[T]:
        """Yield what ``take`` makes of each record; one that it refuses, or that is poison, is set apart."""
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
        letter = dead_letter(
            record, refusal.error_type, refusal.reason, agent=self._agent, field=refusal.field
        )
        self._outbox.put(
            self._topic,
            letter.key,
            letter.value,
            headers=letter.headers,
            timestamp_ms=letter.timestamp_ms or 0,
        )
        self._telemetry.dead_lettered(
            record.topic(),
            refusal.error_type,
            refusal.reason,
            partition=record.partition(),
            offset=record.offset(),
        )


def refuse_poison(chunk: Chunk) -> None:
    """Raise InvalidMessage for a chunk whose one message made its agent fail again and again."""
    if chunk.is_poison:
        raise InvalidMessage(
            ErrorType.INTERNAL_ERROR, "this message made its agent fail at three starts of a worker"
        )
