"""Tells erasures from a topic's own messages, and writes them on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from agents.headers import read_headers
from models.signing import on_examples, sign, verify
from schemas.erasure import HEADER, decode_erasure, decode_examples_erasure
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.runtime.outbox import Outbox
    from agents.runtime.records import KafkaRecord
    from schemas.erasure import Entry, Erasure, ExamplesErasure

    T = TypeVar("T")


class Erasures:
    """One agent's way to take erasures and to pass them on.

    Args:
        key: that they must be signed with; without one all are refused.
        entry: the topic that the agent reads, where erasures are sent to it. Others may write there, so each
            is signed for one partition of it: none that was seen can be sent again to another.
    """

    def __init__(self, key: bytes | None, entry: Entry | None = None) -> None:
        self._key = key
        self._entry = entry

    def beside(self, take: Callable[[KafkaRecord], T]) -> Callable[[KafkaRecord], T | Erasure]:
        """Take what `take` takes, and erasures; a message that is neither is refused as `take` refuses it."""

        def take_either(record: KafkaRecord) -> T | Erasure:
            try:
                return take(record)
            except InvalidMessage:
                if not is_erasure(record):
                    raise
            return self.open(record)

        return take_either

    def open(self, record: KafkaRecord) -> Erasure:
        """The erasure that a record of any topic but `examples` holds.

        Raises:
            InvalidMessage: it is not signed by the key, or not for this place, or not well-formed.
        """
        erasure = decode_erasure(self._verified(record))
        if self._entry and (erasure.entry, erasure.partition) != (self._entry, record.partition()):
            raise InvalidMessage(ErrorType.BAD_SIGNATURE, "the erasure was signed for another partition")
        return erasure

    def open_on_examples(self, record: KafkaRecord) -> ExamplesErasure:
        """The erasure that a record of `examples` holds; raises as `open` does."""
        return decode_examples_erasure(self._verified(record))

    def pass_on(self, erasure: Erasure, outbox: Outbox, topic: str, key: str) -> None:
        """Write an erasure to the topic that follows, under the key that its partition depends on."""
        value = erasure.to_json()
        outbox.put(topic, key.encode(), value, headers=self._headers(value))

    def pass_on_to_examples(self, erasure: Erasure, outbox: Outbox, topic: str) -> None:
        """Write an erasure to the one log of examples."""
        value = on_examples(erasure).to_json()
        outbox.put(topic, None, value, partition=0, headers=self._headers(value))

    def _verified(self, record: KafkaRecord) -> bytes:
        value = record.value() or b""
        if self._key is None:
            raise InvalidMessage(
                ErrorType.BAD_SIGNATURE,
                "FRAUDSTREAM_LEARNING__SIGNING_KEY is not set, so no erasure can be trusted",
            )
        verify(value, dict(read_headers(record)).get(HEADER) or b"", self._key)
        return value

    def _headers(self, value: bytes) -> list[tuple[str, bytes | None]]:
        assert self._key is not None, "an erasure was taken, so there is a key"
        return [(HEADER, sign(value, self._key))]


def is_erasure(record: KafkaRecord) -> bool:
    """Whether a record says that it is an erasure; `open` tells whether that is true."""
    return any(name == HEADER for name, _ in read_headers(record))
