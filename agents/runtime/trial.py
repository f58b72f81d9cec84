"""A partition over which workers died is read alone, batch by batch, each noted before it is touched.

A process that is killed notes nothing, so what is in hand is committed as a suspect first: the batch before
it is fetched, then each of its records. When the worker dies again, the next one knows over which; what has
killed `MOST_TRIALS` trials it passes over unread, with a dead letter that names the position.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Protocol

import confluent_kafka as ck

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.runtime.options import DeliveryOptions
    from agents.runtime.partition import Gap, Partition

_LOG = logging.getLogger("librdkafka.trial")
_LOOK_SECONDS = 0.02
_TRIAL_SECONDS = 5.0
"""Time for one partition: what kills may stand some batches on, but the others wait meanwhile."""
_PATIENCE_SECONDS = 15.0
"""Time in which a batch must come, else there is none: it may have been of an aborted transaction."""


class Court(Protocol):
    """The engine, as a trial needs it."""

    async def note(self, partition: Partition) -> None:
        """Commit the partition's note where it stands."""

    def hand_out(self, partition: Partition, records: Sequence[ck.Message]) -> None:
        """Give records to the partition's agent."""

    def hand_out_gap(self, partition: Partition, gap: Gap) -> None:
        """Have the agent write the dead letter of a gap."""

    def batch_end(self, partition: Partition, offset: int) -> int | None:
        """Give the last offset of the batch that holds an offset, unread; None without one (any thread)."""

    def read(self, partition: Partition, first: int, last: int) -> Sequence[ck.Message]:
        """Read one batch, and nothing behind it (any thread)."""


class Trial:
    """Brings one partition past the batch that workers died over, or past the gap that it has become."""

    def __init__(self, partition: Partition, court: Court, report: Callable[[int, int], None]) -> None:
        self._partition = partition
        self._court = court
        self._report = report
        self._clock = asyncio.get_running_loop().time

    async def run(self) -> int | None:
        """Pass the gap, if there is one, then some batches; leaves early where the partition goes away.

        Returns:
            The offset from which the partition is to be read on; None where it stays as it was.
        """
        if self._partition.gap is not None:
            gap, self._partition.gap = self._partition.gap, None
            self._court.hand_out_gap(self._partition, gap)
            await self._committed(gap.last)
        began, position = self._clock(), self._partition.resumes_at
        last = None if position is None else await self._batch_end(position)
        while position is not None and last is not None and self._partition.is_live:
            position = await self._try_batch(position, last)
            if self._clock() - began > _TRIAL_SECONDS:
                break
            last = await self._batch_end(position)
        self._partition.acquit()
        return position

    async def _batch_end(self, position: int) -> int | None:
        """Give the end of the next batch, or the one record of it that the last trial ended with."""
        suspect = self._partition.suspect
        if suspect is not None and suspect.is_on_trial and suspect.first == suspect.last == position:
            return position
        return await asyncio.to_thread(self._court.batch_end, self._partition, position)

    async def _try_batch(self, first: int, last: int) -> int:
        """Read a batch and hand it out; give the offset behind it."""
        self._partition.try_alone(first, last)
        self._report(first, last)
        await self._court.note(self._partition)
        for record in await asyncio.to_thread(self._court.read, self._partition, first, last):
            if self._partition.is_live:
                await self._try(record)
        return last + 1

    async def _try(self, record: ck.Message) -> None:
        offset = int(record.offset())
        suspect = self._partition.suspect
        if suspect is None or not suspect.first == suspect.last == offset:
            self._partition.try_alone(offset, offset)
            await self._court.note(self._partition)
        self._court.hand_out(self._partition, [record])
        await self._committed(offset)

    async def _committed(self, offset: int) -> None:
        """Wait for a commit that holds an offset; the watchdog ends the worker where that never comes."""
        while self._partition.is_live and (self._partition.committed or 0) <= offset:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)  # an event would be one more thing that a commit must know


def read_batch(options: DeliveryOptions, partition: Partition, first: int, last: int) -> list[ck.Message]:
    """Read the records from `first` to `last`, all of one batch, and fetch nothing behind them."""
    properties = {
        **options.reader_properties(),
        "fetch.message.max.bytes": 1,  # the first batch comes whole, however large, and no other with it
        "queued.min.messages": 1,
        "fetch.queue.backoff.ms": 5_000,  # until the next fetch: by then this reader is closed
    }
    reader = ck.Consumer(properties, logger=_LOG)
    records: list[ck.Message] = []
    try:
        reader.assign([ck.TopicPartition(partition.topic, partition.number, first)])
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for message in reader.consume(last - first + 1, 0.05):
                if message.error() is not None:
                    return records
                if message.offset() <= last:
                    records.append(message)
                if message.offset() >= last:
                    return records
    finally:
        reader.close()
    return records
