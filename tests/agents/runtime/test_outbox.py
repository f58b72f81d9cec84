"""The outbox counts what it writes, keeps transactions apart, and says which record failed."""

from __future__ import annotations

import asyncio
from typing import Any

import confluent_kafka as ck
import pytest

from agents.runtime.errors import Fenced, KafkaUnavailable, OutputFailed
from agents.runtime.options import DeliveryMode, DeliveryOptions
from agents.runtime.outbox import Outbox, PendingDeliveries
from agents.runtime.records import Record


class FakeProducer:
    """Delivers at the next poll; `refuses`: topics whose records fail, `script`: what other calls raise."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.refuses: set[str] = set()
        self.script: dict[str, list[ck.KafkaException]] = {}
        self.is_slow = False
        self.ended_by: int | None = None
        self._due: list[tuple[Any, ck.KafkaError | None, Any]] = []

    def produce(
        self, topic: str, value: bytes, key: bytes, partition: int, on_delivery: Any, *rest: Any
    ) -> None:
        self.last = (key, partition, rest)
        if value == b"too large":
            raise ck.KafkaException(ck.KafkaError(ck.KafkaError.MSG_SIZE_TOO_LARGE))
        if self.ended_by is not None:
            raise ck.KafkaException(ck.KafkaError(self.ended_by))
        self.calls.append((topic, value))
        error = ck.KafkaError(ck.KafkaError.MSG_SIZE_TOO_LARGE) if topic in self.refuses else None
        self._due.append((on_delivery, error, Delivered(topic, len(self.calls))))

    def poll(self, _: float) -> None:
        if self.ended_by is not None:
            raise ck.KafkaException(ck.KafkaError(self.ended_by, fatal=True))
        if self.is_slow:
            return
        due, self._due = self._due, []
        for on_delivery, error, message in due:
            on_delivery(error, message)

    def purge(self, **_: Any) -> None:
        error = ck.KafkaError(ck.KafkaError._PURGE_QUEUE)
        self._due = [(on_delivery, error, message) for on_delivery, _, message in self._due]

    def __len__(self) -> int:
        return len(self._due)

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> None:
            self.calls.append(name)
            self.poll(0)
            if self.script.get(name):
                raise self.script[name].pop(0)

        return call


class Delivered:
    """A delivered record."""

    def __init__(self, topic: str, offset: int) -> None:
        self._topic, self._offset = topic, offset

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset


def kafka_error(**flags: bool) -> ck.KafkaException:
    return ck.KafkaException(ck.KafkaError(ck.KafkaError._STATE, "no", **flags))


async def started(mode: DeliveryMode, monkeypatch: pytest.MonkeyPatch) -> tuple[Outbox, FakeProducer]:
    producers: list[FakeProducer] = []

    def made(*_: Any, **__: Any) -> FakeProducer:
        producers.append(FakeProducer())
        return producers[-1]

    monkeypatch.setattr(ck, "Producer", made)
    outbox = Outbox(DeliveryOptions(client={}, group="g", member="m", mode=mode))
    await outbox.start()
    for producer in producers:
        producer.calls.clear()
        producer.other = producers[-1]
    return outbox, producers[0]


@pytest.fixture
async def plain(monkeypatch: pytest.MonkeyPatch) -> tuple[Outbox, FakeProducer]:
    return await started(DeliveryMode.AT_LEAST_ONCE, monkeypatch)


@pytest.fixture
async def transactional(monkeypatch: pytest.MonkeyPatch) -> tuple[Outbox, FakeProducer]:
    return await started(DeliveryMode.EXACTLY_ONCE, monkeypatch)


def test_an_epoch_is_over_when_all_it_counts_is_delivered() -> None:
    pending = PendingDeliveries()
    assert pending.is_over
    pending.count()
    pending.count()
    pending.on_delivery(None, Delivered("out", 9))
    assert not pending.is_over
    pending.on_delivery(None, Delivered("out", 4))
    assert pending.is_over
    assert len(pending) == 2
    assert pending.next_offsets == {("out", 0): 10}


async def test_a_record_goes_out_with_its_place_time_and_headers(plain: tuple[Outbox, FakeProducer]) -> None:
    outbox, producer = plain
    outbox.put("out", b"k", b"v", partition=3, headers=[("h", b"1")], timestamp_ms=1_700)
    assert producer.last == (b"k", 3, (None, 1_700, [("h", b"1")]))


async def test_an_epoch_waits_only_for_its_own_records(plain: tuple[Outbox, FakeProducer]) -> None:
    outbox, producer = plain
    outbox.put("out", b"k", b"1")
    pending = outbox.next_pending()
    waiting = asyncio.create_task(outbox.delivered(pending))
    outbox.put("out", b"k", b"2")
    await asyncio.wait_for(waiting, 1)
    assert len(outbox.pending) == 1
    assert producer.calls == [("out", b"1"), ("out", b"2")]


async def test_a_refused_record_is_named(plain: tuple[Outbox, FakeProducer]) -> None:
    outbox, producer = plain
    producer.refuses.add("alerts")
    outbox.put("alerts", b"k", b"v")
    with pytest.raises(OutputFailed, match="a record for alerts was not delivered"):
        await outbox.delivered(outbox.next_pending())


async def test_a_record_that_librdkafka_does_not_take_is_not_waited_for(
    plain: tuple[Outbox, FakeProducer],
) -> None:
    outbox, _ = plain
    with pytest.raises(ck.KafkaException):
        outbox.put("out", b"k", b"too large")
    await asyncio.wait_for(outbox.delivered(outbox.next_pending()), 1)


@pytest.mark.parametrize("code", [ck.KafkaError._FATAL, ck.KafkaError._STATE])
async def test_a_producer_that_can_write_no_more_is_the_engines_failure_not_an_agents(
    transactional: tuple[Outbox, FakeProducer], code: int
) -> None:
    outbox, producer = transactional
    producer.ended_by = code
    for call in (lambda: outbox.put("scores", b"k", b"v"), outbox.serve):
        with pytest.raises(Fenced, match="nothing more can be written"):
            call()


async def test_an_abandoned_outbox_writes_nothing_more(plain: tuple[Outbox, FakeProducer]) -> None:
    outbox, producer = plain
    outbox.put("out", b"k", b"1")
    outbox.abandon()
    outbox.put("out", b"k", b"2")
    assert producer.calls == [("out", b"1")]
    with pytest.raises(OutputFailed, match="urge"):
        await outbox.delivered(outbox.next_pending())


async def test_what_is_put_while_a_transaction_ends_belongs_to_the_other(
    transactional: tuple[Outbox, FakeProducer],
) -> None:
    outbox, producer = transactional
    outbox.put("out", b"k", b"1")
    outputs = await outbox.turn()
    outbox.put("out", b"k", b"2")
    changelog = await outbox.commit([Record("changelog", b"k", b"s", 0)], ["offsets"], "membership")
    assert producer.calls == [
        ("out", b"1"),
        ("changelog", b"s"),
        "send_offsets_to_transaction",
        "commit_transaction",
        "begin_transaction",
    ]
    assert producer.other.calls == [("out", b"2")]
    assert changelog.next_offsets == {("changelog", 0): 3}
    assert len(outputs) == 1


async def test_producers_take_turns(transactional: tuple[Outbox, FakeProducer]) -> None:
    outbox, producer = transactional
    for value in (b"1", b"2", b"3"):
        outbox.put("out", b"k", value)
        await outbox.turn()
        await outbox.commit([], ["offsets"], "membership")
    values = [[call for call in each.calls if isinstance(call, tuple)] for each in (producer, producer.other)]
    assert values == [[("out", b"1"), ("out", b"3")], [("out", b"2")]]


async def test_an_output_does_not_overtake_an_earlier_one(transactional: tuple[Outbox, FakeProducer]) -> None:
    outbox, producer = transactional
    producer.is_slow = True
    outbox.put("out", b"k", b"1")
    turning = asyncio.create_task(outbox.turn())
    await asyncio.sleep(0.01)
    assert not turning.done()
    producer.is_slow = False
    await asyncio.wait_for(turning, 1)


async def test_a_transaction_call_is_repeated_while_the_broker_asks_for_it(
    transactional: tuple[Outbox, FakeProducer],
) -> None:
    outbox, producer = transactional
    producer.script["commit_transaction"] = [kafka_error(retriable=True)]
    await outbox.turn()
    await outbox.commit([], ["offsets"], "membership")
    assert producer.calls.count("commit_transaction") == 2


async def test_a_fenced_transaction_is_aborted_and_said(transactional: tuple[Outbox, FakeProducer]) -> None:
    outbox, producer = transactional
    producer.script["send_offsets_to_transaction"] = [kafka_error(txn_requires_abort=True)]
    await outbox.turn()
    with pytest.raises(Fenced):
        await outbox.commit([], ["offsets"], "membership")
    assert producer.calls == ["send_offsets_to_transaction", "abort_transaction"]


async def test_a_transaction_that_one_output_spoiled_names_it(
    transactional: tuple[Outbox, FakeProducer],
) -> None:
    outbox, producer = transactional
    producer.refuses.add("alerts")
    outbox.put("alerts", b"k", b"v")
    with pytest.raises(OutputFailed, match="alerts"):
        await outbox.turn()


async def test_a_transaction_that_one_changelog_record_spoiled_names_it(
    transactional: tuple[Outbox, FakeProducer],
) -> None:
    outbox, producer = transactional
    producer.refuses.add("changelog")
    producer.script["commit_transaction"] = [kafka_error(txn_requires_abort=True)]
    await outbox.turn()
    with pytest.raises(OutputFailed, match="changelog"):
        await outbox.commit([Record("changelog", b"k", b"v")], ["offsets"], "membership")
    assert producer.calls[-1] == "abort_transaction"


async def test_stopping_aborts_the_open_transactions(
    transactional: tuple[Outbox, FakeProducer],
) -> None:
    outbox, producer = transactional
    await outbox.stop()
    assert producer.calls == producer.other.calls == ["abort_transaction"]


async def test_stopping_without_transactions_waits_for_deliveries(plain: tuple[Outbox, FakeProducer]) -> None:
    outbox, producer = plain
    await outbox.stop()
    assert producer.calls == ["flush"]


@pytest.mark.parametrize("mode", list(DeliveryMode))
async def test_brokers_that_do_not_answer_at_the_start_are_said(mode: DeliveryMode) -> None:
    client = {"bootstrap.servers": "127.0.0.1:9", "log_level": 0}
    outbox = Outbox(DeliveryOptions(client=client, group="g", member="m", mode=mode, start_timeout=0.2))
    with pytest.raises(KafkaUnavailable, match="no broker answered within 0 s"):
        await outbox.start()


async def test_nothing_is_on_its_way_before_the_start() -> None:
    outbox = Outbox(DeliveryOptions(client={}, group="g", member="m"))
    outbox.serve()
    assert len(outbox) == 0
