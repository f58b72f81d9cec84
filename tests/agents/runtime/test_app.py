"""The seam to Faust: agents get the engine's batches by either of Faust's ways, and a topic has one agent."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from agents.runtime.app import App
from agents.runtime.observer import Silent
from agents.runtime.options import DeliveryOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence
    from pathlib import Path

    from agents.runtime import Chunk

OPTIONS = DeliveryOptions({}, "g", "m")

# An agent run by Faust itself, on chunks that the test queues instead of the poll thread.
PROGRAM = """
import asyncio, faust.streams
from agents.runtime import App, DeliveryOptions
from agents.runtime.observer import Silent
from agents.runtime.partition import Partition

async def main():
    app = App(DeliveryOptions({}, "g", "m"), Silent(), web_enabled=False)
    got = asyncio.get_running_loop().create_future()

    async def process(batches):
        async for chunks in batches:
            got.set_result([chunk.topic for chunk in chunks])

    app.bind("one", "in", process)
    partition = Partition("in", 0, {})
    app.engine.in_flight.put(partition, partition.hand_out_gap((3, 4, "", "")))
    await app.agents.start()
    print(faust.streams._CStreamIterator is not None, await asyncio.wait_for(got, 10), flush=True)
    await app.agents.stop()

asyncio.run(main())
"""


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "pure Python"])
def test_agents_get_the_engines_batches_with_and_without_fausts_compiled_parts(*, compiled: bool) -> None:
    """Without them Faust iterates another way, past whatever only one of the two overrides."""
    environment = {name: value for name, value in os.environ.items() if name != "NO_CYTHON"}
    environment |= {} if compiled else {"NO_CYTHON": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == f"{compiled} ['in']\n", done.stderr


async def _process(batches: AsyncIterable[Sequence[Chunk]]) -> None:
    async for _ in batches:
        pass


def test_a_second_agent_on_a_topic_is_refused() -> None:
    app = App(OPTIONS, Silent(), web_enabled=False)
    app.bind("one", "in", _process)
    with pytest.raises(ValueError, match="topic in has an agent already: each topic has one"):
        app.bind("two", "in", _process)


async def test_the_engine_hears_of_an_agents_failure_and_what_it_had_in_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = App(OPTIONS, Silent(), web_enabled=False)
    heard: list[tuple[Any, ...]] = []
    monkeypatch.setattr(app.engine, "agent_failed", lambda *what: heard.append(what))
    failure = ZeroDivisionError()

    async def fail(_: AsyncIterable[Sequence[Chunk]]) -> None:
        raise failure

    app.bind("one", "in", fail)
    with pytest.raises(ZeroDivisionError):
        await app.agents["one"].fun(None)
    with app.beside("one"):
        raise failure
    assert heard == [("one", failure, "in"), ("one", failure)]


async def test_faust_makes_no_consumer_and_no_directory_of_its_own(tmp_path: Path) -> None:
    app = App(OPTIONS, Silent(), web_enabled=False, datadir=str(tmp_path / "data"))
    await app.on_first_start()
    await app.on_start()
    assert app._consumer is None
    assert not (tmp_path / "data").exists()
