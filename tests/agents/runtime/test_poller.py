"""The poll thread hands over what belongs to the assignment, and answers every request."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
import orjson
import pytest

from agents.runtime.errors import Fenced, LogReplaced
from agents.runtime.options import DeliveryOptions
from agents.runtime.partition import Loss
from agents.runtime.poller import Poller, read_lags
from agents.runtime.watchdog import Progress, Stage

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeConsumer:
    """Runs a script: what each poll gives, or does."""

    def __init__(self) -> None:
        self.script: list[Callable[[], Any]] = []
        self.more: Callable[[], list[Any]] = list
        self.topics: list[list[str]] = []
        self.callbacks: dict[str, Any] = {}
        self.assigned: list[Any] = []
        self.paused: list[Any] = []
        self.resumed: list[Any] = []
        self.sought: list[int] = []
        self.bounds = (0, 0)
        self.is_closed = False

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self.topics.append(topics)
        self.callbacks = callbacks

    def poll(self, timeout: float) -> Any:
        if not self.script:
            threading.Event().wait(timeout / 10)
            return None
        return self.script.pop(0)()

    def consume(self, *_: Any) -> list[Any]:
        return self.more()

    def consumer_group_metadata(self) -> str:
        return "membership"

    def assign(self, places: list[Any]) -> None:
        self.assigned.append(places)

    def pause(self, places: list[Any]) -> None:
        self.paused.append(places)

    def resume(self, places: list[Any]) -> None:
        self.resumed.append(places)

    def seek(self, place: ck.TopicPartition) -> None:
        self.sought.append(place.offset)

    def get_watermark_offsets(self, *_: Any) -> tuple[int, int]:
        return self.bounds

    def close(self) -> None:
        self.is_closed = True


class Heard:
    """What the event loop was told."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.events: list[Any] = []
        self.holds_back = False
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def prepare(self, partitions: list[Any], membership: Any) -> Any:
        return partitions, membership

    async def assigned(self, prepared: Any) -> None:
        self.events.append(("assigned", prepared))

    async def revoked(self, places: Any, *, lost: bool) -> None:
        self.events.append(("revoked", places, lost))

    def received(self, batches: dict[Any, list[Any]]) -> None:
        self.offsets.extend(record.offset() for records in batches.values() for record in records)

    def passed_over(self, place: Any, gap: Any) -> None:
        self.events.append(("passed over", place, gap.first, gap.last, gap.loss))

    def held_back(self, _: Any) -> bool:
        return self.holds_back

    def paused(self, _: Any) -> None:
        self.events.append("paused")

    def lag(self, _: Any) -> None: ...

    def died(self, failure: BaseException) -> None:
        self.failure.set_result(failure)


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> FakeConsumer:
    made = FakeConsumer()
    monkeypatch.setattr(ck, "Consumer", lambda *_, **__: made)
    return made


@pytest.fixture
async def heard() -> Heard:
    return Heard()


def poller(heard: Heard, progress: Progress | None = None, **options: Any) -> Poller:
    return Poller(DeliveryOptions({}, "g", "m", **options), heard, progress or Progress())


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - another thread makes it true
            await asyncio.sleep(0.005)


async def test_records_are_handed_over_and_are_work_from_then_on(
    consumer: FakeConsumer, heard: Heard, message: Any
) -> None:
    progress = Progress()
    polling = poller(heard, progress)
    consumer.script = [lambda: message(1)]
    polling.start(["in"])
    await until(lambda: heard.offsets)
    assert heard.offsets == [1]
    assert polling.queued == 1
    assert progress.stalled(-1) in {Stage.POLLING, Stage.PROCESSING}
    progress.moved(Stage.POLLING, more=False)
    assert progress._waiting_since[Stage.PROCESSING] is not None
    await polling.stop()
    assert consumer.is_closed


async def test_a_record_from_before_a_rebalance_is_dropped(
    consumer: FakeConsumer, heard: Heard, message: Any
) -> None:
    """Its partition may have come back meanwhile, at another offset."""

    def rebalance() -> list[Any]:
        consumer.more = list
        consumer.callbacks["on_revoke"](consumer, [])
        consumer.callbacks["on_assign"](consumer, [])
        return [message(8)]

    consumer.script = [lambda: message(99)]
    consumer.more = rebalance
    polling = poller(heard)
    polling.start(["in"])
    await until(lambda: heard.offsets)
    await polling.stop()
    assert heard.offsets == [8]


async def test_an_assignment_is_prepared_in_the_thread_with_its_membership_and_then_taken(
    consumer: FakeConsumer, heard: Heard
) -> None:
    places = [ck.TopicPartition("in", 3)]
    consumer.script = [lambda: consumer.callbacks["on_assign"](consumer, places)]
    polling = poller(heard)
    polling.start(["in"])
    await until(lambda: consumer.assigned)
    await polling.stop()
    assert heard.events == [("assigned", (places, "membership"))]
    assert consumer.assigned == [places]


@pytest.mark.parametrize(("callback", "lost"), [("on_revoke", False), ("on_lost", True)])
async def test_revoked_and_lost_are_told_apart(
    *, callback: str, lost: bool, consumer: FakeConsumer, heard: Heard
) -> None:
    consumer.script = [lambda: consumer.callbacks[callback](consumer, [ck.TopicPartition("in", 3)])]
    polling = poller(heard)
    polling.start(["in"])
    await until(lambda: heard.events)
    await polling.stop()
    assert heard.events == [("revoked", [("in", 3)], lost)]


async def test_requests_are_served_while_a_rebalance_waits_for_the_loop(
    consumer: FakeConsumer, heard: Heard
) -> None:
    polling = poller(heard)

    async def commits(*_: Any, **__: Any) -> None:
        heard.events.append(await polling.request(lambda _: "committed"))

    heard.revoked = commits  # type: ignore[method-assign]
    consumer.script = [lambda: consumer.callbacks["on_revoke"](consumer, [])]
    polling.start(["in"])
    await until(lambda: heard.events)
    await polling.stop()
    assert heard.events == ["committed"]


async def test_a_loop_that_hangs_in_a_rebalance_counts_as_no_progress(
    consumer: FakeConsumer, heard: Heard
) -> None:
    released = asyncio.Event()

    async def hang(*_: Any, **__: Any) -> None:
        await released.wait()

    heard.revoked = hang  # type: ignore[method-assign]
    progress = Progress()
    polling = poller(heard, progress)
    consumer.script = [lambda: consumer.callbacks["on_revoke"](consumer, [])]
    polling.start(["in"])
    await until(lambda: progress.stalled(0.3))
    assert progress.stalled(0.3) is Stage.POLLING
    released.set()
    await polling.stop()


async def test_no_more_is_fetched_than_the_agents_have_room_for(
    consumer: FakeConsumer, heard: Heard, message: Any
) -> None:
    consumer.script = [lambda offset=offset: message(offset) for offset in range(10)]
    polling = poller(heard, chunk_size=2, max_queued_records=4)
    polling.start(["in"])
    await until(lambda: len(heard.offsets) == 3)
    await asyncio.sleep(0.1)
    assert heard.offsets == [0, 1, 2]
    polling.release(3)
    await until(lambda: len(heard.offsets) == 6)
    await polling.stop()


@pytest.mark.usefixtures("consumer")
async def test_a_failing_request_fails_whoever_asked_and_nobody_else(heard: Heard) -> None:
    polling = poller(heard)
    polling.start(["in"])
    with pytest.raises(ZeroDivisionError):
        await polling.request(lambda _: 1 / 0)
    assert await polling.request(lambda _: 1) == 1
    await polling.stop()


async def test_whatever_ends_the_thread_is_told_and_requests_are_refused_at_once(
    consumer: FakeConsumer, heard: Heard
) -> None:
    consumer.script = [lambda: 1 / 0]
    polling = poller(heard)
    polling.start(["in"])
    assert isinstance(await asyncio.wait_for(heard.failure, 5), ZeroDivisionError)
    await until(lambda: consumer.is_closed)
    with pytest.raises(Fenced, match="left the group"):
        await asyncio.wait_for(polling.request(lambda _: 1), 5)
    await polling.stop()


def statistics(**partition: int) -> str:
    place = {
        "partition": 0,
        "desired": True,
        "ls_offset": 0,
        "next_offset": 0,
        "fetchq_cnt": 0,
        "leader": 1,
        **partition,
    }
    return orjson.dumps({"topics": {"in": {"topic": "in", "partitions": {"0": place}}}}).decode()


@pytest.mark.parametrize(
    ("partition", "lag"),
    [
        ({"ls_offset": 10, "next_offset": 4}, 6),
        ({"ls_offset": 10, "next_offset": 8, "fetchq_cnt": 5}, 7),
        ({"ls_offset": 10, "next_offset": 10}, 0),
        ({"ls_offset": -1001, "next_offset": 4}, 0),
    ],
)
def test_lag_is_what_is_not_fetched_or_not_taken(partition: dict[str, int], lag: int) -> None:
    assert read_lags(statistics(**partition)) == {("in", 0): lag}


@pytest.mark.parametrize(
    "partition", [{"partition": -1}, {"desired": False}, {"next_offset": -1001}, {"leader": -1}]
)
def test_partitions_that_are_not_fetched_have_no_lag(partition: dict[str, int]) -> None:
    assert read_lags(statistics(ls_offset=10, **partition)) == {}


class Failed:
    """What librdkafka gives where a fetch failed."""

    def __init__(self, code: int, offset: int, topic: str = "in", partition: int = 0) -> None:
        self._error, self._offset, self._place = ck.KafkaError(code), offset, (topic, partition)

    def error(self) -> ck.KafkaError:
        return self._error

    def offset(self) -> int:
        return self._offset

    def topic(self) -> str:
        return self._place[0]

    def partition(self) -> int:
        return self._place[1]


def begin(consumer: FakeConsumer, *starts: tuple[int, int]) -> Callable[[], None]:
    places = [ck.TopicPartition("in", number, offset) for number, offset in starts]
    return lambda: consumer.callbacks["on_assign"](consumer, places)


async def test_a_batch_that_cannot_be_read_is_stepped_over_once_it_has_failed_again_and_again(
    consumer: FakeConsumer, heard: Heard, message: Any
) -> None:
    bad = Failed(ck.KafkaError._BAD_COMPRESSION, 10)
    polling = poller(heard, batch_end=lambda *_: 14)
    consumer.script = [begin(consumer, (0, 9)), lambda: message(9), *[lambda: bad] * 3, lambda: message(15)]
    polling.start(["in"])
    await until(lambda: heard.offsets == [9, 15])
    await polling.stop()
    assert heard.events[1:] == [("passed over", ("in", 0), 10, 14, Loss.UNREADABLE)]
    assert consumer.sought == [15]


async def test_a_failure_that_passes_steps_over_nothing(
    consumer: FakeConsumer, heard: Heard, message: Any
) -> None:
    bad = Failed(ck.KafkaError._BAD_COMPRESSION, 10)
    polling = poller(heard)
    consumer.script = [
        begin(consumer, (0, 9)),
        *[lambda: bad] * 2,
        lambda: message(10),
        *[lambda: bad] * 2,
        lambda: message(11),
    ]
    polling.start(["in"])
    await until(lambda: heard.offsets == [10, 11])
    await polling.stop()
    assert consumer.sought == []


async def test_deleted_records_are_passed_over_and_other_partitions_go_on_where_they_were(
    consumer: FakeConsumer, heard: Heard, message: Any
) -> None:
    gone = Failed(ck.KafkaError._AUTO_OFFSET_RESET, 9)
    consumer.bounds = (30, 40)
    polling = poller(heard)
    consumer.script = [begin(consumer, (0, 9), (1, 5)), lambda: message(5, partition=1), lambda: gone]
    polling.start(["in"])
    await until(lambda: len(consumer.assigned) == 2)
    await until(lambda: len(heard.events) == 2)
    await polling.stop()
    assert heard.events[1:] == [("passed over", ("in", 0), 9, 29, Loss.DELETED)]
    assert [(tp.partition, tp.offset) for tp in consumer.assigned[-1]] == [(0, 30), (1, 6)]


async def test_offsets_that_fall_are_another_log(consumer: FakeConsumer, heard: Heard, message: Any) -> None:
    polling = poller(heard)
    consumer.script = [begin(consumer, (0, 9)), lambda: message(9), lambda: message(0)]
    polling.start(["in"])
    failure = await asyncio.wait_for(heard.failure, 5)
    assert isinstance(failure, LogReplaced)
    assert heard.offsets == [9]


async def test_a_position_beyond_the_end_is_another_log(consumer: FakeConsumer, heard: Heard) -> None:
    consumer.bounds = (0, 3)
    consumer.script = [begin(consumer, (0, 9)), lambda: Failed(ck.KafkaError._AUTO_OFFSET_RESET, 9)]
    poller(heard).start(["in"])
    assert isinstance(await asyncio.wait_for(heard.failure, 5), LogReplaced)


async def test_what_is_held_back_is_paused_before_anything_is_fetched(
    consumer: FakeConsumer, heard: Heard
) -> None:
    heard.holds_back = True
    polling = poller(heard)
    consumer.script = [begin(consumer, (0, 9))]
    polling.start(["in"])
    await until(lambda: "paused" in heard.events)
    assert consumer.paused == consumer.assigned
    await polling.resume({("in", 0): 20, ("in", 7): 3})
    await polling.stop()
    assert [tp.offset for tp in consumer.assigned[-1]] == [20]
    assert consumer.resumed == [consumer.assigned[-1]]
