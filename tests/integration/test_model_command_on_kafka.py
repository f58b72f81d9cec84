"""`fraudstream model` against a real Kafka: what it lists, pins, rolls back and rebuilds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from agents.erasures import Erasures
from fraudstream.admin.models.rebuild import fold
from fraudstream.cli import app
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.admin import kafka_admin
from fraudstream.kafka.read import topic_reader
from fraudstream.kafka.topics import create_topics
from fraudstream.settings import Settings, load_settings
from fraudstream.worker.compose import new_model
from models.scoring.features import FEATURES, FEATURES_VERSION
from models.signing import seal, unseal
from tests.models.model_cases import START, example, sealed

if TYPE_CHECKING:
    from pathlib import Path

    from fraudstream.local.broker import LocalKafka

pytestmark = pytest.mark.kafka

KEY = "a key for tests alone"
Records = "Iterable[tuple[bytes | None, bytes | None]]"


@pytest.fixture
def settings(kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a service of its own on the session's broker, with its topics made."""
    for name, value in {
        "KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TOPICS__PREFIX": f"{uuid4().hex[:8]}.",
        "LEARNING__SIGNING_KEY": KEY,
        "LEARNING__MODEL": "forest",
        "LEARNING__ALGORITHM": "logistic",
    }.items():
        monkeypatch.setenv(f"FRAUDSTREAM_{name}", value)
    settings = load_settings()
    names = settings.topics.names()
    used = {names.models, names.controls, names.examples}
    with kafka_admin(settings.kafka) as admin:
        create_topics(admin, [spec for spec in settings.topics.specs() if spec.name in used], 1)
    return settings


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def refusal(*arguments: str) -> str:
    """The one sentence that a command ends with."""
    with pytest.raises(FraudstreamError) as refused:
        run(*arguments)
    assert refused.value.exit_status == 1
    assert "\n" not in str(refused.value)
    return str(refused.value)


def write(settings: Settings, topic: str, records: Records, *, commit: bool = True) -> None:
    """Write a topic's one partition in a transaction, as workers do."""
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "transactional.id": uuid4().hex,
            "message.max.bytes": 16_000_000,
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for key, value in records:
        producer.produce(topic, value, key, partition=0)
    producer.flush(30)
    producer.commit_transaction(30) if commit else producer.abort_transaction(30)


@pytest.fixture
def versions(settings: Settings) -> Settings:
    """Versions 3, 5 and 9, one that was never committed, one that was taken back, and a false one."""
    models = settings.topics.names().models
    good = [(b"forest@%d" % version, sealed(version)) for version in (2, 3, 5, 9)]
    write(settings, models, [*good, (b"challenger@7", b"another's")])
    write(settings, models, [(b"forest@11", sealed(11))], commit=False)
    write(settings, models, [(b"forest@2", None), (b"forest@12", sealed(12, b"another key"))])
    return settings


def listed() -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("model", "list", "--json").stdout.splitlines()]


def in_force() -> list[int]:
    return [row["version"] for row in listed() if row.get("is_in_force")]


@pytest.mark.usefixtures("versions")
def test_list_shows_what_is_on_the_topic_and_whose_signature_is_wrong() -> None:
    rows = {row["version"]: row for row in listed()}
    assert list(rows) == [3, 5, 9, 12]
    assert [rows[version]["signature"] for version in rows] == ["right", "right", "right", "wrong"]
    assert "made_at" not in rows[12], "nothing that a false one says of itself is told"
    newest = rows[9]
    assert (newest["is_newest"], newest["is_in_force"], newest["is_pinned"]) == (True, True, False)
    assert (newest["examples"], newest["frauds"], newest["average_precision"]) == (900.0, 60.0, 0.7312)
    assert newest["calibration_error"] is None
    shown = run("model", "list").stdout
    assert shown.splitlines()[0].split() == [
        *("version", "made", "at", "examples", "frauds", "AP", "calibration", "KB", "signature")
    ]
    row = "9 2026-03-01T00:00:00+00:00 900 60 0.731 - 3 right newest, in force"
    assert shown.splitlines()[3].split() == row.split()


@pytest.mark.usefixtures("versions")
def test_show_tells_all_of_a_version_that_is_rightly_signed() -> None:
    shown = json.loads(run("model", "show", "newest", "--json").stdout)
    assert (shown["version"], shown["quality"]["frauds"], shown["labels_recorded"]) == (9, 60.0, 0)
    assert "learner.algorithm: logistic" in run("model", "show", "5").stdout.splitlines()
    assert refusal("model", "show", "12").startswith("Scorers refuse version 12 of forest: ")
    assert refusal("model", "show", "11").startswith("Version 11 of forest is not on the topic")


@pytest.mark.usefixtures("versions")
def test_pin_rollback_and_unpin_choose_what_scores() -> None:
    assert run("model", "rollback", "--remark", "too many alerts").exit_code == 0
    assert in_force() == [5]
    assert "too many alerts" in run("model", "list").stderr
    assert run("model", "rollback").exit_code == 0
    assert in_force() == [3]
    assert refusal("model", "rollback").startswith("No version before 3 is on the topic")
    assert run("model", "pin", "prior").exit_code == 0
    assert in_force() == []
    assert refusal("model", "rollback") == "The prior model is in force, and there is no version before it."
    assert run("model", "unpin").exit_code == 0
    assert in_force() == [9]
    refusal("model", "pin", "12")
    assert in_force() == [9], "what was refused was not written"


@pytest.mark.usefixtures("settings")
def test_an_empty_topic_is_one_sentence() -> None:
    assert "holds no version of forest yet: the prior model scores." in refusal("model", "list")
    assert refusal("model", "rebuild", "--to", "0").endswith("examples is empty.")


def test_a_missing_topic_is_one_sentence(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDSTREAM_TOPICS__PREFIX", f"{settings.topics.prefix}other.")
    for command in (("list",), ("unpin",), ("rebuild", "--to", "0")):
        assert refusal("model", *command).endswith("is missing: `fraudstream topics create` makes it.")


@pytest.fixture
def learnt(settings: Settings) -> Settings:
    """A log of 60 examples in three transactions, with what cannot be learnt among them; version 22 of it."""
    topics = settings.topics.names()
    values = [
        example(
            n,
            fraud=n % 3 == 0,
            features=tuple(number + 50.0 * (n % 3 == 0) for number in range(len(FEATURES))),
            features_version=FEATURES_VERSION,
        ).to_json()
        for n in range(60)
    ]
    values[3], values[5] = b"{", example(5).to_json()  # no example; one of other features
    for start in (0, 20, 40):
        write(settings, topics.examples, [(None, value) for value in values[start : start + 20]])
    model = new_model(settings)
    with topic_reader(settings) as reader:
        fold(model, reader.records([topics.examples]), 21, lambda _done, _of: None, Erasures(KEY.encode()))
    write(settings, topics.models, [(b"forest@22", seal(*model.snapshot(START), KEY.encode()))])
    return settings


@pytest.mark.usefixtures("learnt")
def test_rebuild_gives_the_published_model_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "model.fsm"
    result = run("model", "rebuild", "--to", "21", "--out", str(file), "--json")
    assert result.exit_code == 0
    assert "forest@22 is the same as published, byte for byte." in result.stderr
    assert "2 records were passed over" in result.stderr
    described = json.loads(result.stdout)
    snapshot, _ = unseal(file.read_bytes(), KEY.encode())
    assert (described["version"], described["onnx_sha256"]) == (22, snapshot.onnx_sha256)


@pytest.mark.usefixtures("learnt")
def test_rebuild_of_a_version_that_is_not_published_says_so() -> None:
    result = run("model", "rebuild", "--to", "30")
    assert result.exit_code == 0
    assert "forest@31 cannot be compared. Version 31 of forest is not on the topic" in result.stderr
    assert "version: 31" in result.stdout.splitlines()


def test_rebuild_finds_that_a_published_version_is_another_model(learnt: Settings) -> None:
    """As after a change of the learner, or where somebody with the key published what nobody learnt."""
    write(learnt, learnt.topics.names().models, [(b"forest@22", sealed(22))])
    sentence = refusal("model", "rebuild", "--to", "21")
    assert (
        sentence
        == "forest@22 is not the same as published: its learner had another parameters and another seed."
    )


@pytest.mark.usefixtures("learnt")
def test_rebuild_past_the_end_is_refused() -> None:
    assert refusal("model", "rebuild", "--to", "63").endswith("examples ends at offset 62, before 63.")


def test_rebuild_of_a_log_without_its_beginning_is_refused(learnt: Settings) -> None:
    from kafka import TopicPartition  # noqa: PLC0415
    from kafka.admin import KafkaAdminClient  # noqa: PLC0415

    with KafkaAdminClient(bootstrap_servers=learnt.kafka.bootstrap_servers) as admin:
        admin.delete_records({TopicPartition(learnt.topics.names().examples, 0): 4})
    assert "begins at offset 4: its retention removed what came before" in refusal(
        "model", "rebuild", "--to", "21"
    )
