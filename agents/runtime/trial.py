"""A partition over which workers died is read alone, one record at a time, each noted before it is touched.

A process that is killed notes nothing, so what is in hand is committed as a suspect first: the batch before
it is fetched, then each of its records. When the worker dies again, the next one knows over which; what has
killed `MOST_TRIALS` trials it passes over unread, with a dead letter that names the position.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Message

    from agents.runtime.partition import Gap, Partition

_LOOK_SECONDS = 0.02
_PATIENCE_SECONDS = 15.0
"""Time in which a batch must come, else there is none: it may have been of an aborted transaction."""


class Court(Protocol):
    """What a trial needs of the engine."""

    async def note(self, partition: Partition) -> None:
        """Commit the partition's note where it stands."""

    async def resume(self, partition: Partition) -> None:
        """Have its records fetched from now on."""

    async def pause(self, partition: Partition) -> None:
        """Have no more of them fetched."""

    def hand_out(self, partition: Partition, records: Sequence[Message]) -> None:
        """Give records to the partition's agent."""

    def hand_out_gap(self, partition: Partition, gap: Gap) -> None:
        """Have the agent write the dead letter of a gap."""

    def batch_end(self, partition: Partition, offset: int) -> int:
        """Give the last offset of the batch that holds an offset, without reading it (any thread)."""


class Trial:
    """Brings one partition past the batch that workers died over, or past the gap that it has become."""

    def __init__(self, partition: Partition, court: Court, tell: Callable[[int, int], None]) -> None:
        self._partition = partition
        self._court = court
        self._tell = tell
        self._records: list[Message] = []

    def take(self, records: Sequence[Message]) -> None:
        """Keep records that came until their turn."""
        self._records.extend(records)

    async def run(self) -> None:
        """Pass the gap, if there is one, then the next batch; leaves early where the partition goes away."""
        if self._partition.gap is not None:
            gap, self._partition.gap = self._partition.gap, None
            self._court.hand_out_gap(self._partition, gap)
            await self._committed(gap.last)
        first = self._partition.resumes_at
        if first is None or not self._partition.is_live:
            return
        last = await self._suspect_batch(first)
        self._tell(first, last)
        await self._court.note(self._partition)
        await self._court.resume(self._partition)
        await self._until(lambda: bool(self._records), _PATIENCE_SECONDS)
        await self._court.pause(self._partition)
        while self._records and self._records[0].offset() <= last and self._partition.is_live:
            await self._try(self._records.pop(0))
        self._partition.acquit()
        if self._records:
            self._court.hand_out(self._partition, self._records)
            self._records = []

    async def _suspect_batch(self, first: int) -> int:
        """Suspect the batch, or again the one record of it that the last trial ended with; give its end."""
        suspect = self._partition.suspect
        if suspect is not None and suspect.is_on_trial and suspect.first == suspect.last == first:
            last = first
        else:
            last = await asyncio.to_thread(self._court.batch_end, self._partition, first)
        self._partition.try_alone(first, last)
        return last

    async def _try(self, record: Message) -> None:
        offset = int(record.offset())
        suspect = self._partition.suspect
        if suspect is None or not suspect.first == suspect.last == offset:
            self._partition.try_alone(offset, offset)
            await self._court.note(self._partition)
        self._court.hand_out(self._partition, [record])
        await self._committed(offset)

    async def _committed(self, offset: int) -> None:
        await self._until(
            lambda: self._partition.committed is not None and self._partition.committed > offset
        )

    async def _until(self, is_so: Callable[[], bool], patience: float | None = None) -> None:
        """Wait for something; the watchdog ends the worker where that never comes."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while not is_so() and self._partition.is_live:
            if patience is not None and clock() - began > patience:
                return
            await asyncio.sleep(_LOOK_SECONDS)
