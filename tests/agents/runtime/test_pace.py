"""The pace: one batch an interval, and no wait for whoever comes late."""

from __future__ import annotations

import asyncio

from agents.runtime.pace import Pace

INTERVAL = 0.05


async def test_the_first_goes_on_at_once_and_the_next_an_interval_after_it() -> None:
    clock = asyncio.get_running_loop().time
    pace, start = Pace(INTERVAL), clock()
    await pace.next()
    first = clock() - start
    await pace.next()
    assert first < INTERVAL <= clock() - start + 0.001  # the loop's timers count in milliseconds


async def test_whoever_comes_late_does_not_wait() -> None:
    clock = asyncio.get_running_loop().time
    pace = Pace(INTERVAL)
    await pace.next()
    await asyncio.sleep(2 * INTERVAL)
    late = clock()
    await pace.next()
    assert clock() - late < INTERVAL


async def test_others_run_in_between_even_without_an_interval() -> None:
    pace, ran = Pace(0.0), asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    await pace.next()
    assert ran.is_set()
