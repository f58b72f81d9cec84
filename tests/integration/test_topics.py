"""Topics on a real broker: made as the table says, found right, and each difference found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from fraudstream.kafka.topics import TopicsRefused, create_topics, differences, read_topics
from fraudstream.local.broker import LocalKafka
from fraudstream.settings import TopicSettings
from tests.strange_senders import send_alone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.kafka


@pytest.fixture
def admin(kafka: LocalKafka) -> Iterator[KafkaAdminClient]:
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as client:
        yield client


@pytest.fixture
def settings() -> TopicSettings:
    return TopicSettings(prefix=f"{uuid4().hex}.", partitions=3, score_partitions=2, reputation_partitions=1)


def found(admin: KafkaAdminClient, settings: TopicSettings) -> list[str]:
    """The differences that a check of these settings finds."""
    specs = settings.specs()
    return differences(specs, read_topics(admin, [spec.name for spec in specs]), settings.replication_factor)


def test_what_create_makes_check_finds_right(admin: KafkaAdminClient, settings: TopicSettings) -> None:
    assert len(found(admin, settings)) == len(settings.specs()), "all are missing"
    assert create_topics(admin, settings.specs(), 1) == [spec.name for spec in settings.specs()]
    assert found(admin, settings) == []
    assert create_topics(admin, settings.specs(), 1) == [], "a second run makes nothing"


def test_a_changed_topic_is_a_difference(admin: KafkaAdminClient, settings: TopicSettings) -> None:
    create_topics(admin, settings.specs(), 1)
    changelog = settings.names().scoring_changelog
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, changelog, {"cleanup.policy": "delete"})])
    admin.create_partitions({settings.names().examples: 2})
    deadline = time.monotonic() + 10  # a broker learns of changed metadata a moment later
    while len(sentences := found(admin, settings)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    examples, state = sentences
    assert "has 2 partitions where 1 are needed" in examples
    assert "has cleanup.policy=delete: set it to compact" in state


def test_too_few_brokers_is_one_sentence(admin: KafkaAdminClient, settings: TopicSettings) -> None:
    with pytest.raises(TopicsRefused, match=r"^Kafka will not make the topic .*[Rr]eplication factor.*\.$"):
        create_topics(admin, settings.specs(), 3)


def test_a_broker_that_may_load_no_native_code_takes_transactions(
    settings: TopicSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is where its temporary folder forbids that, as Docker's tmpfs does."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dorg.xerial.snappy.tempdir=/proc/none")
    with (
        LocalKafka.start(tmp_path / "kafka") as broker,
        KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers) as admin,
    ):
        create_topics(admin, settings.specs(), 1)
        topic = settings.names().transactions
        assert send_alone(broker.bootstrap_servers, topic, b"{}", 0, codec="lz4") == 0
