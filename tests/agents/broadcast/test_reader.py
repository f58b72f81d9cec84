"""Broadcast on librdkafka's mock brokers: all is read, a bad record changes nothing, faults are told."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING

import confluent_kafka as ck
import orjson
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from agents.broadcast import Broadcast, BroadcastUnavailable, Handler, refuse_controls
from agents.broadcast import reader as reader_module
from agents.broadcast.reader import leaders_talk
from agents.runtime import DeliveryOptions
from agents.runtime.errors import KafkaUnavailable
from agents.telemetry import Telemetry
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from agents.broadcast.reader import Preparer


class MockKafka:
    """Brokers inside a librdkafka producer: a topic that is written to has four partitions."""

    def __init__(self) -> None:
        self._owner = ck.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock:1", "log_level": 2})
        [broker] = self._owner.list_topics(timeout=5).brokers.values()
        self.servers = f"{broker.host}:{broker.port}"

    def write(self, topic: str, key: bytes, value: bytes) -> None:
        self._owner.produce(topic, value, key, partition=0)
        assert self._owner.flush(5) == 0


@pytest.fixture(scope="module")
def kafka() -> Iterator[MockKafka]:
    mock = MockKafka()
    for topic in ("some", "models"):
        for number in range(3):
            mock.write(topic, b"key", b"%d" % number)
    yield mock
    del mock


def broadcast(
    servers: str,
    handlers: Mapping[str, Handler],
    telemetry: Telemetry | None = None,
    *,
    preparers: Mapping[str, Preparer] | None = None,
    newest_only: Collection[str] = (),
    timeout: float = 5.0,
) -> Broadcast:
    options = DeliveryOptions(client={"bootstrap.servers": servers}, group="test", member="1")
    return Broadcast(
        options.reader_properties(),
        handlers,
        telemetry or Telemetry(CollectorRegistry()),
        preparers=preparers,
        newest_only=newest_only,
        start_timeout=timeout,
    )


async def test_every_record_is_handed_over_in_order_before_it_is_caught_up(kafka: MockKafka) -> None:
    values: list[bytes | None] = []
    reader = broadcast(kafka.servers, {"some": lambda _key, value: values.append(value)})
    assert reader.check() == "not read to the end yet: some"
    async with reader:
        await asyncio.wait_for(reader.wait_caught_up(), 10)
        assert values == [b"0", b"1", b"2"]
        assert reader.caught_up
        assert reader.check() is None


async def test_what_is_written_later_is_handed_over_too(kafka: MockKafka) -> None:
    kafka.write("later", b"key", b"before")
    values: asyncio.Queue[bytes | None] = asyncio.Queue()
    async with broadcast(kafka.servers, {"later": lambda _key, value: values.put_nowait(value)}):
        assert await asyncio.wait_for(values.get(), 10) == b"before"
        kafka.write("later", b"key", b"after")
        assert await asyncio.wait_for(values.get(), 10) == b"after"


async def test_a_refused_record_is_reported_and_the_next_is_taken(kafka: MockKafka) -> None:
    taken: list[bytes | None] = []

    def refuse_the_first(_key: bytes | None, value: bytes | None) -> None:
        if not taken and value == b"0":
            raise InvalidMessage(ErrorType.UNKNOWN_CODE, "is unknown", "kind")
        taken.append(value)

    registry = CollectorRegistry()
    with capture_logs() as lines:
        async with broadcast(kafka.servers, {"some": refuse_the_first}, Telemetry(registry)) as reader:
            await asyncio.wait_for(reader.wait_caught_up(), 10)
    assert taken == [b"1", b"2"]
    labels = {"topic": "some", "error_type": "unknown-code"}
    assert registry.get_sample_value("fraudstream_broadcast_records_refused_total", labels) == 1
    assert registry.get_sample_value("fraudstream_broadcast_records_applied_total", {"topic": "some"}) == 2
    [line] = [line for line in lines if line["event"] == "broadcast record refused"]
    assert (line["topic"], line["partition"], line["offset"]) == ("some", 0, 0)
    assert line["reason"] == "kind: is unknown"


async def test_a_record_that_breaks_its_handler_stops_nothing(kafka: MockKafka) -> None:
    registry = CollectorRegistry()

    def broken(_key: bytes | None, value: bytes | None) -> None:
        raise ZeroDivisionError(value)

    with capture_logs() as lines:
        async with broadcast(kafka.servers, {"some": broken}, Telemetry(registry)) as reader:
            await asyncio.wait_for(reader.wait_caught_up(), 10)
    labels = {"topic": "some", "error_type": "internal-error"}
    assert registry.get_sample_value("fraudstream_broadcast_records_refused_total", labels) == 3
    reasons = {line["reason"] for line in lines if line["event"] == "broadcast record refused"}
    assert reasons == {"its handler failed (ZeroDivisionError)"}


@pytest.mark.parametrize("most", [100_000, 2])
async def test_at_the_start_what_a_later_record_replaces_is_left_out_as_far_as_wished(
    kafka: MockKafka, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """What is written later is all handed over."""
    monkeypatch.setattr(reader_module, "_MOST_WITHHELD", most)
    slow = f"slow-{most}"
    for value in (b"one", b"two", b"three"):
        kafka.write(slow, b"a", value)
        kafka.write(slow, value, value)
    made_ready: list[tuple[bytes | None, bytes | None]] = []
    taken: asyncio.Queue[bytes | None] = asyncio.Queue()

    def prepare(key: bytes | None, value: bytes | None) -> Callable[[], None]:
        made_ready.append((key, value))
        return lambda: taken.put_nowait(value)

    async with broadcast(kafka.servers, {}, preparers={slow: prepare}, newest_only=[slow]) as reader:
        await asyncio.wait_for(reader.wait_caught_up(), 10)
        last = [(b"one", b"one"), (b"two", b"two"), (b"a", b"three"), (b"three", b"three")]
        assert made_ready == (last if most > 2 else [last[0], (b"a", b"two"), *last[1:]])
        assert [taken.get_nowait() for _ in made_ready] == [value for _, value in made_ready]
        for value in (b"four", b"five"):
            kafka.write(slow, b"a", value)
            assert await asyncio.wait_for(taken.get(), 10) == value


async def test_who_waits_is_told_that_reading_goes_on(kafka: MockKafka) -> None:
    def slowly(_key: bytes | None, _value: bytes | None) -> Callable[[], None]:
        time.sleep(1.2)
        return lambda: None

    for number in range(3):
        kafka.write("slower", b"%d" % number, b"value")
    told: list[float] = []
    async with broadcast(kafka.servers, {}, preparers={"slower": slowly}) as reader:
        await asyncio.wait_for(reader.wait_caught_up(lambda: told.append(time.monotonic())), 20)
    assert told


async def test_models_without_a_reader_are_refused_and_do_not_hinder_readiness(kafka: MockKafka) -> None:
    with capture_logs() as lines:
        async with broadcast(kafka.servers, {"models": refuse_controls}) as reader:
            await asyncio.wait_for(reader.wait_caught_up(), 10)
    assert [line["offset"] for line in lines if line["event"] == "broadcast record refused"] == [0, 1, 2]


async def test_a_missing_topic_is_told_by_name(kafka: MockKafka) -> None:
    with (
        capture_logs() as lines,
        pytest.raises(
            BroadcastUnavailable, match=r"the topic absent cannot be read: .*Unknown topic"
        ) as told,
    ):
        await broadcast(kafka.servers, {"absent": refuse_controls}).start()
    assert [line["reason"] for line in lines if line["event"] == "worker leaves"] == [str(told.value)]


async def test_brokers_that_do_not_answer_are_told_after_the_time_they_have() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        servers = f"127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(KafkaUnavailable, match=r"no broker told about the topic some within [12] s"):
            await broadcast(servers, {"some": refuse_controls}, timeout=1.0).start()


def test_staleness_grows_until_the_brokers_confirm() -> None:
    now = [100.0]
    reader = Broadcast({}, {}, Telemetry(CollectorRegistry()), clock=lambda: now[0])
    now[0] = 107.0
    assert reader.staleness() == 7.0
    reader._on_statistics(statistics(rxidle=400_000))
    assert reader.staleness() == 0.0
    reader._behind.add(("some", 0))
    now[0] = 110.0
    reader._on_statistics(statistics(rxidle=400_000))
    assert reader.staleness() == 3.0


def statistics(*, state: str = "UP", rxidle: int = 0, leader: int = 1) -> str:
    """What librdkafka tells of two brokers, one of which leads the only partition that is read."""
    partitions = {"0": {"leader": leader, "desired": True}, "-1": {"leader": -1, "desired": False}}
    brokers = {
        "mock:1/1": {"nodeid": 1, "state": state, "rxidle": rxidle},
        "mock:2/2": {"nodeid": 2, "state": "DOWN", "rxidle": -1},
    }
    return orjson.dumps({"topics": {"some": {"partitions": partitions}}, "brokers": brokers}).decode()


@pytest.mark.parametrize(
    ("told", "talks"),
    [
        ({"rxidle": 500_000}, True),
        ({"rxidle": 5_000_001}, False),
        ({"rxidle": -1}, False),
        ({"state": "CONNECT"}, False),
        ({"leader": 2}, False),
        ({"leader": -1}, False),
    ],
)
def test_leaders_talk_when_each_has_sent_something_lately(told: dict[str, int | str], talks: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert leaders_talk(statistics(**told), 5.0) is talks


async def test_a_stop_in_the_middle_of_the_start_is_no_failure(kafka: MockKafka) -> None:
    for turns in range(12):
        reader = broadcast(kafka.servers, {"some": lambda _key, _value: None})
        starting = asyncio.create_task(reader.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        await reader.stop()
        await asyncio.wait_for(starting, 10)


async def test_a_stop_does_not_wait_for_brokers_that_do_not_answer() -> None:
    reader = broadcast("127.0.0.1:9", {"some": lambda _key, _value: None}, timeout=60)
    starting = asyncio.create_task(reader.start())
    await asyncio.sleep(0.05)
    await asyncio.wait_for(reader.stop(), 10)
    with pytest.raises(KafkaUnavailable):
        await starting
