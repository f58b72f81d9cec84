"""The gate between the stream and the agents: a checkpoint closes it, so that no chunk is half inside."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agents.runtime.errors import Unfinished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable


class Gate:
    """Knows the chunks in agents' hands. Belongs to one event loop.

    A chunk that several agents read is inside from the first that takes it to the last that is done with it:
    while the gate is closed the others may still take it, so that all have finished the same chunks when a
    checkpoint is made.
    """

    def __init__(self) -> None:
        self._inside: set[Hashable] = set()
        self._is_spoiled = False
        self._open = asyncio.Event()
        self._open.set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __contains__(self, chunk: Hashable) -> bool:
        """Tell whether a chunk is in an agent's hands."""
        return chunk in self._inside

    @property
    def is_open(self) -> bool:
        """Whether new chunks may enter."""
        return self._open.is_set()

    async def passage(self, chunk: Hashable) -> None:
        """Wait until the gate is open, unless the chunk is inside already."""
        while chunk not in self._inside and not self._open.is_set():
            await self._open.wait()

    def enter(self, chunk: Hashable) -> None:
        """Note that a chunk is inside."""
        self._inside.add(chunk)
        self._empty.clear()

    def leave(self, chunk: Hashable) -> None:
        """Note that all agents are done with a chunk."""
        self._inside.discard(chunk)
        if not self._inside:
            self._empty.set()

    def spoil(self) -> None:
        """Note that an agent has left a chunk half done: from now on no state is fit to be committed."""
        self._is_spoiled = True
        self._empty.set()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Keep new chunks out, wait until those inside are done, and open again afterwards.

        Raises:
            Unfinished: an agent has left a chunk half done.
        """
        self._open.clear()
        try:
            await self._empty.wait()
            if self._is_spoiled:
                raise Unfinished("an agent left a chunk half done")
            yield
        finally:
            self._open.set()

    async def drained(self, timeout: float) -> bool:  # noqa: ASYNC109 - the caller decides what a late agent means
        """Wait until no chunk is inside; tell whether each was finished within `timeout` seconds."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout)
        except TimeoutError:
            return False
        return not self._is_spoiled
