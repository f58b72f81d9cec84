"""The commands that speak with Kafka, against a real one."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.structs import OffsetAndMetadata
from typer.testing import CliRunner, Result

from fraudstream.cli import app
from schemas.alert import Alert, Reason, alert_id
from schemas.score import Decision, Source
from schemas.transaction import CardTransaction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fraudstream.local.broker import LocalKafka

pytestmark = pytest.mark.kafka

COMMAND = [sys.executable, "-c", "from fraudstream.cli import main; main()"]
NOW = datetime(2026, 5, 4, 10, 15, 30, tzinfo=UTC)


@pytest.fixture
def prefix(kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings of a service of its own on the session's broker; gives the prefix of its topics."""
    own = f"{uuid4().hex[:8]}."
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("FRAUDSTREAM_TOPICS__PREFIX", own)
    monkeypatch.setenv("FRAUDSTREAM_TOPICS__PARTITIONS", "2")
    monkeypatch.setenv("FRAUDSTREAM_WORKER__GROUP", own)
    return own


@pytest.fixture
def topics(prefix: str) -> str:
    assert run("topics", "create").exit_code == 0
    return prefix


@pytest.fixture
def admin(kafka: LocalKafka) -> Iterator[KafkaAdminClient]:
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as client:
        yield client


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def doctor() -> dict[str, list[dict[str, Any]]]:
    """The doctor's findings by subject."""
    findings: dict[str, list[dict[str, Any]]] = {}
    for line in run("doctor", "--json").stdout.splitlines():
        finding = json.loads(line)
        findings.setdefault(finding["subject"], []).append(finding)
    return findings


def alert(number: int) -> Alert:
    """An alert on transaction `number`."""
    transaction = CardTransaction(
        transaction_id=str(number),
        event_time=NOW,
        card_id="card-1",
        merchant_id="shop-1",
        amount="12.50",
        currency="EUR",
    )
    return Alert(
        alert_id=alert_id(str(number), "fixed-1", b""),
        decision=Decision.REVIEW,
        score=0.75,
        threshold=0.5,
        reasons=(Reason(code="night", text="Paid at night.", contribution=1.5, value=1.0),),
        transaction=transaction,
        scored_by="prior",
        policy_version="fixed-1",
        features_complete=True,
        source=Source("transactions", 0, number),
        scored_at=NOW,
    )


@pytest.fixture
def sent_alerts(kafka: LocalKafka, topics: str) -> tuple[bytes, bytes]:
    """Two alerts in the topic, the first one twice, between junk and an alert that was never committed."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": topics})
    producer.init_transactions(30)
    first, second = alert(1).to_json(), alert(2).to_json()
    for values, commit in (([b"{}", first, first], True), ([alert(9).to_json()], False), ([second], True)):
        producer.begin_transaction()
        for value in values:
            producer.produce(f"{topics}alerts", value, partition=0)
        producer.flush(30)
        producer.commit_transaction(30) if commit else producer.abort_transaction(30)
    return first, second


def test_topics_check_says_what_is_missing_until_topics_create(prefix: str) -> None:
    before = run("topics", "check")
    assert before.exit_code == 1
    assert f"Topic {prefix}scores is missing: `fraudstream topics create` makes it." in before.stdout
    assert json.loads(run("topics", "check", "--json").stdout.splitlines()[0])["difference"]
    assert {each["severity"] for each in doctor()["topics"]} == {"problem"}
    created = run("topics", "create")
    assert set(created.stdout.split()) >= {f"{prefix}transactions", f"{prefix}scoring-changelog"}
    after = run("topics", "check")
    assert (after.exit_code, after.stdout) == (0, "")


def test_alerts_shows_each_committed_alert_once(sent_alerts: tuple[bytes, bytes]) -> None:
    result = run("alerts", "--from-beginning", "--count", "2", "--json")
    assert tuple(line.encode() for line in result.stdout.splitlines()) == sent_alerts
    assert "A record is no alert and was skipped" in result.stderr


@pytest.mark.usefixtures("sent_alerts")
def test_alerts_shows_facts_and_reasons_to_a_reader() -> None:
    lines = run("alerts", "--from-beginning", "--count", "1").stdout.splitlines()
    assert lines == [
        "review   0.750  2026-05-04 10:15:30+0000  card-1  12.50 EUR",
        "         Paid at night.",
    ]


def test_ctrl_c_ends_alerts_in_order(sent_alerts: tuple[bytes, bytes]) -> None:
    with subprocess.Popen([*COMMAND, "alerts", "--from-beginning", "--json"], stdout=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline().strip() == sent_alerts[0], "a line comes at once, even into a pipe"
        tail.send_signal(signal.SIGINT)
        assert tail.wait(20) == 0


@pytest.mark.usefixtures("prefix")
def test_alerts_without_its_topic_is_one_sentence() -> None:
    ended = subprocess.run([*COMMAND, "alerts"], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.endswith("alerts is missing: `fraudstream topics create` makes it.\n")
    assert "Traceback" not in ended.stderr


@pytest.mark.usefixtures("topics")
def test_the_doctor_finds_a_fresh_cluster_well() -> None:
    findings = doctor()
    looked_at = [
        "kafka",
        "clock",
        "limits",
        "kafka disk",
        "rights",
        "topics",
        "replicas",
        "transactions",
        "group",
    ]
    assert list(findings)[6:] == [*looked_at, "models"]
    for subject in (*looked_at[:3], *looked_at[4:]):
        assert [each["sentence"] for each in findings[subject] if each["severity"] != "ok"] == []
    assert "Kafka 4.3 answers" in findings["kafka"][0]["sentence"]
    assert "has committed nothing yet" in findings["group"][0]["sentence"]


def test_the_doctor_finds_records_that_wait_for_no_worker(
    kafka: LocalKafka, topics: str, admin: KafkaAdminClient
) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for _ in range(10):
        producer.produce(f"{topics}transactions", b"{}", partition=0)
    producer.flush(30)
    place = TopicPartition(f"{topics}transactions", 0)
    admin.alter_group_offsets(topics, {place: OffsetAndMetadata(0, "", -1)})
    finding, _ = doctor()["group"]
    assert finding["severity"] == "problem"
    assert f"about 9 records of {topics}transactions wait, the oldest for " in finding["sentence"]
    assert finding["sentence"].endswith(" s: start one with `fraudstream worker`.")
    assert run("doctor").exit_code == 1


def test_dev_kafka_runs_until_it_is_told_to_end(tmp_path: Path) -> None:
    command = [*COMMAND, "dev", "kafka", "--port", "0", "--topics", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        servers = running.stdout.readline().strip()
        with KafkaAdminClient(bootstrap_servers=servers) as client:
            assert "transactions" in client.list_topics()
        running.send_signal(signal.SIGTERM)
        _, words = running.communicate(timeout=30)
    assert running.returncode == 0
    assert words.endswith("Kafka has ended.\n")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((servers.partition(":")[0], int(servers.partition(":")[2])))
