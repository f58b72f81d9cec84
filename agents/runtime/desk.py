"""The desk where agents fetch chunks and bring them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faust.types import ConsumerMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.runtime.gate import Gate
    from agents.runtime.partition import Chunk, Partition


class HeldChunk(ConsumerMessage):
    """A chunk as a message whose readers Faust counts.

    `owner` is the partition that handed it out, `company` the chunks that an agent got together with it.
    """

    def __init__(self, chunk: Chunk, owner: Partition, readers: int) -> None:
        nothing = {"headers": None, "key": None, "checksum": None}
        super().__init__(chunk.topic, chunk.partition, chunk.last, 0.0, 0, value=chunk, **nothing)
        self.owner = owner
        self.company: Sequence[HeldChunk] = ()
        self.incref(readers)

    def on_final_ack(self, desk: Desk) -> bool:
        """Tell the desk that the last reader is done."""
        self.acked = True
        desk.returned(self)
        return True


class Desk:
    """Lets chunks through the gate to the agents, and counts them as done when every reader is."""

    def __init__(self, gate: Gate, release: Callable[[int], None], finished: Callable[[], None]) -> None:
        """Start open.

        Args:
            gate: what checkpoints close.
            release: called with the number of records that are done with, or never will be.
            finished: called when finished work waits for a checkpoint.
        """
        self._gate = gate
        self._release = release
        self._finished = finished
        self._is_closed = False

    def close(self) -> None:
        """Hand out nothing more."""
        self._is_closed = True

    @property
    def is_open(self) -> bool:
        """Whether chunks may come in now."""
        return self._gate.is_open

    async def begin(self, held: HeldChunk) -> bool:
        """Let a chunk into an agent's hands, as soon as the gate is open, as `admit` does."""
        await self._gate.passage(held)
        return self.admit(held)

    def admit(self, held: HeldChunk) -> bool:
        """Let a chunk into an agent's hands; false when its partition has gone meanwhile."""
        if self._is_closed:
            return False
        if held in self._gate:
            return True
        if not held.owner.is_live:
            self._discard(held)
            return False
        self._gate.enter(held)
        return True

    def end(self, held: HeldChunk, *, finished: bool) -> None:
        """Take a chunk back from one agent; one that is not finished spoils what the agents remember."""
        if finished:
            held.company = ()  # each is in its own company: a circle that only the collector would undo
            held.ack(self)
        else:
            self._gate.spoil()

    def returned(self, held: HeldChunk) -> None:
        """Count a chunk as done by all its agents."""
        held.owner.acknowledge(held.value)
        self._gate.leave(held)
        self._release(len(held.value.records))
        self._finished()

    def suspect(self, held: HeldChunk) -> None:
        """Note that an agent failed with this chunk and its company in its hands."""
        for each in held.company or [held]:
            if each in self._gate:
                each.owner.suspects(each.value)

    def _discard(self, held: HeldChunk) -> None:
        if not held.acked:
            held.acked = True
            self._release(len(held.value.records))
