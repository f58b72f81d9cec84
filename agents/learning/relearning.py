"""Learns the log of examples again without what was erased, beside what goes on.

A model cannot unlearn. So one that may have learnt erased examples stays unpublished until either the log was
looked through and holds none that it learnt, or a fresh model has folded the log from its beginning to where
the first one is, and takes its place. Live examples are folded meanwhile as ever; a stop loses nothing but
time, since a model that is not cleared yet says so in its checkpoint too.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import confluent_kafka as ck

from agents.erasures import is_erasure
from agents.runtime.reading import read_batches
from schemas.errors import InvalidMessage
from schemas.example import decode_example

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from agents.erasures import Erasures
    from agents.runtime.records import KafkaRecord
    from models.snapshots.online_model import OnlineModel
    from schemas.example import Example

    Batches = AsyncGenerator[Sequence[KafkaRecord], None]

_LOG = logging.getLogger("librdkafka.relearning")
_MOST_AT_ONCE = 500
_POLL_SECONDS = 0.2
_NEVER = sys.maxsize
"""An end that no log comes to."""
TURN_SECONDS: Final = 0.005
"""How long learning keeps the event loop from others."""


class LearnerFailed(Exception):
    """A learner failed at an example, and its model may be half changed.

    Attributes:
        offset: where the example stands.
        is_of_example: whether another try would fail again, and not because the machine has no room.
    """

    is_for_people: ClassVar = True

    def __init__(self, offset: int, failure: Exception) -> None:
        super().__init__(f"the learner failed at the example at offset {offset} ({type(failure).__name__})")
        self.offset = offset
        self.is_of_example = not isinstance(failure, MemoryError | OSError)


class Held(Protocol):
    """The model in the learner's hands."""

    model: OnlineModel
    is_open: bool
    poison: set[int]
    """Offsets of examples that the learner failed at; they are not learned."""

    def new_model(self) -> OnlineModel:
        """A model of the same kind that has learnt nothing."""


class ExamplesLog:
    """The one partition of `examples`, read from its beginning without a group.

    Args:
        properties: librdkafka's, of a reader without group (`DeliveryOptions.reader_properties()`).
        topic: name of the topic.
    """

    def __init__(self, properties: Mapping[str, Any], topic: str) -> None:
        self._properties = dict(properties)
        self._topic = topic

    async def batches(self) -> Batches:
        """Every record, some at a time, and then without end whatever comes; none for now is an empty batch.

        Raises:
            KafkaException: the log cannot be read.
        """
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, "relearning")
        consumer = ck.Consumer(self._properties, logger=_LOG)
        try:
            place = (self._topic, 0)
            starts, ends = {place: ck.OFFSET_BEGINNING}, {place: _NEVER}
            batches = read_batches(consumer, starts, ends, most=_MOST_AT_ONCE, wait=_POLL_SECONDS)
            while True:
                yield await loop.run_in_executor(thread, next, batches)
        finally:
            thread.submit(consumer.close)  # in its turn: not while it reads
            thread.shutdown(wait=False)


class Relearner:
    """Clears a model of what was erased.

    Args:
        batches: gives the records of the log from its beginning, as `ExamplesLog.batches` does.
        erasures: tells erasures in the log.
        monotonic: gives seconds that only rise.
    """

    def __init__(
        self,
        batches: Callable[[], Batches],
        erasures: Erasures,
        monotonic: Callable[[], float],
    ) -> None:
        self._batches = batches
        self._erasures = erasures
        self._monotonic = monotonic

    async def clear(self, held: Held, newest: Callable[[], int]) -> None:
        """Go on until the model in hand holds nothing that was erased, or is let go.

        Args:
            held: the model, which may go on learning and may be exchanged.
            newest: gives the newest version published: what it learnt need not be told again.
        """
        while held.is_open and held.model.may_hold_erased:
            suspected = held.model.last_erasure
            found = await self._holds_erased(held, suspected)
            if found:
                await self._exchange(held, newest)
            elif found is False and held.model.last_erasure == suspected:  # no other one came meanwhile
                held.model.is_cleared()

    async def _holds_erased(self, held: Held, end: int) -> bool | None:
        """Whether an example before this offset was learnt and erased after that; None if it was let go.

        Logs before this one cannot be read any more: where there were any, it may have.
        """
        if held.model.has_older_logs:
            return True
        async with aclosing(self._records(held)) as records:
            async for record in records:
                if record.offset() >= end:
                    return False
                if not is_erasure(record) and _is_held(held.model, record):
                    return True
        return None

    async def _exchange(self, held: Held, newest: Callable[[], int]) -> None:
        """Fold the log in a fresh model up to where the one in hand is, and put it in its place."""
        fresh = held.new_model()
        fresh.stands_for(held.model)
        async with aclosing(self._records(held)) as records:
            async for record in records:
                self._fold(fresh, record, newest)
                if fresh.examples_offset >= held.model.examples_offset:
                    held.model = fresh
                    return

    async def catch_up(
        self, held: Held, model: OnlineModel, newest: Callable[[], int], passed: Callable[[], int]
    ) -> bool:
        """Fold the log in a model until it is past what the live one passed over.

        Args:
            held: whose log it is.
            model: a model that is behind.
            newest: gives the newest version published: what it learned need not be told again.
            passed: gives the offset of the last record that was passed over.

        Returns:
            False if the model was let go on the way.

        Raises:
            LearnerFailed: the learner failed at an example; the model is void.
        """
        if model.examples_offset >= passed():
            return True
        async with aclosing(self._records(held)) as records:
            async for record in records:
                self._fold(model, record, newest)
                if record.offset() >= passed():
                    return True
        return False

    def _fold(self, model: OnlineModel, record: KafkaRecord, newest: Callable[[], int]) -> None:
        with suppress(InvalidMessage):  # it was set apart when it came first
            fold_record(model, record, self._erasures)
        if model.version <= newest():
            model.goes_on_from(newest())

    async def _records(self, held: Held) -> AsyncGenerator[KafkaRecord, None]:
        """The log from its beginning while the model is in hand, in turns with whatever else there is."""
        turn = self._monotonic()
        async with aclosing(self._batches()) as batches:
            async for batch in batches:
                for record in batch:
                    if record.offset() not in held.poison:
                        yield record
                    if self._monotonic() - turn >= TURN_SECONDS:
                        await asyncio.sleep(0)
                        turn = self._monotonic()
                if not held.is_open:
                    return


def fold_record(model: OnlineModel, record: KafkaRecord, erasures: Erasures) -> Example | None:
    """Fold one record of the log; gives the example that it was, None for an erasure.

    Raises:
        InvalidMessage: it is neither, or of other features than the model's; nothing is changed.
        LearnerFailed: the learner failed at it; the model is void.
    """
    if is_erasure(record):
        model.fold_erasure(erasures.open_on_examples(record), record.offset())
        return None
    example = decode_example(record.value() or b"")
    try:
        model.fold(example, record.offset())
    except InvalidMessage:
        raise
    except Exception as failure:
        raise LearnerFailed(record.offset(), failure) from failure
    return example


def _is_held(model: OnlineModel, record: KafkaRecord) -> bool:
    try:
        return model.holds_erased(decode_example(record.value() or b""), record.offset())
    except InvalidMessage:
        return False
