"""The worker's one group member: what counts as work, what ends it, and what is noted then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agents.runtime import consumer as module
from agents.runtime.app import App
from agents.runtime.commit_note import CommitNote
from agents.runtime.desk import HeldChunk
from agents.runtime.errors import Fenced, LogReplaced, OutputFailed, PartitionsLost, Unfinished
from agents.runtime.logs import Log
from agents.runtime.observer import Silent
from agents.runtime.options import DeliveryMode, DeliveryOptions
from agents.runtime.partition import Partition
from agents.runtime.progress import Stage, reading
from agents.runtime.suspects import Suspect

if TYPE_CHECKING:
    from collections.abc import Callable

    import confluent_kafka as ck

    from agents.runtime.consumer import Consumer


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
async def consumer(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    """A consumer with one partition in hand, whose crash and timers do nothing."""
    options = DeliveryOptions({}, "g", "m", mode=DeliveryMode.AT_LEAST_ONCE)
    made: Consumer = App(options, Telling(), web_enabled=False).consumer
    made._poller = FakePoller()

    async def crash(_: BaseException) -> None: ...

    made.crash = crash
    monkeypatch.setattr(module.threading.Timer, "start", lambda _: None)
    made.assigned_partitions.take([Partition("in", 0, {})])
    return made


@pytest.fixture
def partition(consumer: Consumer) -> Partition:
    [held] = consumer.assigned_partitions
    return held


async def in_hand(consumer: Consumer, partition: Partition, records: list[Any]) -> HeldChunk:
    [chunk] = partition.hand_out(records, 100)
    held = HeldChunk(chunk, partition, 1)
    assert await consumer.desk.begin(held)
    return held


def waiting(consumer: Consumer, stage: str) -> bool:
    return consumer.progress._waiting_since[stage] is not None


async def test_records_that_kafka_has_for_this_worker_are_work(consumer: Consumer) -> None:
    consumer.lag({("in", 0): 5})
    assert waiting(consumer, Stage.PROCESSING)


async def test_lag_that_is_worked_off_is_no_work_any_more(consumer: Consumer) -> None:
    consumer.lag({("in", 0): 5})
    consumer.lag({("in", 0): 0})
    assert not waiting(consumer, Stage.PROCESSING)


async def test_lag_of_partitions_that_others_hold_is_not_this_workers(consumer: Consumer) -> None:
    consumer.lag({("in", 1): 5})
    assert not waiting(consumer, Stage.PROCESSING)


async def test_records_in_the_queue_stay_work_without_lag(consumer: Consumer) -> None:
    consumer._poller.queued = 1
    consumer.progress.has_work(Stage.PROCESSING)
    consumer.lag({("in", 0): 0})
    assert waiting(consumer, Stage.PROCESSING)


async def test_a_worker_leaves_once_for_its_first_reason(consumer: Consumer) -> None:
    consumer.died(PartitionsLost("first"))
    consumer.died(Fenced("second"))
    assert consumer.observer.reasons == ["PartitionsLost: first"]


async def test_nothing_is_committed_after_a_failure(
    consumer: Consumer, partition: Partition, messages: Any
) -> None:
    held = await in_hand(consumer, partition, messages(0, 5))
    consumer.desk.end(held, finished=True)
    consumer.died(PartitionsLost("gone"))
    await consumer.checkpoint()
    assert partition.committed is None


async def test_only_the_failing_agents_chunk_is_suspected(
    consumer: Consumer, partition: Partition, messages: Any
) -> None:
    failing = await in_hand(consumer, partition, messages(0, 5))
    innocent = Partition("other", 0, {})
    await in_hand(consumer, innocent, messages(7, 9))
    consumer.agent_failed("one", ValueError(), failing)
    assert partition.suspect == Suspect(0, 4, 1)
    assert innocent.suspect is None


async def test_no_message_is_suspected_where_the_engine_failed_under_an_agent(
    consumer: Consumer, partition: Partition, messages: Any
) -> None:
    consumer.agent_failed("one", Fenced("no more"), await in_hand(consumer, partition, messages(0, 5)))
    assert partition.suspect is None
    assert consumer.failure is not None


async def test_suspects_are_noted_where_the_successor_starts(
    consumer: Consumer, partition: Partition, messages: Any
) -> None:
    partition.committed = 3
    consumer.agent_failed("one", ValueError(), await in_hand(consumer, partition, messages(5, 8)))
    await consumer.on_stop()
    assert consumer._poller.commits == [(3, CommitNote(Suspect(5, 7, 1)).text())]


@pytest.mark.parametrize(
    ("failure", "is_noted"), [(OutputFailed("refused"), True), (Fenced("unknown"), False)]
)
async def test_suspects_are_noted_only_when_it_is_known_what_was_committed(
    *, failure: Exception, is_noted: bool, consumer: Consumer, partition: Partition
) -> None:
    """A note on an older offset would take a commit back that succeeded after all."""
    partition.committed = 3
    partition.suspect = Suspect(5, 5, 1)

    async def run(_: Any) -> None:
        raise failure

    consumer._checkpoint.run = run
    await consumer.checkpoint()
    await consumer.on_stop()
    assert bool(consumer._poller.commits) is is_noted


async def test_a_broken_checkpoint_ends_the_worker(consumer: Consumer) -> None:
    """Changes were taken from the states and not written: the next checkpoint would lose them."""

    async def run(_: Any) -> None:
        raise ZeroDivisionError

    consumer._checkpoint.run = run
    with pytest.raises(ZeroDivisionError):
        await consumer.checkpoint()
    assert isinstance(consumer.failure, ZeroDivisionError)


async def test_an_agent_that_does_not_finish_in_time_ends_the_worker(
    consumer: Consumer, partition: Partition, messages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its outputs are in the open transaction, and the next owner of the partition writes them too."""
    monkeypatch.setattr(module, "_HAND_OVER_SECONDS", 0.01)
    await in_hand(consumer, partition, messages(0, 5))
    await consumer.revoked([("in", 0)], lost=False)
    assert isinstance(consumer.failure, Unfinished)
    assert len(consumer.assigned_partitions) == 0


async def test_lost_partitions_end_the_worker(consumer: Consumer) -> None:
    await consumer.revoked([("in", 0)], lost=True)
    assert isinstance(consumer.failure, PartitionsLost)
    assert len(consumer.assigned_partitions) == 0


async def test_partitions_that_come_while_the_worker_stops_are_not_taken(consumer: Consumer) -> None:
    """Their restore was given up."""
    consumer._stopped.set()
    await consumer.assigned([Partition("in", 1, {})])
    assert consumer.assigned_partitions.get(("in", 1)) is None


async def test_restoring_counts_as_progress_while_records_come(consumer: Consumer) -> None:
    assert consumer._goes_on_restoring(0)
    assert not waiting(consumer, Stage.POLLING)
    assert consumer._goes_on_restoring(7)
    assert waiting(consumer, Stage.POLLING)
    consumer._stopped.set()
    assert not consumer._goes_on_restoring(7)


async def test_records_of_partitions_that_are_not_in_hand_are_released(
    consumer: Consumer, messages: Any
) -> None:
    consumer._poller.queued = 5
    consumer.received({("in", 9): messages(0, 5)})
    assert consumer._poller.queued == 0


async def test_a_topics_agents_all_get_each_chunk(consumer: Consumer, message: Any) -> None:
    from faust.types import TP  # noqa: PLC0415 - with the app made

    channels = [consumer.app.channel(), consumer.app.channel()]
    consumer.app.flow_control.resume()
    consumer.app.topics._tp_index[TP("in", 0)] = set(channels)
    consumer.received({("in", 0): [message(1), message(2)]})
    events = [await asyncio.wait_for(channel.queue.get(), 1) for channel in channels]
    assert [[r.offset() for r in event.value.records] for event in events] == [[1, 2], [1, 2]]


LOG = Log(7, 4)


async def test_a_topic_made_anew_ends_the_worker_with_a_sentence(consumer: Consumer) -> None:
    consumer._compare({"in": LOG}, {"in": Log(8, 4)})
    assert isinstance(consumer.failure, LogReplaced)
    assert "made anew" in consumer.observer.reasons[0]


@pytest.mark.parametrize("logs", [{"in": LOG}, {"in": Log(0, 4)}, {}], ids=["same", "no ids", "missing"])
async def test_a_topic_that_is_the_same_or_away_ends_nobody(consumer: Consumer, logs: Any) -> None:
    consumer._compare({"in": LOG}, logs)
    assert consumer.failure is None


async def test_a_partition_that_does_not_move_waits_though_another_does(
    consumer: Consumer, messages: Any
) -> None:
    moving = Partition("in", 1, {})
    consumer.assigned_partitions.take([moving])
    for offset in (4, 5):
        [chunk] = moving.hand_out(messages(offset, offset + 1), 100)
        moving.acknowledge(chunk)
        consumer.lag({("in", 0): 5, ("in", 1): 5})
    assert waiting(consumer, reading("in", 0))
    before = consumer.progress._waiting_since[reading("in", 0)]
    consumer.lag({("in", 0): 5, ("in", 1): 5})
    assert consumer.progress._waiting_since[reading("in", 0)] == before


async def test_the_engines_own_failure_takes_a_counted_start_back(
    consumer: Consumer, partition: Partition
) -> None:
    """No record is to blame for a broker that refuses."""
    partition.committed = 3
    partition.count_start()
    consumer.died(OutputFailed("refused"))
    await consumer.on_stop()
    assert [(offset, CommitNote.read(text).starts) for offset, text in consumer._poller.commits] == [(3, 0)]


async def test_a_poll_thread_that_died_leaves_the_start_counted(
    consumer: Consumer, partition: Partition
) -> None:
    partition.committed = 3
    partition.count_start()
    consumer.died(SystemError("no memory"))
    await consumer.on_stop()
    assert [(offset, CommitNote.read(text).starts) for offset, text in consumer._poller.commits] == [(3, 1)]


async def test_a_partition_handed_over_in_order_takes_its_start_back(
    consumer: Consumer, partition: Partition
) -> None:
    partition.committed = 3
    partition.count_start()
    await consumer.revoked([("in", 0)], lost=False)
    assert [(offset, CommitNote.read(text).starts) for offset, text in consumer._poller.commits] == [(3, 0)]
