"""What workers died over is read alone, and noted before it is touched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agents.runtime import trial as module
from agents.runtime.commit_note import CommitNote
from agents.runtime.partition import Gap, Partition
from agents.runtime.suspects import Suspect
from agents.runtime.trial import Trial
from schemas.errors import ErrorType

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST_OF_BATCH = 42


class Engine:
    """Notes what a trial asks for; records come when the partition is resumed, commits when it hands out."""

    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records
        self.steps: list[Any] = []
        self.trial: Trial

    async def note(self, partition: Partition) -> None:
        suspect = CommitNote.read(partition.committed_metadata).suspect
        assert suspect is not None
        self.steps.append(("note", suspect.first, suspect.last, suspect.failures))

    async def resume(self, partition: Partition) -> None:
        self.steps.append("resume")
        self.trial.take(self.records)

    async def pause(self, partition: Partition) -> None:
        self.steps.append("pause")

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

    def batch_end(self, partition: Partition, offset: int) -> int:
        self.steps.append(("batch end", offset))
        return max(offset, LAST_OF_BATCH)


def suspicious(suspect: Suspect | None = None) -> Partition:
    partition = Partition("in", 0, {}, note=CommitNote(suspect, starts=3), begins=40)
    assert partition.is_on_trial
    return partition


async def run(partition: Partition, engine: Engine) -> list[Any]:
    heard: list[Any] = []
    engine.trial = Trial(partition, engine, lambda *span: heard.append(span))
    await asyncio.wait_for(engine.trial.run(), 5)
    return heard


async def test_a_batch_is_noted_before_it_is_fetched_and_each_record_before_it_is_handed_out(
    messages: Any,
) -> None:
    partition, engine = suspicious(), Engine(messages(40, 45))
    assert await run(partition, engine) == [(40, 42)]
    assert engine.steps == [
        ("batch end", 40),
        ("note", 40, 42, 1),
        "resume",
        "pause",
        *[step for at in (40, 41, 42) for step in (("note", at, at, 1), ("hand out", [at]))],
        ("hand out", [43, 44]),
    ]


async def test_who_passes_is_acquitted(messages: Any) -> None:
    partition, engine = suspicious(), Engine(messages(40, 45))
    await run(partition, engine)
    assert (partition.suspect, partition.starts, partition.is_on_trial) == (None, 0, False)


async def test_the_record_that_ended_the_last_trial_is_tried_again_and_counted(messages: Any) -> None:
    partition = suspicious(Suspect(40, 40, 1, is_on_trial=True))
    engine = Engine(messages(40, 42))
    await run(partition, engine)
    assert engine.steps[:4] == [("note", 40, 40, 2), "resume", "pause", ("hand out", [40])]


async def test_a_gap_is_set_apart_and_the_next_batch_is_tried_too(messages: Any) -> None:
    partition, engine = suspicious(), Engine(messages(41, 43))
    partition.gap = Gap(40, 40, ErrorType.INTERNAL_ERROR, "deadly")
    await run(partition, engine)
    assert engine.steps[:3] == [("gap", 40, 40), ("batch end", 41), ("note", 41, 42, 1)]


async def test_a_batch_that_never_comes_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.05)
    partition = suspicious()
    await run(partition, Engine([]))
    assert not partition.is_on_trial


async def test_a_trial_ends_when_its_partition_goes(messages: Any) -> None:
    partition, engine = suspicious(), Engine(messages(40, 45))
    partition.is_live = False
    await run(partition, engine)
    assert engine.steps == []
