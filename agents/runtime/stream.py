"""The stream of chunks that an agent iterates over: asking for the next chunk acknowledges the last."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

import faust
from faust.streams import _current_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class ChunkStream(faust.Stream):
    """One pass of the loop a chunk, instead of Faust's several tasks an event.

    A chunk whose agent raised, or was cancelled, is not acknowledged. Processors, `take` and `group_by` are
    not for chunks.
    """

    async def _c_aiter(self) -> AsyncIterator[Any]:
        self._finalized = True
        started_here = await self.maybe_start()
        desk = self.app.consumer.desk
        try:
            while not self.should_stop:
                await asyncio.sleep(0)
                event = await self.channel.__anext__()
                if not await desk.begin(event.message):
                    continue
                finished = False
                try:
                    self.current_event = event
                    _current_event.set(weakref.ref(event))
                    yield event.value
                    finished = True
                    _current_event.set(None)
                finally:
                    self.current_event = None
                    desk.end(event.message, finished=finished)
        except StopAsyncIteration:
            return
        finally:
            self._channel_stop_iteration(self.channel)
            if started_here:
                await self.stop()
                self.service_reset()
