"""The stream of chunks that an agent iterates over: asking for more acknowledges what it got."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import faust
from faust.streams import _current_event

from agents.runtime.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class ChunkStream(faust.Stream):
    """One pass of the loop for all the chunks that wait, instead of Faust's several tasks an event.

    An agent that is behind so gets chunks of several partitions at once, and one that is not gets each as it
    comes. What was in the hands of an agent that raised, or was cancelled, is not acknowledged. Processors,
    `take` and `group_by` are not for chunks.
    """

    async def _c_aiter(self) -> AsyncIterator[Any]:
        self._finalized = True
        started_here = await self.maybe_start()
        desk, observer = self.app.consumer.desk, self.app.observer
        pace = Pace(self.app.delivery.batch_interval)
        first = None
        try:
            while not self.should_stop:
                first = first or await self.channel.__anext__()
                await pace.next()
                events, first = [first], None
                if not await desk.begin(events[0].message):
                    continue
                first = self._add_waiting(events)
                finished = False
                try:
                    self.current_event = events[0]
                    _current_event.set(weakref.ref(events[0]))
                    chunks = [event.value for event in events]
                    observer.batch_began(chunks)
                    yield chunks
                    finished = True
                    _current_event.set(None)
                finally:
                    self.current_event = None
                    observer.batch_ended(finished=finished)
                    for event in events:
                        desk.end(event.message, finished=finished)
        except StopAsyncIteration:
            return
        finally:
            self._channel_stop_iteration(self.channel)
            if started_here:
                await self.stop()
                self.service_reset()

    def _add_waiting(self, events: list[Any]) -> Any:
        """Add what waits behind the first event, about a chunk's size in all; give back a suspect met there.

        A suspect comes alone: else whatever came with it would share the blame.
        """
        desk, queue = self.app.consumer.desk, self.channel.queue
        room = self.app.delivery.chunk_size - len(events[0].value.records)
        while room > 0 and desk.is_open and not events[0].value.is_suspect and not queue.empty():
            event = queue.get_nowait()
            if event.value.is_suspect:
                return event
            if desk.admit(event.message):
                events.append(event)
                room -= len(event.value.records)
        company = [event.message for event in events]
        for message in company:
            message.company = company
        return None
