"""The stand-ins take what the engine takes, and run an agent as it does."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from agents.runtime.app import App
from agents.runtime.outbox import Outbox
from agents.runtime.records import KafkaRecord
from agents.runtime.testing import FakeApp, FakeOutbox, FakeRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Sequence

    from agents.runtime import Chunk


@pytest.mark.parametrize(
    ("real", "fake"),
    [(App.bind, FakeApp.bind), (App.beside, FakeApp.beside), (Outbox.put, FakeOutbox.put)],
)
def test_a_stand_in_is_called_as_the_real_one(real: Callable[..., Any], fake: Callable[..., Any]) -> None:
    assert inspect.signature(fake) == inspect.signature(real)


def test_a_record_has_what_is_read_of_one() -> None:
    wanted = {name for name in vars(KafkaRecord) if not name.startswith("_")}
    assert wanted <= {*dir(FakeRecord)}
    record = FakeRecord(b"k", b"v", 7, topic="orders", partition=2, headers=[("trace", b"1")])
    assert (record.key(), record.value(), record.offset()) == (b"k", b"v", 7)
    assert (record.topic(), record.partition(), record.headers()) == ("orders", 2, [("trace", b"1")])
    assert record.changed(offset=8).offset() == 8
    assert FakeRecord().headers() is None, "as librdkafka says it"


async def test_an_agent_is_run_on_a_chunk_and_its_outputs_are_kept() -> None:
    app = FakeApp()

    async def copy(batches: AsyncIterable[Sequence[Chunk]]) -> None:
        async for chunks in batches:
            for chunk in chunks:
                for record in chunk.records:
                    app.outbox.put("copies", record.key(), record.value(), headers=[("from", b"orders")])

    app.bind("copying", "orders", copy)
    await app.run("copying", FakeRecord(b"a"), FakeRecord(b"b", offset=1))
    assert [record.key for record in app.outbox.on("copies")] == [b"a", b"b"]
    assert app.outbox.records[0].header("from") == b"orders"
    assert app.outbox.records[0].header("to") is None
