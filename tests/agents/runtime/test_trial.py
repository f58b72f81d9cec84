"""What workers died over is read alone, and noted before it is touched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from agents.runtime import trial as module
from agents.runtime.offset_metadata import FailingOffsets, OffsetMetadata
from agents.runtime.partition import Gap, Loss, Partition
from agents.runtime.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

FIRST, LAST = 40, 42
"""Of the first batch; the second holds two records more, and behind it there is nothing."""


class Engine:
    """Notes what a trial asks for; what it hands out is committed at once."""

    def __init__(self, messages: Any) -> None:
        self.messages = messages
        self.steps: list[Any] = []
        self.end: int | None = None

    async def note(self, partition: Partition) -> None:
        suspect = OffsetMetadata.read(partition.committed_metadata).suspect
        assert suspect is not None
        self.steps.append(("note", suspect.first, suspect.last, suspect.failures))

    def hand_out(self, partition: Partition, records: Sequence[Any]) -> None:
        self.steps.append(("hand out", [record.offset() for record in records]))
        for chunk in partition.hand_out(records, 100):
            self.finish(partition, chunk)

    def hand_out_gap(self, partition: Partition, gap: Gap) -> None:
        self.steps.append(("gap", gap.first, gap.last))
        self.finish(partition, partition.hand_out_gap(gap))

    def finish(self, partition: Partition, chunk: Any) -> None:
        partition.acknowledge(chunk)
        assert partition.position is not None
        partition.commit(partition.position, partition.metadata)

    def batch_end(self, _: Partition, offset: int) -> int | None:
        return LAST if offset <= LAST else LAST + 2 if offset <= LAST + 2 else None

    def read(self, _: Partition, first: int, last: int) -> Sequence[Any]:
        self.steps.append(("read", first, last))
        return self.messages(first, last + 1)


def suspicious(suspect: FailingOffsets | None = None) -> Partition:
    partition = Partition("in", 0, {}, note=OffsetMetadata(suspect, starts=3), begins=FIRST)
    assert partition.is_on_trial
    return partition


async def run(partition: Partition, engine: Engine) -> list[Any]:
    heard: list[Any] = []
    engine.end = await asyncio.wait_for(Trial(partition, engine, lambda *span: heard.append(span)).run(), 5)
    return heard


def tried(first: int, last: int) -> list[Any]:
    """The steps of one batch."""
    records = [(("note", at, at, 1), ("hand out", [at])) for at in range(first, last + 1)]
    return [("note", first, last, 1), ("read", first, last), *[step for record in records for step in record]]


async def test_each_batch_is_noted_before_it_is_fetched_and_each_record_before_it_is_handed_out(
    messages: Any,
) -> None:
    partition, engine = suspicious(), Engine(messages)
    assert await run(partition, engine) == [(FIRST, LAST), (LAST + 1, LAST + 2)]
    assert engine.steps == [*tried(FIRST, LAST), *tried(LAST + 1, LAST + 2)]
    assert engine.end == LAST + 3


async def test_who_passes_is_acquitted(messages: Any) -> None:
    partition = suspicious()
    await run(partition, Engine(messages))
    assert (partition.suspect, partition.starts, partition.is_on_trial) == (None, 0, False)


async def test_others_do_not_wait_without_end(messages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TRIAL_SECONDS", -1.0)
    partition, engine = suspicious(), Engine(messages)
    await run(partition, engine)
    assert engine.steps == tried(FIRST, LAST)
    assert engine.end == LAST + 1


async def test_the_record_that_ended_the_last_trial_is_tried_again_and_counted(messages: Any) -> None:
    partition = suspicious(FailingOffsets(FIRST, FIRST, 1, is_on_trial=True))
    engine = Engine(messages)
    await run(partition, engine)
    assert engine.steps[:3] == [
        ("note", FIRST, FIRST, 2),
        ("read", FIRST, FIRST),
        ("hand out", [FIRST]),
    ]


async def test_a_gap_is_set_apart_and_the_next_batch_is_tried_too(messages: Any) -> None:
    partition, engine = suspicious(), Engine(messages)
    partition.gap = Gap(FIRST, LAST, Loss.DEADLY, "deadly")
    await run(partition, engine)
    assert engine.steps[:3] == [("gap", FIRST, LAST), *tried(LAST + 1, LAST + 2)[:2]]


async def test_a_trial_ends_when_its_partition_goes(messages: Any) -> None:
    partition, engine = suspicious(), Engine(messages)
    partition.is_live = False
    await run(partition, engine)
    assert engine.steps == []
