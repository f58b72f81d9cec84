"""What the doctor finds wrong with a machine, and how it says it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kafka import TopicPartition
from kafka.errors import CoordinatorNotAvailableError, NotCoordinatorError, TopicAuthorizationFailedError

from fraudstream.doctor import Finding, _patiently, examine
from fraudstream.doctor.broker import check_disk, check_hanging_transactions, check_version
from fraudstream.doctor.group import lag
from fraudstream.doctor.machine import check_machine, check_owners, check_places, check_python, check_room
from fraudstream.kafka_admin import KafkaUnreachable, refusals_as_sentences
from fraudstream.settings import KafkaSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class FakeAdmin:
    """The answers of a cluster, by method name; each takes any arguments."""

    def __init__(self, **answers: object) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Callable[..., object]:
        return lambda *_, **__: self._answers[name]


class Version:
    def __init__(self, *broker_version: int) -> None:
        self.broker_version = broker_version


class Offset:
    def __init__(self, offset: int) -> None:
        self.offset = offset


def test_this_environment_is_well() -> None:
    assert [finding.sentence for finding in check_machine() if not finding.ok] == []


@pytest.mark.parametrize(
    ("version", "ok"), [((3, 10), False), ((3, 11), True), ((3, 13), True), ((3, 14), False)]
)
def test_python_is_one_that_was_tested(version: tuple[int, int], ok: bool) -> None:  # noqa: FBT001 - a table's column
    assert check_python(version).ok is ok


def test_another_owner_of_a_package_name_is_named() -> None:
    finding = check_owners({"agents": ["openai-agents", "fraudstream"], "models": ["fraudstream"]})
    assert not finding.ok
    assert finding.sentence.startswith(
        "openai-agents (agents/) owns a package of ours: install fraudstream in"
    )


def test_no_owner_at_all_is_an_editable_install() -> None:
    assert check_owners({}).ok


def test_a_folder_of_the_same_name_before_ours_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    for name in [module for module in sys.modules if module.partition(".")[0] == "models"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    finding = check_places()
    assert not finding.ok
    assert f"models/ from {tmp_path}" in finding.sentence


def test_little_room_says_how_much() -> None:
    finding = check_room(Path("/tmp"), 2**29)  # noqa: S108 - nothing is written there
    assert not finding.ok
    assert finding.sentence.startswith("Only 0.5 GiB free in /tmp")


@pytest.mark.parametrize(("version", "ok"), [((2, 4), False), ((2, 5), True), ((4, 3), True)])
def test_exactly_once_needs_a_broker_that_can(version: tuple[int, int], ok: bool) -> None:  # noqa: FBT001
    admin = FakeAdmin(
        describe_cluster={"brokers": [{"broker_id": 1}]}, get_broker_version_data=Version(*version)
    )
    (finding,) = check_version(admin, Settings())
    assert finding.ok is ok
    assert ".".join(map(str, version)) in finding.sentence


def test_a_hanging_transaction_on_our_topics_is_named_and_a_foreign_one_is_not() -> None:
    hanging = [
        {"transactional_id": name, "age_ms": 400_000, "topic_partitions": [TopicPartition(topic, 0)]}
        for name, topic in (("slot-1", "scores"), ("somebody", "elsewhere"))
    ]
    (finding,) = check_hanging_transactions(FakeAdmin(find_hanging_transactions=hanging), Settings())
    assert not finding.ok
    assert finding.sentence.startswith("Transaction slot-1 is open for 400 s: ")
    (well,) = check_hanging_transactions(FakeAdmin(find_hanging_transactions=hanging[1:]), Settings())
    assert well.ok


def test_a_nearly_full_broker_is_a_problem_and_a_silent_one_is_not() -> None:
    folders = [
        {"log_dir": "/full", "total_bytes": 100, "usable_bytes": 9},
        {"log_dir": "/roomy", "total_bytes": 100, "usable_bytes": 10},
        {"log_dir": "/old-broker"},
    ]
    admin = FakeAdmin(describe_log_dirs=[{"broker": 3, "log_dirs": folders}])
    full, roomy = check_disk(admin, Settings())
    assert (full.ok, roomy.ok) == (False, True)
    assert full.sentence.startswith("Only 9% of /full on broker 3 is free")


def test_a_coordinator_that_comes_up_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([CoordinatorNotAvailableError(), NotCoordinatorError()])

    def check(*_: object) -> Iterator[Finding]:
        for error in answers:
            raise error
        yield Finding("group", ok=True, sentence="Well.")

    monkeypatch.setattr("fraudstream.doctor._PAUSE_SECONDS", 0)
    assert [finding.sentence for finding in _patiently(check, FakeAdmin(), Settings())] == ["Well."]


def test_lag_leaves_out_one_marker_a_partition() -> None:
    admin = FakeAdmin(
        list_group_offsets={"g": {"a": Offset(10), "b": Offset(5), "c": Offset(7)}},
        list_partition_offsets={"a": Offset(31), "b": Offset(6), "c": Offset(7)},
    )
    assert lag(admin, "g") == 20
    assert lag(FakeAdmin(list_group_offsets={"g": {}}), "g") is None


def test_kafka_away_is_a_finding_after_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraudstream.kafka_admin.BOOTSTRAP_MS", 100)
    *machine, kafka = examine(Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")))
    assert len(machine) == 4
    assert not kafka.ok
    assert kafka.sentence.startswith("Kafka does not answer at 127.0.0.1:1 (")
    assert "`fraudstream dev kafka`" in kafka.sentence


def test_what_kafka_refuses_is_one_sentence() -> None:
    with pytest.raises(KafkaUnreachable) as caught, refusals_as_sentences(KafkaSettings()):
        raise TopicAuthorizationFailedError
    assert str(caught.value).startswith("Kafka at 127.0.0.1:9092 refused a request (")
    assert "TopicAuthorizationFailedError" in str(caught.value)
