"""The gate between the stream and the agents: a checkpoint closes it, so that no chunk is half inside."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Gate:
    """Counts the chunks in agents' hands. Belongs to one event loop."""

    def __init__(self) -> None:
        self._inside = 0
        self._open = asyncio.Event()
        self._open.set()
        self._empty = asyncio.Event()
        self._empty.set()

    async def passage(self) -> None:
        """Wait until the gate is open."""
        while not self._open.is_set():
            await self._open.wait()

    def enter(self) -> None:
        """Count a chunk in."""
        self._inside += 1
        self._empty.clear()

    def leave(self) -> None:
        """Count a chunk out."""
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Keep new chunks out, wait until those inside are done, and open again afterwards."""
        self._open.clear()
        try:
            await self._empty.wait()
            yield
        finally:
            self._open.set()

    async def drained(self, timeout: float) -> bool:  # noqa: ASYNC109 - the caller decides what a late agent means
        """Wait until no chunk is inside; tell whether that came true within `timeout` seconds."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout)
        except TimeoutError:
            return False
        return True
