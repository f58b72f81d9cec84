"""The worker's one group member: what counts as work, what ends it, and what is noted then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agents.runtime import engine as module
from agents.runtime.engine import Engine
from agents.runtime.errors import Fenced, LogReplaced, OutputFailed, PartitionsLost, Unfinished
from agents.runtime.logs import Log
from agents.runtime.observer import Silent
from agents.runtime.offset_metadata import FailingOffsets, OffsetMetadata
from agents.runtime.options import DeliveryMode, DeliveryOptions
from agents.runtime.partition import Partition
from agents.runtime.watchdog import Stage, reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import confluent_kafka as ck


class FakePoller:
    """A poll thread that counts and commits nothing but into a list."""

    def __init__(self) -> None:
        self.queued = 0
        self.commits: list[tuple[int, str]] = []
        self.resumed: list[int] = []

    def release(self, count: int) -> None:
        self.queued -= count

    async def request(self, call: Callable[[Any], Any]) -> Any:
        return call(self)

    def commit(self, *, offsets: list[ck.TopicPartition], asynchronous: bool) -> list[ck.TopicPartition]:
        assert not asynchronous
        self.commits.extend((tp.offset, tp.metadata) for tp in offsets)
        return offsets

    def resume(self, places: list[ck.TopicPartition]) -> None:
        self.resumed += [tp.partition for tp in places]

    def pause(self, places: list[ck.TopicPartition]) -> None: ...

    async def stop(self, timeout: float) -> None: ...  # noqa: ASYNC109 - as the thread's


class Telling(Silent):
    """Remembers why the worker left."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def leaving(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine with one partition in hand, whose crash and timers do nothing."""
    options = DeliveryOptions({}, "g", "m", mode=DeliveryMode.AT_LEAST_ONCE)
    made = Engine(options, [], Telling(), leave=lambda *_: None)
    made._poller = FakePoller()

    async def crash(_: BaseException) -> None: ...

    made.crash = crash
    monkeypatch.setattr(module.threading.Timer, "start", lambda _: None)
    for topic in ("in", "other"):
        made.in_flight.add_topic(topic)
    made.assigned_partitions.take([Partition("in", 0, {})])
    return made


@pytest.fixture
def partition(engine: Engine) -> Partition:
    [held] = engine.assigned_partitions
    return held


async def in_hand(engine: Engine, partition: Partition, records: list[Any]) -> AsyncIterator[Any]:
    """Let the agent of a partition take records; asking the result for more acknowledges them."""
    engine.hand_out(partition, records)
    batches = engine.in_flight.batches(partition.topic)
    await anext(batches)
    engine.batches = batches  # else it is closed at once, as an agent that was cancelled
    return batches


def waiting(engine: Engine, stage: str) -> bool:
    return engine.progress._waiting_since[stage] is not None


async def test_records_that_kafka_has_for_this_worker_are_work(engine: Engine) -> None:
    engine.lag({("in", 0): 5})
    assert waiting(engine, Stage.PROCESSING)


async def test_lag_that_is_worked_off_is_no_work_any_more(engine: Engine) -> None:
    engine.lag({("in", 0): 5})
    engine.lag({("in", 0): 0})
    assert not waiting(engine, Stage.PROCESSING)


async def test_lag_of_partitions_that_others_hold_is_not_this_workers(engine: Engine) -> None:
    engine.lag({("in", 1): 5})
    assert not waiting(engine, Stage.PROCESSING)


async def test_records_in_the_queue_stay_work_without_lag(engine: Engine) -> None:
    engine._poller.queued = 1
    engine.progress.has_work(Stage.PROCESSING)
    engine.lag({("in", 0): 0})
    assert waiting(engine, Stage.PROCESSING)


async def test_a_worker_leaves_once_for_its_first_reason(engine: Engine) -> None:
    engine.died(PartitionsLost("first"))
    engine.died(Fenced("second"))
    assert engine.observer.reasons == ["PartitionsLost: first"]


async def test_nothing_is_committed_after_a_failure(
    engine: Engine, partition: Partition, messages: Any
) -> None:
    batches = await in_hand(engine, partition, messages(0, 5))
    asking = asyncio.ensure_future(anext(batches))
    await asyncio.sleep(0)
    assert partition.position == 5
    engine.died(PartitionsLost("gone"))
    await engine.checkpoint()
    assert partition.committed is None
    asking.cancel()


async def test_only_the_failing_agents_chunk_is_suspected(
    engine: Engine, partition: Partition, messages: Any
) -> None:
    failing = await in_hand(engine, partition, messages(0, 5))
    innocent = Partition("other", 0, {})
    other = await in_hand(engine, innocent, messages(7, 9))
    engine.agent_failed("one", ValueError(), "in")
    assert failing is not other
    assert partition.suspect == FailingOffsets(0, 4, 1)
    assert innocent.suspect is None


async def test_no_message_is_suspected_where_the_engine_failed_under_an_agent(
    engine: Engine, partition: Partition, messages: Any
) -> None:
    await in_hand(engine, partition, messages(0, 5))
    engine.agent_failed("one", Fenced("no more"), "in")
    assert partition.suspect is None
    assert engine.failure is not None


async def test_suspects_are_noted_where_the_successor_starts(
    engine: Engine, partition: Partition, messages: Any
) -> None:
    partition.committed = 3
    await in_hand(engine, partition, messages(5, 8))
    engine.agent_failed("one", ValueError(), "in")
    await engine.on_stop()
    assert engine._poller.commits == [(3, OffsetMetadata(FailingOffsets(5, 7, 1)).text())]


@pytest.mark.parametrize(
    ("failure", "is_noted"), [(OutputFailed("refused"), True), (Fenced("unknown"), False)]
)
async def test_suspects_are_noted_only_when_it_is_known_what_was_committed(
    *, failure: Exception, is_noted: bool, engine: Engine, partition: Partition
) -> None:
    """A note on an older offset would take a commit back that succeeded after all."""
    partition.committed = 3
    partition.suspect = FailingOffsets(5, 5, 1)

    async def run(_: Any) -> None:
        raise failure

    engine._checkpoint.run = run
    await engine.checkpoint()
    await engine.on_stop()
    assert bool(engine._poller.commits) is is_noted


async def test_a_broken_checkpoint_ends_the_worker(engine: Engine) -> None:
    """Changes were taken from the states and not written: the next checkpoint would lose them."""

    async def run(_: Any) -> None:
        raise ZeroDivisionError

    engine._checkpoint.run = run
    with pytest.raises(ZeroDivisionError):
        await engine.checkpoint()
    assert isinstance(engine.failure, ZeroDivisionError)


async def test_an_agent_that_does_not_finish_in_time_ends_the_worker(
    engine: Engine, partition: Partition, messages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its outputs are in the open transaction, and the next owner of the partition writes them too."""
    monkeypatch.setattr(module, "_HAND_OVER_SECONDS", 0.01)
    await in_hand(engine, partition, messages(0, 5))
    await engine.revoked([("in", 0)], lost=False)
    assert isinstance(engine.failure, Unfinished)
    assert len(engine.assigned_partitions) == 0


async def test_lost_partitions_end_the_worker(engine: Engine) -> None:
    await engine.revoked([("in", 0)], lost=True)
    assert isinstance(engine.failure, PartitionsLost)
    assert len(engine.assigned_partitions) == 0


async def test_partitions_that_come_while_the_worker_stops_are_not_taken(engine: Engine) -> None:
    """Their restore was given up."""
    engine._stopped.set()
    await engine.assigned([Partition("in", 1, {})])
    assert engine.assigned_partitions.get(("in", 1)) is None


async def test_restoring_counts_as_progress_while_records_come(engine: Engine) -> None:
    assert engine._goes_on_restoring(0)
    assert not waiting(engine, Stage.POLLING)
    assert engine._goes_on_restoring(7)
    assert waiting(engine, Stage.POLLING)
    engine._stopped.set()
    assert not engine._goes_on_restoring(7)


async def test_records_of_partitions_that_are_not_in_hand_are_released(engine: Engine, messages: Any) -> None:
    engine._poller.queued = 5
    engine.received({("in", 9): messages(0, 5)})
    assert engine._poller.queued == 0


async def test_a_topics_agent_gets_each_chunk(engine: Engine, message: Any) -> None:
    engine.received({("in", 0): [message(1), message(2)]})
    [chunk] = await asyncio.wait_for(anext(engine.in_flight.batches("in")), 1)
    assert [record.offset() for record in chunk.records] == [1, 2]


async def test_a_failure_beside_the_chunks_suspects_none(
    engine: Engine, partition: Partition, messages: Any
) -> None:
    await in_hand(engine, partition, messages(0, 5))
    engine.agent_failed("one", ValueError())
    assert partition.suspect is None
    assert engine.failure is not None


LOG = Log(7, 4)


async def test_a_topic_made_anew_ends_the_worker_with_a_sentence(engine: Engine) -> None:
    engine._compare({"in": LOG}, {"in": Log(8, 4)})
    assert isinstance(engine.failure, LogReplaced)
    assert "made anew" in engine.observer.reasons[0]


@pytest.mark.parametrize("logs", [{"in": LOG}, {"in": Log(0, 4)}, {}], ids=["same", "no ids", "missing"])
async def test_a_topic_that_is_the_same_or_away_ends_nobody(engine: Engine, logs: Any) -> None:
    engine._compare({"in": LOG}, logs)
    assert engine.failure is None


async def test_a_partition_that_does_not_move_waits_though_another_does(
    engine: Engine, messages: Any
) -> None:
    moving = Partition("in", 1, {})
    engine.assigned_partitions.take([moving])
    for offset in (4, 5):
        [chunk] = moving.hand_out(messages(offset, offset + 1), 100)
        moving.acknowledge(chunk)
        engine.lag({("in", 0): 5, ("in", 1): 5})
    assert waiting(engine, reading("in", 0))
    before = engine.progress._waiting_since[reading("in", 0)]
    engine.lag({("in", 0): 5, ("in", 1): 5})
    assert engine.progress._waiting_since[reading("in", 0)] == before


async def test_the_engines_own_failure_takes_a_counted_start_back(
    engine: Engine, partition: Partition
) -> None:
    """No record is to blame for a broker that refuses."""
    partition.committed = 3
    partition.count_start()
    engine.died(OutputFailed("refused"))
    await engine.on_stop()
    assert [(offset, OffsetMetadata.read(text).starts) for offset, text in engine._poller.commits] == [(3, 0)]


async def test_a_poll_thread_that_died_leaves_the_start_counted(engine: Engine, partition: Partition) -> None:
    partition.committed = 3
    partition.count_start()
    engine.died(SystemError("no memory"))
    await engine.on_stop()
    assert [(offset, OffsetMetadata.read(text).starts) for offset, text in engine._poller.commits] == [(3, 1)]


async def test_a_partition_handed_over_in_order_takes_its_start_back(
    engine: Engine, partition: Partition
) -> None:
    partition.committed = 3
    partition.count_start()
    await engine.revoked([("in", 0)], lost=False)
    assert [(offset, OffsetMetadata.read(text).starts) for offset, text in engine._poller.commits] == [(3, 0)]
