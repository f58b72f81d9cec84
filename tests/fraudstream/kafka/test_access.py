"""Rights by role: enough for what each role runs, and no more."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from agents.topics import Topics
from fraudstream.kafka.access import AclRule, Kind, Operation, Pattern, Role, rights
from fraudstream.worker.preflight import used_topics

TOPICS = Topics.with_prefix("prod.")
GROUP = "fraud"


def topic_rights(role: Role) -> dict[str, set[Operation]]:
    return {
        right.name: set(right.operations)
        for right in rights(role, TOPICS, GROUP)
        if right.kind is Kind.TOPIC and right.pattern is Pattern.LITERAL
    }


def granted(role: Role, kind: Kind, name: str) -> set[Operation]:
    """What a role may do with one resource, as a broker reads the rights."""
    return {
        operation
        for right in rights(role, TOPICS, GROUP)
        if right.kind is kind and covers(right, name)
        for operation in right.operations
    }


def covers(right: AclRule, name: str) -> bool:
    return name.startswith(right.name) if right.pattern is Pattern.PREFIXED else name == right.name


@pytest.mark.parametrize("role", Role)
def test_names_carry_the_prefix_and_no_resource_is_named_twice(role: Role) -> None:
    given = rights(role, TOPICS, GROUP)
    assert all(right.name in astuple(TOPICS) for right in given if right.kind is Kind.TOPIC)
    assert len({(right.kind, right.pattern, right.name) for right in given}) == len(given)
    assert all(list(right.operations) == [o for o in Operation if o in right.operations] for right in given)


@pytest.mark.parametrize(
    ("role", "agents"),
    [(Role.SCORING, ("scoring", "intake")), (Role.LEARNING, ("labelling", "reputation", "learning"))],
)
def test_a_worker_has_rights_on_the_topics_that_its_agents_use_and_on_no_other(
    role: Role, agents: tuple[str, ...]
) -> None:
    assert set(topic_rights(role)) == set(used_topics(TOPICS, agents))


def test_each_side_belongs_to_its_own_group_and_ends_its_own_transactions() -> None:
    for role, group, other in (
        (Role.SCORING, "fraud", "fraud.learning"),
        (Role.LEARNING, "fraud.learning", "fraud"),
    ):
        assert Operation.READ in granted(role, Kind.GROUP, group)
        assert Operation.READ in granted(role, Kind.GROUP, f"{group}-reader")
        assert Operation.WRITE in granted(role, Kind.TRANSACTIONAL_ID, f"{group}-slot-0")
        assert not granted(role, Kind.GROUP, other)
        assert not granted(role, Kind.TRANSACTIONAL_ID, f"{other}-slot-0")


def test_only_the_learning_side_writes_models_and_only_the_operator_writes_controls() -> None:
    writers = {
        name: [role for role in Role if Operation.WRITE in topic_rights(role).get(name, ())]
        for name in astuple(TOPICS)
    }
    assert writers[TOPICS.models] == [Role.LEARNING]
    assert writers[TOPICS.controls] == [Role.OPERATOR]
    assert writers[TOPICS.scores] == [Role.SCORING]
    assert all(Operation.READ in topic_rights(Role.OPERATOR)[name] for name in astuple(TOPICS))


def test_analysts_see_alerts_and_send_labels_and_nothing_else() -> None:
    assert topic_rights(Role.ANALYST) == {
        TOPICS.alerts: {Operation.READ, Operation.DESCRIBE},
        TOPICS.labels: {Operation.WRITE, Operation.DESCRIBE},
    }


def test_the_operator_describes_every_group_and_joins_none_of_the_workers() -> None:
    for group in ("fraud", "fraud-reader", "fraud.learning", "fraud.learning-reader"):
        assert granted(Role.OPERATOR, Kind.GROUP, group) == {Operation.DESCRIBE}
