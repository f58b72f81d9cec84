"""Which missing rights the doctor finds, by asking for itself and by reading the rules for others."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    SecurityDisabledError,
    TransactionalIdAuthorizationFailedError,
    TransactionalIdNotFoundError,
)

from fraudstream.admin.doctor import Severity
from fraudstream.admin.doctor.access_rules import Rule, allowed
from fraudstream.admin.doctor.rights import check_rights, role_of
from fraudstream.kafka.access import AclRule, Kind, Operation, Pattern, Role
from fraudstream.settings import Settings
from tests.fraudstream.admin.doctor.doctor_answers import FakeAdmin, ill

TOPIC = AclRule(Kind.TOPIC, "scores", Pattern.LITERAL, (Operation.READ, Operation.DESCRIBE))
FAMILY = AclRule(Kind.TRANSACTIONAL_ID, "fraud-", Pattern.PREFIXED, (Operation.WRITE,))


def rule(operation: str, name: str = "scores", **changes: Any) -> Rule:
    usual = {"principal": "User:me", "kind": "topic", "pattern": "literal"}
    return Rule(**{**usual, "name": name, "operation": operation, **changes})


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], set()),
        ([rule("Describe")], {"Describe"}),
        ([rule("Read")], {"Read", "Describe"}),
        ([rule("All")], {"Read", "Describe"}),
        ([rule("Read", principal="User:*")], {"Read", "Describe"}),
        ([rule("Read", "*")], {"Read", "Describe"}),
        ([rule("Read", "sc", pattern="prefixed")], {"Read", "Describe"}),
        ([rule("Read", "sc")], set()),
        ([rule("Read", kind="group")], set()),
        ([rule("Read", principal="User:you")], set()),
        ([rule("All"), rule("Read", is_denial=True)], {"Describe"}),
        ([rule("All"), rule("All", "*", is_denial=True)], set()),
    ],
)
def test_rules_are_read_as_the_broker_reads_them(rules: list[Rule], expected: set[str]) -> None:
    assert allowed(rules, "User:me", TOPIC) == expected


@pytest.mark.parametrize(
    ("name", "pattern", "is_enough"),
    [
        ("fraud-", "prefixed", True),
        ("fr", "prefixed", True),
        ("fraud-1", "prefixed", False),
        ("*", "literal", True),
        ("fraud-", "literal", False),
    ],
)
def test_a_right_on_all_that_begin_alike_needs_a_rule_on_all_of_them(
    name: str,
    pattern: str,
    is_enough: bool,  # noqa: FBT001 - a table's column
) -> None:
    rules = [rule("Write", name, kind="transactional-id", pattern=pattern)]
    assert bool(allowed(rules, "User:me", FAMILY)) is is_enough


def answering(**changes: Any) -> FakeAdmin:
    """A cluster that allows everything and tells no rules; of groups and transactions none exists yet."""

    def topics(names: list[str]) -> list[dict[str, Any]]:
        every = ["READ", "WRITE", "DESCRIBE"]
        return [{"name": name, "error_code": 0, "authorized_operations": every} for name in names]

    usual = {
        "describe_acls": ClusterAuthorizationFailedError(),
        "describe_topics": topics,
        "describe_groups": lambda names: {names[0]: {"authorized_operations": None}},
        "describe_transactions": TransactionalIdNotFoundError(),
    }
    return FakeAdmin(**{**usual, **changes})


def test_what_kafka_does_not_tell_is_said_and_is_no_problem() -> None:
    (finding,) = check_rights(answering(), Settings())
    assert finding.severity is Severity.OK
    assert "Kafka does not tell about Read on group fraudstream; " in finding.sentence
    assert "Write on transactional ids that begin with fraudstream-" in finding.sentence


def test_each_missing_right_is_named_with_its_resource() -> None:
    def topics(names: list[str]) -> list[dict[str, Any]]:
        """Nothing is allowed on `labels`, reading on the others; `models` does not exist."""
        codes = {"labels": 29, "models": 3}
        return [
            {"name": name, "error_code": codes.get(name, 0), "authorized_operations": None}
            if name in codes
            else {"name": name, "error_code": 0, "authorized_operations": ["READ", "DESCRIBE"]}
            for name in names
        ]

    admin = answering(
        describe_topics=topics,
        describe_groups=GroupAuthorizationFailedError(),
        describe_transactions=TransactionalIdAuthorizationFailedError(),
    )
    found = ill(check_rights(admin, Settings()))
    assert {severity for severity, _ in found} == {Severity.PROBLEM}
    lacking = [sentence.partition(", which the role scoring needs")[0] for _, sentence in found]
    assert lacking[0] == "These credentials lack Read and Describe on topic labels"
    assert "These credentials lack Write on topic scores" in lacking
    assert "These credentials lack Read on group fraudstream" in lacking
    assert not any("models" in each for each in lacking), "a missing topic is another check's finding"
    assert lacking[-1].endswith("Write and Describe on transactional ids that begin with fraudstream-")


def test_without_transactions_no_transactional_id_is_asked_for() -> None:
    settings = Settings(delivery={"mode": "at-least-once"})
    admin = answering(describe_transactions=AssertionError())
    assert ill(check_rights(admin, settings)) == []


@pytest.mark.parametrize(
    ("servers", "severity"), [("127.0.0.1:9092", Severity.OK), ("kafka.bank:9092", Severity.WARNING)]
)
def test_a_kafka_that_checks_no_rights_is_for_one_machine_only(servers: str, severity: Severity) -> None:
    settings = Settings(kafka={"bootstrap_servers": servers})
    (finding,) = check_rights(answering(describe_acls=SecurityDisabledError()), settings)
    assert finding.severity is severity


def test_the_rights_of_somebody_else_are_known_to_those_who_may_read_the_rules() -> None:
    ((severity, sentence),) = ill(check_rights(answering(), Settings(), principal="User:scorer"))
    assert severity is Severity.WARNING
    assert "User:scorer" in sentence


def test_the_role_is_that_of_the_side_that_the_settings_describe() -> None:
    key = {"signing_key": "a key for tests alone"}
    assert role_of(Settings()) is Role.SCORING
    assert role_of(Settings(worker={"agents": "learning"}, learning=key)) is Role.LEARNING
