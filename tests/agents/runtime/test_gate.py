"""A closed gate is empty, lets in only what another agent has already, and stops half done work for good."""

from __future__ import annotations

import asyncio

import pytest

from agents.runtime.errors import Unfinished
from agents.runtime.gate import Gate


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_closing_waits_for_the_chunks_inside() -> None:
    gate, closed = Gate(), asyncio.Event()

    async def close() -> None:
        async with gate.closed():
            closed.set()

    gate.enter("a")
    gate.enter("b")
    closing = asyncio.create_task(close())
    await turns()
    gate.leave("a")
    await turns()
    assert not closed.is_set()
    gate.leave("b")
    await closing
    assert closed.is_set()


async def test_nothing_new_enters_while_it_is_closed() -> None:
    gate = Gate()
    async with gate.closed():
        entering = asyncio.create_task(gate.passage("new"))
        await turns()
        assert not entering.done()
    await asyncio.wait_for(entering, 1)


async def test_it_may_close_again_before_a_waiting_chunk_got_through() -> None:
    gate = Gate()
    async with gate.closed():
        entering = asyncio.create_task(gate.passage("new"))
        await turns()
    async with gate.closed():
        await turns()
        assert not entering.done()
    await asyncio.wait_for(entering, 1)


async def test_a_second_agent_may_take_a_chunk_that_the_first_has_had() -> None:
    """Or the agents of a topic would be committed at different chunks."""
    gate = Gate()
    gate.enter("shared")

    async def close() -> None:
        async with gate.closed():
            assert "shared" not in gate

    closing = asyncio.create_task(close())
    await turns()
    await asyncio.wait_for(gate.passage("shared"), 1)
    gate.leave("shared")
    await closing


async def test_it_opens_again_after_a_failure() -> None:
    gate = Gate()
    with pytest.raises(RuntimeError):
        async with gate.closed():
            raise RuntimeError
    await asyncio.wait_for(gate.passage("next"), 1)


async def test_half_done_work_is_refused_whether_it_was_waited_for_or_not() -> None:
    gate = Gate()

    async def close() -> None:
        async with gate.closed():
            pytest.fail("a checkpoint would commit half a chunk")

    gate.enter("a")
    closing = asyncio.create_task(close())
    await turns()
    gate.spoil()
    with pytest.raises(Unfinished):
        await closing
    with pytest.raises(Unfinished):
        await close()
    assert not await gate.drained(1)


async def test_draining_tells_whether_all_was_finished_in_time() -> None:
    gate = Gate()
    assert await gate.drained(0.01)
    gate.enter("a")
    assert not await gate.drained(0.01)
    gate.leave("a")
    assert await gate.drained(0.01)
