"""Broadcast on the real Kafka: committed records only, caught up behind transaction markers, live changes."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
import orjson
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from prometheus_client import CollectorRegistry

from agents.broadcast import Broadcast, Handler, control_handler, refuse_controls, reputation_handler
from agents.runtime import DeliveryOptions
from agents.telemetry import Telemetry
from models.controls import Controls
from models.reputations.store import ReputationStore
from models.scoring.policy import FixedThresholdPolicy
from schemas import control
from tests.models.model_cases import KEY, START, signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.scoring.policy import Policy

pytestmark = pytest.mark.kafka

PARTITIONS = 3
LIMIT = 20.0


class Topic:
    """A compacted topic of the test's own, written in transactions as the service writes."""

    def __init__(self, servers: str, partitions: int = 1) -> None:
        self.name = f"broadcast-{uuid.uuid4().hex[:8]}"
        config = {"cleanup.policy": "compact"}
        new = NewTopic(self.name, partitions, replication_factor=1, config=config)
        admin = AdminClient({"bootstrap.servers": servers})
        admin.create_topics([new])[self.name].result(LIMIT)
        self._producer = ck.Producer(
            {"bootstrap.servers": servers, "transactional.id": self.name, "partitioner": "murmur2_random"}
        )
        self._producer.init_transactions(LIMIT)

    def write(self, *records: tuple[bytes, bytes | None], commit: bool = True) -> None:
        self._producer.begin_transaction()
        for key, value in records:
            self._producer.produce(self.name, value, key)
        assert self._producer.flush(LIMIT) == 0
        if commit:
            self._producer.commit_transaction(LIMIT)
        else:
            self._producer.abort_transaction(LIMIT)


@pytest.fixture
def servers(kafka: Any) -> str:
    return kafka.bootstrap_servers


def broadcast(servers: str, handlers: dict[str, Handler]) -> Broadcast:
    options = DeliveryOptions(client={"bootstrap.servers": servers}, group="broadcast", member="1")
    return Broadcast(options.reader_properties(), handlers, Telemetry(CollectorRegistry()))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in the product's own objects
            await asyncio.sleep(0.05)


def reputation(country: str) -> tuple[bytes, bytes]:
    message = {
        "schema_version": 1,
        "kind": "country",
        "id": country,
        "as_of": "2026-03-01T00:00:00Z",
        "matured": [1.0, 2.0, 3.0, 4.0, 5.0],
        "matured_frauds": [0.0] * 5,
        "early_frauds": [0.0, 0.0],
    }
    return f"country:{country}".encode(), orjson.dumps(message)


def policy(version: str) -> tuple[bytes, bytes]:
    return signed(control.FixedThreshold(version=version, issued_at=START, review=0.3, decline=0.6))


async def test_reads_all_partitions_to_their_ends_behind_markers_and_aborted_records(servers: str) -> None:
    countries = [f"{first}{second}" for first in "ABCDEF" for second in "ABCDEF"]
    topic = Topic(servers, PARTITIONS)
    topic.write(*map(reputation, countries))
    topic.write(*map(reputation, ("ZA", "ZB", "ZC")), commit=False)
    reputations = ReputationStore()
    async with broadcast(servers, {topic.name: reputation_handler(reputations)}) as reader:
        await asyncio.wait_for(reader.wait_caught_up(), LIMIT)
        assert len(reputations) == len(countries)


async def test_an_empty_topic_is_read_to_its_end(servers: str) -> None:
    topic = Topic(servers, PARTITIONS)
    async with broadcast(servers, {topic.name: refuse_controls}) as reader:
        await asyncio.wait_for(reader.wait_caught_up(), LIMIT)


async def test_an_open_transaction_does_not_hold_readiness_up(servers: str) -> None:
    topic = Topic(servers)
    topic.write(reputation("FR"))
    topic._producer.begin_transaction()
    topic._producer.produce(topic.name, *reversed(reputation("DE")))
    assert topic._producer.flush(LIMIT) == 0
    reputations = ReputationStore()
    async with broadcast(servers, {topic.name: reputation_handler(reputations)}) as reader:
        await asyncio.wait_for(reader.wait_caught_up(), LIMIT)
        assert len(reputations) == 1
        topic._producer.commit_transaction(LIMIT)
        await until(lambda: len(reputations) == 2)


async def test_an_operators_control_reaches_a_running_worker_and_a_bad_one_does_not(servers: str) -> None:
    used: list[Policy] = []
    topic = Topic(servers)
    handler = control_handler(
        Controls(KEY),
        lambda factory: used.append(factory()),
        lambda: FixedThresholdPolicy(0.5, 0.9, "configured"),
        lambda _: None,
        lambda _: None,
    )
    async with broadcast(servers, {topic.name: handler}) as reader:
        await asyncio.wait_for(reader.wait_caught_up(), LIMIT)
        assert used == []
        topic.write(policy("first"))
        await until(lambda: len(used) == 1)
        topic.write((b"decision-policy", b"{broken"))
        topic.write((b"decision-policy", None))
        topic.write(policy("first"))
        topic.write(signed(control.ConfiguredPolicy(issued_at=START + timedelta(minutes=1))))
        await until(lambda: len(used) == 2)
    assert [policy.version for policy in used] == ["first", "configured"]


async def test_the_brokers_confirm_that_nothing_is_left_to_read(servers: str) -> None:
    topic = Topic(servers)
    async with broadcast(servers, {topic.name: refuse_controls}) as reader:
        await asyncio.wait_for(reader.wait_caught_up(), LIMIT)
        before = reader._confirmed
        await until(lambda: reader._confirmed > before)
        assert reader.staleness() < 5.0


async def test_stopping_while_it_reads_ends_at_once(servers: str) -> None:
    topic = Topic(servers)
    topic.write(*map(reputation, (f"C{number}" for number in range(500))))
    reader = broadcast(servers, {topic.name: reputation_handler(ReputationStore())})
    await reader.start()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(reader.wait_caught_up(), 0.01)
    async with asyncio.timeout(5):
        await reader.stop()
