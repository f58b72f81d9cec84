"""The order in which work becomes durable, in both modes; a group that is away is waited for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
import pytest

from agents.runtime import checkpoint as module
from agents.runtime.checkpoint import (
    AtLeastOnce,
    Checkpoint,
    ExactlyOnce,
    GroupOffsets,
    Ledger,
    commit_offsets,
)
from agents.runtime.errors import Fenced, Unfinished, is_transient
from agents.runtime.in_flight import InFlight
from agents.runtime.observer import Silent
from agents.runtime.offset_metadata import FailingOffsets, OffsetMetadata
from agents.runtime.options import DeliveryOptions
from agents.runtime.outbox import PendingDeliveries
from agents.runtime.partition import Partition
from agents.runtime.state import Binding, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import TopicPartition

    from agents.runtime.records import Record

BINDINGS = [Binding("counting", "in", "changelog", dict)]  # type: ignore[arg-type] - only names matter here


class Recorder:
    """An outbox and a group that write down what is asked of them."""

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.written: list[Record] = []
        self.committed: list[tuple[int, int, str]] = []
        self.pending = PendingDeliveries()
        self.refuses = False

    def next_pending(self) -> PendingDeliveries:
        self.steps.append("next pending")
        pending, self.pending = self.pending, PendingDeliveries()
        return pending

    async def turn(self) -> PendingDeliveries:
        self.steps.append("turn")
        self.ended, self.pending = self.pending, PendingDeliveries()
        return self.ended

    async def delivered(self, _: PendingDeliveries) -> None:
        self.steps.append("delivered")

    def write(self, records: Sequence[Record]) -> PendingDeliveries:
        self.steps.append("write")
        self.written.extend(records)
        return PendingDeliveries()

    async def commit(
        self, records: Sequence[Record], offsets: list[TopicPartition], membership: Any
    ) -> PendingDeliveries:
        self.steps.append(("transaction", len(self.ended), membership))
        self.written.extend(records)
        await self.offsets(offsets)
        return PendingDeliveries()

    async def offsets(self, offsets: list[TopicPartition]) -> None:
        if self.refuses:
            raise Fenced("no member")
        self.steps.append("offsets")
        self.committed.extend((tp.partition, tp.offset, tp.metadata) for tp in offsets)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def in_flight() -> InFlight:
    options = DeliveryOptions({}, "g", "m", batch_interval=0.0)
    made = InFlight(options, Silent(), release=lambda _: None, finished=lambda: None)
    made.add_topic("in")
    return made


@pytest.fixture
def worked(messages: Callable[[int, int], list[Any]], state: Any) -> Partition:
    """A partition whose agent has finished offsets 10 to 14 and changed one key."""
    partition = Partition("in", 3, {"counting": state}, begins=10)
    [chunk] = partition.hand_out(messages(10, 15), 100)
    partition.acknowledge(chunk)
    state.changed = [(b"k", b"payload")]
    return partition


async def until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110 - whatever it is
        await asyncio.sleep(0.001)


def at_least_once(in_flight: InFlight, recorder: Recorder, lease: float = 100.0) -> AtLeastOnce:
    return AtLeastOnce(Ledger(in_flight, BINDINGS), recorder, recorder.offsets, lease)  # type: ignore[arg-type]


def exactly_once(in_flight: InFlight, recorder: Recorder) -> ExactlyOnce:
    checkpoint = ExactlyOnce(Ledger(in_flight, BINDINGS), recorder)  # type: ignore[arg-type]
    checkpoint.joined("membership")
    return checkpoint


async def test_at_least_once_outputs_come_before_state_and_state_before_offsets(
    in_flight: InFlight, recorder: Recorder, worked: Partition
) -> None:
    await at_least_once(in_flight, recorder).run([worked])
    assert recorder.steps == ["next pending", "delivered", "write", "delivered", "offsets"]
    assert recorder.committed == [(3, 15, "")]
    assert worked.committed == 15


@pytest.mark.parametrize("is_transactional", [True, False])
async def test_an_observer_hears_the_choice_while_nothing_is_handed_out_and_the_delivery_before_the_offsets(
    in_flight: InFlight,
    recorder: Recorder,
    worked: Partition,
    is_transactional: bool,  # noqa: FBT001 - a table's column
) -> None:
    class Telling(Silent):
        def checkpoint_chosen(self) -> None:
            recorder.steps.append(("chosen", in_flight._open.is_set()))

        def outputs_delivered(self) -> None:
            recorder.steps.append("outputs delivered")

    ledger = Ledger(in_flight, BINDINGS, Telling())
    exactly = ExactlyOnce(ledger, recorder)  # type: ignore[arg-type]
    at_least = AtLeastOnce(ledger, recorder, recorder.offsets, 100.0)  # type: ignore[arg-type]
    await (exactly if is_transactional else at_least).run([worked])
    order = [recorder.steps.index(step) for step in (("chosen", False), "outputs delivered", "offsets")]
    assert order == sorted(order)
    assert recorder.steps.index("turn" if is_transactional else "delivered") < order[1]


async def test_state_is_sealed_with_the_offset_it_includes_and_goes_to_its_own_partition(
    in_flight: InFlight, recorder: Recorder, worked: Partition
) -> None:
    await at_least_once(in_flight, recorder).run([worked])
    [record] = recorder.written
    assert (record.topic, record.key, record.partition) == ("changelog", b"k", 3)
    assert record.value == seal(0, 15, b"payload")


async def test_an_agent_without_changelog_writes_none(
    in_flight: InFlight, recorder: Recorder, worked: Partition
) -> None:
    ledger = Ledger(in_flight, [Binding("counting", "in", None, dict)])  # type: ignore[arg-type]
    await AtLeastOnce(ledger, recorder, recorder.offsets, 100).run([worked])  # type: ignore[arg-type]
    assert recorder.written == []
    assert worked.committed == 15


async def test_an_agent_that_was_added_later_is_committed_too(
    in_flight: InFlight, recorder: Recorder, worked: Partition
) -> None:
    bindings: list[Binding] = []
    checkpoint = AtLeastOnce(Ledger(in_flight, bindings), recorder, recorder.offsets, 100)  # type: ignore[arg-type]
    bindings.extend(BINDINGS)
    await checkpoint.run([worked])
    assert len(recorder.written) == 1


async def test_membership_is_proved_before_state_once_the_lease_is_over(
    in_flight: InFlight, recorder: Recorder, worked: Partition
) -> None:
    """Also by a worker that has never committed: with the offset where its successor would start."""
    await at_least_once(in_flight, recorder, lease=-1).run([worked])
    assert recorder.steps == ["next pending", "delivered", "offsets", "write", "delivered", "offsets"]
    assert recorder.committed == [(3, 10, ""), (3, 15, "")]


async def test_the_proof_is_young_when_state_is_written(
    in_flight: InFlight, recorder: Recorder, worked: Partition
) -> None:
    """A worker may sleep through its session anywhere, also while it waits for agents or for deliveries."""
    checkpoint = at_least_once(in_flight, recorder, lease=0.05)

    async def slow(_: PendingDeliveries) -> None:
        recorder.steps.append("delivered")
        await asyncio.sleep(0.06)

    recorder.delivered = slow  # type: ignore[method-assign]
    await checkpoint.run([worked])
    assert recorder.steps[:4] == ["next pending", "delivered", "offsets", "write"]


async def test_a_worker_that_is_no_member_writes_no_state(
    in_flight: InFlight, recorder: Recorder, worked: Partition
) -> None:
    recorder.refuses = True
    with pytest.raises(Fenced):
        await at_least_once(in_flight, recorder, lease=-1).run([worked])
    assert recorder.written == []
    assert worked.committed is None


async def test_outputs_reach_the_broker_though_no_chunk_is_finished(
    in_flight: InFlight, recorder: Recorder
) -> None:
    assert await at_least_once(in_flight, recorder).run([Partition("in", 0, {})]) is None
    assert recorder.steps == ["next pending", "delivered"]


async def test_exactly_once_everything_is_one_transaction_with_the_membership_of_the_assignment(
    in_flight: InFlight, recorder: Recorder, worked: Partition
) -> None:
    await exactly_once(in_flight, recorder).run([worked])
    assert recorder.steps == ["turn", ("transaction", 0, "membership"), "offsets"]
    assert (len(recorder.written), recorder.committed, worked.committed) == (1, [(3, 15, "")], 15)


async def test_a_membership_that_comes_while_outputs_are_delivered_is_not_that_of_the_offsets(
    in_flight: InFlight, recorder: Recorder, worked: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that lost its partitions may be in the group again before its last checkpoint is refused."""
    checkpoint, turn = exactly_once(in_flight, recorder), recorder.turn

    async def turn_while_joining() -> PendingDeliveries:
        checkpoint.joined("a later membership")
        return await turn()

    monkeypatch.setattr(recorder, "turn", turn_while_joining)
    await checkpoint.run([worked])
    assert ("transaction", 0, "membership") in recorder.steps


async def test_outputs_go_to_the_other_transaction_before_the_next_batch_is_handed_out(
    in_flight: InFlight, recorder: Recorder, worked: Partition, messages: Any
) -> None:
    handed_out: list[int] = []

    async def agent() -> None:
        async for _ in in_flight.batches("in"):
            handed_out.append(recorder.steps.count("turn"))
            await has_next.wait()

    has_next, source = asyncio.Event(), Partition("in", 0, {})
    for chunk in source.hand_out(messages(0, 2), 1):
        in_flight.put(source, replace(chunk, is_suspect=True))  # each in a batch of its own
    working = asyncio.create_task(agent())
    await until(lambda: handed_out)
    running = asyncio.create_task(exactly_once(in_flight, recorder).run([worked]))
    await asyncio.sleep(0)
    has_next.set()
    await running
    await until(lambda: len(handed_out) > 1)
    assert handed_out == [0, 1]
    working.cancel()


async def test_without_work_there_is_no_transaction(in_flight: InFlight, recorder: Recorder) -> None:
    assert await exactly_once(in_flight, recorder).run([Partition("in", 0, {})]) is None
    assert recorder.steps == ["turn"]


async def test_outputs_alone_end_their_transaction_before_it_times_out(
    in_flight: InFlight, recorder: Recorder
) -> None:
    recorder.pending.count()
    assert await exactly_once(in_flight, recorder).run([Partition("in", 0, {})]) is not None
    assert recorder.steps[1] == ("transaction", 1, "membership")


@pytest.mark.parametrize("make", [at_least_once, exactly_once])
async def test_half_done_work_is_not_committed(
    make: Any, in_flight: InFlight, recorder: Recorder, worked: Partition, messages: Any
) -> None:
    source = Partition("in", 0, {})
    [chunk] = source.hand_out(messages(0, 2), 10)
    in_flight.put(source, chunk)
    batches = in_flight.batches("in")
    await anext(batches)
    running = asyncio.create_task(make(in_flight, recorder).run([worked]))
    await asyncio.sleep(0)
    await batches.aclose()  # type: ignore[attr-defined] - it is a generator
    with pytest.raises(Unfinished):
        await running
    assert (recorder.written, recorder.committed) == ([], [])


async def test_commits_carry_the_note_on_suspects(
    in_flight: InFlight, recorder: Recorder, worked: Partition
) -> None:
    worked.suspect = FailingOffsets(20, 29, 1)
    await exactly_once(in_flight, recorder).run([worked])
    assert recorder.committed == [(3, 15, OffsetMetadata(FailingOffsets(20, 29, 1)).text())]


@pytest.mark.parametrize("make", [exactly_once, at_least_once])
async def test_a_store_follows_the_commit_and_its_note_goes_with_the_offsets(
    in_flight: InFlight,
    recorder: Recorder,
    store: Any,
    messages: Any,
    make: Callable[[InFlight, Recorder], Checkpoint],
) -> None:
    partition = Partition("in", 3, {"counting": store})
    [chunk] = partition.hand_out(messages(10, 15), 100)
    partition.acknowledge(chunk)
    recorder.steps = store.steps  # one story
    await make(in_flight, recorder).run([partition])
    assert store.steps[0] == ("freeze", 15)
    assert store.steps[-1] == ("save",)
    assert recorder.committed[-1] == (3, 15, OffsetMetadata(states={"counting": "clock 7"}).text())


async def test_a_refused_commit_leaves_the_store_as_it_was(
    in_flight: InFlight, recorder: Recorder, store: Any, messages: Any
) -> None:
    partition = Partition("in", 3, {"counting": store})
    [chunk] = partition.hand_out(messages(10, 15), 100)
    partition.acknowledge(chunk)
    recorder.refuses = True
    with pytest.raises(Fenced):
        await exactly_once(in_flight, recorder).run([partition])
    assert ("save",) not in store.steps
    assert partition.committed_metadata == "", "a note on a failure must not tell of what was not committed"


async def test_what_both_sources_of_a_store_did_is_frozen_before_either_is_saved(
    in_flight: InFlight, recorder: Recorder, store: Any, messages: Any
) -> None:
    partitions = [Partition(topic, 3, {"counting": store}) for topic in ("in", "there")]
    for first, partition in zip((10, 20), partitions, strict=True):
        [chunk] = partition.hand_out(messages(first, first + 5), 100)
        partition.acknowledge(chunk)
    recorder.steps = store.steps
    await exactly_once(in_flight, recorder).run(partitions)
    assert store.steps == [
        ("freeze", 15),
        ("freeze", 25),
        "turn",
        ("transaction", 0, "membership"),
        "offsets",
        ("save",),
        ("save",),
    ]


async def test_a_store_of_a_partition_that_did_nothing_is_left_alone(
    in_flight: InFlight, recorder: Recorder, store: Any, worked: Partition
) -> None:
    idle = Partition("there", 3, {"counting": store})
    await exactly_once(in_flight, recorder).run([worked, idle])
    assert store.steps == []


async def test_a_store_that_cannot_be_saved_leaves_no_partition_behind_its_commit(
    in_flight: InFlight, recorder: Recorder, store: Any, worked: Partition
) -> None:
    """Else the note on why the worker leaves would take the commit of the others back."""

    def fail() -> None:
        raise OSError("the disk is full")

    store.save = fail
    stored = Partition("in", 2, {"counting": store}, begins=10)
    stored.position = 12
    with pytest.raises(OSError, match="the disk is full"):
        await exactly_once(in_flight, recorder).run([stored, worked])
    assert (stored.committed, worked.committed) == (12, 15)


# -- the group's committed offsets


class Group:
    """A consumer and its poll thread in one; `answers` are given one a commit."""

    def __init__(self, *answers: int | ck.KafkaException | None) -> None:
        self.answers = list(answers)
        self.commits = 0

    async def request(self, call: Any) -> Any:
        return call(self)

    def commit(self, *, offsets: list[ck.TopicPartition], asynchronous: bool) -> list[Any]:
        assert not asynchronous
        self.commits += 1
        answer = self.answers.pop(0)
        if isinstance(answer, ck.KafkaException):
            raise answer
        return [Answer(answer) for _ in offsets]

    def committed(self, places: list[ck.TopicPartition], timeout: float) -> tuple[Any, float]:
        return places, timeout


class Answer:
    """What became of one partition's offset."""

    def __init__(self, code: int | None) -> None:
        self.error = None if code is None else ck.KafkaError(code)


PLACES = [ck.TopicPartition("in", 0, 7)]


async def test_an_accepted_commit_is_done() -> None:
    group = Group(None)
    await commit_offsets(group, PLACES)  # type: ignore[arg-type]
    assert group.commits == 1


@pytest.mark.parametrize(
    "code",
    [
        ck.KafkaError._TRANSPORT,
        ck.KafkaError._WAIT_COORD,
        ck.KafkaError.NOT_COORDINATOR,
        ck.KafkaError._TIMED_OUT,
    ],
)
async def test_a_coordinator_that_is_away_is_waited_for(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0)
    group = Group(code, ck.KafkaException(ck.KafkaError(code)), None)
    await commit_offsets(group, PLACES)  # type: ignore[arg-type]
    assert group.commits == 3


@pytest.mark.parametrize(
    "code",
    [
        ck.KafkaError.ILLEGAL_GENERATION,
        ck.KafkaError.UNKNOWN_MEMBER_ID,
        ck.KafkaError.FENCED_INSTANCE_ID,
        ck.KafkaError.GROUP_AUTHORIZATION_FAILED,
    ],
)
async def test_a_refusal_ends_the_worker(code: int) -> None:
    assert not is_transient(ck.KafkaError(code))
    with pytest.raises(Fenced, match="the offsets were refused"):
        await commit_offsets(Group(code), PLACES)  # type: ignore[arg-type]


def test_committed_offsets_are_waited_for_as_long_as_a_transaction_may_last() -> None:
    group = GroupOffsets(Group(), 45.0)  # type: ignore[arg-type]
    assert group.read(PLACES) == (PLACES, 45.0)  # type: ignore[comparison-overlap]


def test_a_start_that_cannot_be_noted_goes_on() -> None:
    refused = ck.KafkaException(ck.KafkaError(ck.KafkaError.REBALANCE_IN_PROGRESS))
    GroupOffsets(Group(refused), 45.0).note(PLACES)  # type: ignore[arg-type]
