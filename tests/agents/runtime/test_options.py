"""Which librdkafka properties follow from the options."""

from __future__ import annotations

import pytest

from agents.runtime.options import DeliveryMode, DeliveryOptions

SECURE = {
    "bootstrap.servers": "kafka.example:9093",
    "security.protocol": "sasl_ssl",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "u",
    "sasl.password": "p",
    "ssl.ca.location": "/ca.pem",
}


def options(**rest: object) -> DeliveryOptions:
    return DeliveryOptions(**{"client": {"bootstrap.servers": "b:9"}, "group": "g", "member": "m", **rest})  # type: ignore[arg-type]


def test_the_consumer_commits_nothing_by_itself_and_reads_committed_records() -> None:
    assert options().consumer_properties() == {
        "bootstrap.servers": "b:9",
        "topic.metadata.refresh.interval.ms": 3_000,
        "auto.offset.reset": "error",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "queued.min.messages": 100_000,
        "fetch.queue.backoff.ms": 20,
        "group.id": "g",
        "partition.assignment.strategy": "range",
        "session.timeout.ms": 45_000,
        "heartbeat.interval.ms": 3_000,
        "statistics.interval.ms": 5_000,
        "fetch.wait.max.ms": 100,
    }


@pytest.mark.parametrize(
    ("took", "pause"),
    [(0.01, 0.2), (0.5, 1.0), (2.5, 5.0), (35.0, 6.0)],
    ids=["quick", "slow", "slower", "outage"],
)
def test_the_next_checkpoint_waits_for_twice_as_long_as_the_last_took_and_not_for_an_outage(
    took: float, pause: float
) -> None:
    assert options(commit_interval=0.2, stall_timeout=60.0).pause_after(took) == pause


def test_an_exactly_once_producer_is_transactional_under_the_members_name() -> None:
    assert options(transaction_timeout=12.5).producer_properties() == {
        "topic.metadata.refresh.interval.ms": 3_000,
        "bootstrap.servers": "b:9",
        "linger.ms": 1.0,
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "queue.buffering.max.messages": 200_000,
        "message.max.bytes": 16_000_000,
        "transactional.id": "g-m-0",
        "transaction.timeout.ms": 12_500,
    }


def test_an_at_least_once_producer_is_idempotent_and_not_transactional() -> None:
    exactly_once = options().producer_properties()
    plain = options(mode=DeliveryMode.AT_LEAST_ONCE).producer_properties()
    assert exactly_once.items() - plain.items() == {
        ("transactional.id", "g-m-0"),
        ("transaction.timeout.ms", 15_000),
    }
    assert plain["enable.idempotence"] is True


def test_a_static_member_keeps_its_name() -> None:
    assert "group.instance.id" not in options().consumer_properties()
    assert options(is_static=True).consumer_properties()["group.instance.id"] == "m"


def test_a_short_session_has_heartbeats_often_enough() -> None:
    assert options(session_timeout=6.0).consumer_properties()["heartbeat.interval.ms"] == 1_500


@pytest.mark.parametrize("properties", ["consumer_properties", "reader_properties", "producer_properties"])
def test_tls_and_sasl_reach_every_client(properties: str) -> None:
    assert getattr(options(client=SECURE), properties)().items() >= SECURE.items()


def test_no_connection_property_can_break_the_promise() -> None:
    client = {"enable.auto.commit": True, "enable.idempotence": False, "isolation.level": "read_uncommitted"}
    broken = options(client=client)
    for reading in (broken.consumer_properties(), broken.reader_properties()):
        assert reading["enable.auto.commit"] is False
        assert reading["isolation.level"] == "read_committed"
    assert broken.producer_properties()["enable.idempotence"] is True


def test_the_reader_never_joins_the_group() -> None:
    reader = options(is_static=True).reader_properties()
    assert reader["group.id"] != "g"
    assert "group.instance.id" not in reader
    assert reader["enable.partition.eof"] is True
