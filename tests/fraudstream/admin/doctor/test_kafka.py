"""What the doctor finds wrong with topics, replicas, limits and clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from kafka.errors import IncompatibleBrokerVersion

from fraudstream.admin.doctor import Severity
from fraudstream.admin.doctor.clock import check_clock, check_senders
from fraudstream.admin.doctor.limits import check_limits
from fraudstream.admin.doctor.topics import check_replicas, check_topics
from fraudstream.kafka.admin import describe_cluster
from fraudstream.kafka.topics import needed_config
from fraudstream.settings import Settings
from tests.fraudstream.admin.doctor.doctor_answers import FakeAdmin, ill, values

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

DAY_MS = 86_400_000
SPECS = {spec.name: spec for spec in Settings().topics.specs()}


def cluster(
    leader: int = 1, in_sync: tuple[int, ...] = (1,), more_transactions: int = 0, **changes: dict[str, str]
) -> FakeAdmin:
    """A cluster with all topics as specified, but for the configuration of the topics that `changes` names.

    `None` for a topic's changes stands for a configuration that may not be read.
    """

    def partition(number: int) -> dict[str, Any]:
        return {
            "partition_index": number,
            "leader_id": leader,
            "replica_nodes": [1],
            "isr_nodes": [*in_sync],
        }

    def config(name: str) -> dict[str, dict[str, str]]:
        changed = changes.get(name.replace(".", "_"), {})
        own = {} if changed is None else needed_config(SPECS[name], 1) | changed
        return {key: {"value": value} for key, value in own.items()}

    described = [
        {"name": spec.name, "partitions": [partition(number) for number in range(spec.partitions)]}
        for spec in SPECS.values()
    ]
    [transactions] = [topic for topic in described if topic["name"] == "transactions"]
    transactions["partitions"] += [partition(99)] * more_transactions
    return FakeAdmin(
        list_topics=list(SPECS),
        describe_topics=lambda names: [each for each in described if each["name"] in names],
        describe_configs=lambda *_: {"topic": {name: config(name) for name in SPECS}},
    )


def test_topics_as_specified_are_well() -> None:
    assert ill(check_topics(cluster(), Settings())) == []
    assert ill(check_replicas(cluster(), Settings())) == []


def test_partitions_that_nobody_reads_are_named_with_the_whole_fix() -> None:
    found = ill(check_topics(cluster(more_transactions=2), Settings()))
    count = SPECS["transactions"].partitions
    [(severity, sentence)] = [each for each in found if "read by nobody" in each[1]]
    assert severity is Severity.PROBLEM
    assert f"has {count + 2} partitions and scoring-changelog {count}" in sentence
    assert f"kafka-topics --alter --topic scoring-changelog --partitions {count + 2}" in sentence
    assert "`fraudstream profiles repartition`" in sentence


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({"examples": {"cleanup.policy": "compact"}}, Severity.PROBLEM, "has cleanup.policy=compact"),
        ({"scores": {"retention.ms": str(60 * DAY_MS)}}, None, ""),
        ({"labels_keyed": {"message.timestamp.type": "LogAppendTime"}}, Severity.WARNING, "first arrived"),
        ({"scores": {"message.timestamp.type": "LogAppendTime"}}, None, ""),
        (
            {"labels_keyed": {"message.timestamp.before.max.ms": str(DAY_MS)}},
            Severity.PROBLEM,
            "older than 1 days",
        ),
        ({"scores": {"unclean.leader.election.enable": "true"}}, Severity.WARNING, "may lose acknowledged"),
        ({"scores": None}, Severity.WARNING, "may not read the configuration of scores"),
    ],
)
def test_a_topic_that_does_harm_is_named(
    changes: dict[str, Any], severity: Severity | None, words: str
) -> None:
    found = ill(check_topics(cluster(**changes), Settings()))
    assert [each for each, _ in found] == ([] if severity is None else [severity])
    assert all(words in sentence for _, sentence in found)


def test_a_topic_that_may_not_be_seen_is_not_called_missing() -> None:
    """Kafka answers 29 of a topic that may not be described, and 3 of one that is not there."""
    codes = {"scores": 29, "examples": 3}
    admin = FakeAdmin(
        list_topics=[], describe_topics=[{"name": name, "error_code": code} for name, code in codes.items()]
    )
    found = ill(check_topics(admin, Settings()))
    assert found[0] == (Severity.WARNING, "These credentials may not see the topics scores (Describe).")
    assert [severity for severity, sentence in found if "Topic examples is missing" in sentence] == [
        Severity.PROBLEM
    ]
    assert not any("Topic scores is missing" in sentence for _, sentence in found)


def test_topics_must_keep_what_labelling_keeps() -> None:
    settings = Settings(labelling={"keep_days": 60})
    found = ill(check_topics(cluster(), settings))
    assert [sentence[:59] for _, sentence in found] == [
        "Topic scores keeps records for 60 days and labelling for 60"
    ], "of labels there are 90 days"


@pytest.mark.parametrize(
    ("leader", "in_sync", "severity"), [(-1, (), Severity.PROBLEM), (1, (), None), (1, (1,), None)]
)
def test_a_partition_without_a_leader_is_a_problem(
    leader: int, in_sync: tuple[int, ...], severity: Severity | None
) -> None:
    found = ill(check_replicas(cluster(leader=leader, in_sync=in_sync), Settings()))
    assert [each for each, _ in found] == ([] if severity is None else [severity])
    assert all("transactions[0]" in sentence or ", ...) have no leader" in sentence for _, sentence in found)


def test_copies_out_of_step_are_told() -> None:
    partition = {"partition_index": 2, "leader_id": 1, "replica_nodes": [1, 2, 3], "isr_nodes": [1, 3]}
    admin = FakeAdmin(list_topics=["scores"], describe_topics=[{"name": "scores", "partitions": [partition]}])
    ((severity, sentence),) = ill(check_replicas(admin, Settings()))
    assert severity is Severity.WARNING
    assert sentence.startswith("1 partition(s) (scores[2]) have copies out of step")


def limited(**limits: int) -> FakeAdmin:
    """Two brokers: the usual limits, and those with changes."""
    usual = {
        "transaction_max_timeout_ms": 900_000,
        "group_min_session_timeout_ms": 6_000,
        "group_max_session_timeout_ms": 1_800_000,
        "offsets_retention_minutes": 7 * 24 * 60,
    }
    return FakeAdmin(
        describe_cluster={"brokers": [{"broker_id": 1}, {"broker_id": 2}]},
        describe_configs={"broker": {"1": values(**usual), "2": values(**usual | limits)}},
    )


@pytest.mark.parametrize(
    ("limits", "severity", "words"),
    [
        ({}, None, ""),
        (
            {"transaction_max_timeout_ms": 14_000},
            Severity.PROBLEM,
            "lower FRAUDSTREAM_DELIVERY__TRANSACTION_",
        ),
        ({"group_max_session_timeout_ms": 40_000}, Severity.PROBLEM, "lower FRAUDSTREAM_DELIVERY__SESSION_"),
        ({"group_min_session_timeout_ms": 46_000}, Severity.PROBLEM, "raise FRAUDSTREAM_DELIVERY__SESSION_"),
        ({"offsets_retention_minutes": 24 * 60}, Severity.WARNING, "stands still for 1 days"),
    ],
)
def test_a_broker_that_would_refuse_or_forget_is_named(
    limits: dict[str, int], severity: Severity | None, words: str
) -> None:
    found = ill(check_limits(limited(**limits), Settings()))
    assert [each for each, _ in found] == ([] if severity is None else [severity])
    assert all(words in sentence and "Broker 2" in sentence for _, sentence in found)


def test_transactions_have_no_limit_where_there_are_none() -> None:
    settings = Settings(delivery={"mode": "at-least-once"})
    assert ill(check_limits(limited(transaction_max_timeout_ms=1), settings)) == []


def test_limits_that_may_not_be_read_are_told() -> None:
    admin = FakeAdmin(
        describe_cluster={"brokers": [{"broker_id": 1}]}, describe_configs={"broker": {"1": {}}}
    )
    ((severity, sentence),) = ill(check_limits(admin, Settings()))
    assert severity is Severity.WARNING
    assert "DescribeConfigs" in sentence


def quorum(told_ms: int) -> dict[str, Any]:
    voters = [
        {"replica_id": 1, "last_caught_up_timestamp": 5},
        {"replica_id": 2, "last_caught_up_timestamp": told_ms},
    ]
    return {"topics": [{"partitions": [{"leader_id": 2, "current_voters": voters}]}]}


@pytest.mark.parametrize(
    ("told", "severity", "words"),
    [
        (1_000.2, Severity.OK, "0.00 s (to within 0.20 s)"),
        (999.1, Severity.OK, "1.10 s (to within 0.20 s) ahead of"),
        (998.9, Severity.WARNING, "1.30 s (to within 0.20 s) ahead of"),
        (1_100.2, Severity.WARNING, "100.00 s (to within 0.20 s) behind"),
        (600.0, Severity.PROBLEM, "400.20 s (to within 0.20 s) ahead of"),
    ],
)
def test_a_clock_that_is_off_is_told_with_its_accuracy(told: float, severity: Severity, words: str) -> None:
    """The answer took .4 s from second 1,000 on, so the broker spoke at 1,000.2 give or take .2."""
    times = iter([1_000.0, 1_000.4])
    admin = FakeAdmin(describe_metadata_quorum=quorum(round(told * 1_000)))
    (finding,) = check_clock(admin, Settings(), clock=lambda: next(times))
    assert finding.severity is severity
    assert words in finding.sentence


@pytest.mark.parametrize("answer", [IncompatibleBrokerVersion(), quorum(-1)])
def test_a_clock_that_is_not_told_is_a_warning(answer: object) -> None:
    (finding,) = check_clock(FakeAdmin(describe_metadata_quorum=answer), Settings())
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(("newest_ms", "count"), [(-1, 0), (1_000_500, 0), (1_090_000, 1)])
def test_a_sender_that_is_ahead_is_told(newest_ms: int, count: int) -> None:
    class Newest:
        timestamp = newest_ms

    admin = FakeAdmin(
        list_topics=["transactions"],
        describe_topics=[{"partitions": [{}]}],
        list_partition_offsets={0: Newest()},
    )
    assert len(ill(check_senders(admin, Settings(), clock=lambda: 1_000.0))) == count
    assert [*check_senders(FakeAdmin(list_topics=[]), Settings())] == []


def test_a_broker_before_kafka_3_7_is_described_though_it_lacks_a_field() -> None:
    """kafka-python takes a field for granted that such a broker does not send."""
    brokers = [{"broker_id": 1}]

    class Manager:
        def run(self, send: Any, request: Any) -> Any:
            assert send == self.send
            assert request.include_cluster_authorized_operations
            return self

        def send(self) -> None:
            """Send a request."""

        def to_dict(self) -> dict[str, Any]:
            return {"brokers": brokers, "authorized_operations": ["READ"]}

    class OlderBroker:
        _manager = Manager()

        def describe_cluster(self) -> Any:
            return {"brokers": brokers}.pop("endpoint_type")

        def _process_acl_operations(self, answer: dict[str, Any]) -> None:
            answer["processed"] = True

    answer = describe_cluster(cast("KafkaAdminClient", OlderBroker()))
    assert (answer["brokers"], answer["processed"]) == (brokers, True)
