"""What the doctor finds wrong with a machine, and how it says it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kafka import TopicPartition
from kafka.errors import CoordinatorNotAvailableError, NotCoordinatorError, TopicAuthorizationFailedError

from fraudstream.admin.doctor import Finding, Severity, _patiently, examine
from fraudstream.admin.doctor.broker import check_disk, check_hanging_transactions, check_version
from fraudstream.admin.doctor.finding import well
from fraudstream.admin.doctor.group import lags
from fraudstream.admin.doctor.machine import (
    check_folder,
    check_machine,
    check_owners,
    check_places,
    check_python,
    check_room,
    check_versions,
)
from fraudstream.kafka.admin import KafkaUnreachable, refusals_as_sentences
from fraudstream.settings import KafkaSettings, Settings
from tests.fraudstream.admin.doctor.doctor_answers import FakeAdmin

if TYPE_CHECKING:
    from collections.abc import Iterator


class Version:
    def __init__(self, *broker_version: int) -> None:
        self.broker_version = broker_version


class Offset:
    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.metadata = ""


def test_this_environment_is_well() -> None:
    assert [finding.sentence for finding in check_machine() if finding.severity is not Severity.OK] == []


@pytest.mark.parametrize(
    ("version", "ok"), [((3, 10), False), ((3, 11), True), ((3, 13), True), ((3, 14), False)]
)
def test_python_is_one_that_was_tested(version: tuple[int, int], ok: bool) -> None:  # noqa: FBT001 - a table's column
    assert (check_python(version).severity is Severity.OK) is ok


def test_another_owner_of_a_package_name_is_named() -> None:
    finding = check_owners({"agents": ["openai-agents", "fraudstream"], "models": ["fraudstream"]})
    assert finding.severity is Severity.PROBLEM
    assert finding.sentence.startswith(
        "openai-agents (agents/) owns a package of ours: install fraudstream in"
    )


def test_no_owner_at_all_is_an_editable_install() -> None:
    assert check_owners({}).severity is Severity.OK


def test_a_folder_of_the_same_name_before_ours_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    for name in [module for module in sys.modules if module.partition(".")[0] == "models"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    finding = check_places()
    assert finding.severity is Severity.PROBLEM
    assert f"models/ from {tmp_path}" in finding.sentence


def test_little_room_says_how_much() -> None:
    finding = check_room(Path("/tmp"), 2**29)  # noqa: S108 - nothing is written there
    assert finding.severity is Severity.PROBLEM
    assert finding.sentence.startswith("Only 0.5 GiB free in /tmp")


def test_another_version_than_the_pinned_one_is_named() -> None:
    installed = {"fraudstream": "1.0", "faust-streaming": "0.15.3", "confluent-kafka": "2.17.0"}
    pins = ["faust-streaming==0.15.3", "confluent-kafka==2.16.1", "click<8.4", "orjson==1; extra == 'x'"]
    finding = check_versions(pins, installed.__getitem__)
    assert finding.severity is Severity.PROBLEM
    assert finding.sentence.startswith("confluent-kafka 2.17.0 instead of 2.16.1, with which nothing was")
    same = check_versions(pins[:1], installed.__getitem__)
    assert same.sentence == "fraudstream 1.0 with faust-streaming 0.15.3."


def test_the_folder_of_a_worker_that_learns_can_be_written_to(tmp_path: Path) -> None:
    def found(folder: Path, agents: str) -> list[Finding]:
        worker = {"agents": agents, "folder": folder}
        return [*check_folder(Settings(worker=worker))]

    (good,) = found(tmp_path / "not" / "yet", "labelling")
    assert good.severity is Severity.OK
    (tmp_path / "file").touch()
    (bad,) = found(tmp_path / "file", "labelling")
    assert bad.severity is Severity.PROBLEM
    assert "FRAUDSTREAM_WORKER__FOLDER" in bad.sentence
    assert found(tmp_path / "file", "scoring") == [], "who scores writes to Kafka only"


@pytest.mark.parametrize(("version", "ok"), [((2, 4), False), ((2, 5), True), ((4, 3), True)])
def test_exactly_once_needs_a_broker_that_can(version: tuple[int, int], ok: bool) -> None:  # noqa: FBT001
    admin = FakeAdmin(
        describe_cluster={"brokers": [{"broker_id": 1}]}, get_broker_version_data=Version(*version)
    )
    (finding,) = check_version(admin, Settings())
    assert (finding.severity is Severity.OK) is ok
    assert ".".join(map(str, version)) in finding.sentence


def test_a_hanging_transaction_on_our_topics_is_named_and_a_foreign_one_is_not() -> None:
    hanging = [
        {"transactional_id": name, "age_ms": 400_000, "topic_partitions": [TopicPartition(topic, 0)]}
        for name, topic in (("slot-1", "scores"), ("somebody", "elsewhere"))
    ]
    (finding,) = check_hanging_transactions(FakeAdmin(find_hanging_transactions=hanging), Settings())
    assert finding.severity is Severity.PROBLEM
    assert finding.sentence.startswith("Transaction slot-1 is open for 400 s: ")
    (none,) = check_hanging_transactions(FakeAdmin(find_hanging_transactions=hanging[1:]), Settings())
    assert none.severity is Severity.OK


def test_a_nearly_full_broker_is_a_problem_and_a_silent_one_is_not() -> None:
    folders = [
        {"log_dir": "/full", "total_bytes": 100, "usable_bytes": 9},
        {"log_dir": "/roomy", "total_bytes": 100, "usable_bytes": 10},
        {"log_dir": "/old-broker"},
    ]
    admin = FakeAdmin(describe_log_dirs=[{"broker": 3, "log_dirs": folders}])
    full, roomy = check_disk(admin, Settings())
    assert (full.severity, roomy.severity) == (Severity.PROBLEM, Severity.OK)
    assert full.sentence.startswith("Only 9% of /full on broker 3 is free")
    (hidden,) = check_disk(FakeAdmin(describe_log_dirs=[{"broker": 3, "log_dirs": []}]), Settings())
    assert hidden.severity is Severity.WARNING


def test_a_coordinator_that_comes_up_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([CoordinatorNotAvailableError(), NotCoordinatorError()])

    def check(*_: object) -> Iterator[Finding]:
        for error in answers:
            raise error
        yield well("group", "Well.")

    monkeypatch.setattr("fraudstream.admin.doctor._PAUSE_SECONDS", 0)
    assert [finding.sentence for finding in _patiently(check, FakeAdmin(), Settings())] == ["Well."]


def test_lag_leaves_out_one_marker_a_partition() -> None:
    admin = FakeAdmin(
        list_group_offsets={"g": {"a": Offset(10), "b": Offset(5), "c": Offset(7)}},
        list_partition_offsets={"a": Offset(31), "b": Offset(6), "c": Offset(7)},
    )
    found = lags(admin, "g")
    assert found is not None
    assert {place: lag.records for place, lag in found.items()} == {"a": 20, "b": 0, "c": 0}
    assert lags(FakeAdmin(list_group_offsets={"g": {}}), "g") is None


def test_kafka_away_is_a_finding_after_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraudstream.kafka.admin.BOOTSTRAP_MS", 100)
    *machine, kafka = examine(Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")))
    subjects = [finding.subject for finding in machine]
    assert subjects == ["python", "versions", "packages", "imports", "disk", "worker"]
    assert kafka.severity is Severity.PROBLEM
    assert kafka.sentence.startswith("Kafka does not answer at 127.0.0.1:1 (")
    assert "`fraudstream dev kafka`" in kafka.sentence


def test_what_kafka_refuses_is_one_sentence() -> None:
    with pytest.raises(KafkaUnreachable) as caught, refusals_as_sentences(KafkaSettings()):
        raise TopicAuthorizationFailedError
    assert str(caught.value).startswith("Kafka at 127.0.0.1:9092 refused a request (")
    assert "TopicAuthorizationFailedError" in str(caught.value)
