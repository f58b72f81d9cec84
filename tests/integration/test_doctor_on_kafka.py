"""The doctor on a Kafka that checks rights, asked by a worker and an operator, none with a right too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kafka import OffsetAndMetadata, TopicPartition
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)
from service import free_port, wait_until

from agents.runtime.logs import Logs
from agents.runtime.offset_metadata import OffsetMetadata
from fraudstream.admin.doctor import Severity, examine
from fraudstream.kafka.access import AclRule, Kind, Operation, Pattern, Role, rights
from fraudstream.kafka.admin import kafka_admin
from fraudstream.kafka.topics import create_topics
from fraudstream.local.broker import LocalKafka
from fraudstream.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fraudstream.admin.doctor import Finding

pytestmark = pytest.mark.kafka

PASSWORD = "correct-horse"  # noqa: S105 - a test's password
USERS = ("scorer", "operator")
KINDS = {
    Kind.TOPIC: ResourceType.TOPIC,
    Kind.GROUP: ResourceType.GROUP,
    Kind.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
    Kind.CLUSTER: ResourceType.CLUSTER,
}
OPERATIONS = {
    Operation.READ: ACLOperation.READ,
    Operation.WRITE: ACLOperation.WRITE,
    Operation.CREATE: ACLOperation.CREATE,
    Operation.DESCRIBE: ACLOperation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS: ACLOperation.DESCRIBE_CONFIGS,
}


def rules(user: str, given: Iterable[AclRule], *, deny: bool = False) -> list[ACL]:
    return [
        ACL(
            f"User:{user}",
            "*",
            OPERATIONS[operation],
            ACLPermissionType.DENY if deny else ACLPermissionType.ALLOW,
            ResourcePattern(KINDS[right.kind], right.name, ACLResourcePatternType[right.pattern.name]),
        )
        for right in given
        for operation in right.operations
    ]


def settings_of(user: str, port: int) -> Settings:
    return Settings(
        kafka={
            "bootstrap_servers": f"127.0.0.1:{port}",
            "security_protocol": "sasl_plaintext",
            "sasl_mechanism": "PLAIN",
            "sasl_username": user,
            "sasl_password": PASSWORD,
            "allow_plaintext_credentials": True,
        },
        learning={"signing_key": "a key for tests alone"},
        web={"port": free_port()},
    )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, KafkaAdminClient]]:
    """A broker with the service's topics, two users with their roles' rights, and short transactions.

    Gives the port where they have to say who they are, and an administrator, who comes by the other.
    """
    plain, named, controller = free_port(), free_port(), free_port()
    clients = f"PLAINTEXT://127.0.0.1:{plain},NAMED://127.0.0.1:{named}"
    logins = " ".join(f'user_{user}="{PASSWORD}"' for user in USERS)
    properties = {
        "listeners": f"{clients},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": clients,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,NAMED:SASL_PLAINTEXT",
        "listener.name.named.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.named.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {logins};"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "transaction.max.timeout.ms": "10000",
    }
    folder = tmp_path_factory.mktemp("guarded")
    with (
        LocalKafka.start(folder, port=plain, properties=properties) as kafka,
        KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as admin,
    ):
        topics, group = Settings().topics, Settings().worker.group
        create_topics(admin, topics.specs(), 1)
        for user, role in zip(USERS, (Role.SCORING, Role.OPERATOR), strict=True):
            admin.create_acls(rules(user, rights(role, topics.names(), group)))
        with kafka_admin(settings_of("operator", named).kafka) as operator:
            wait_until(lambda: len(operator.list_topics()) >= len(topics.specs()), 30)
        yield named, admin


def found(findings: Iterable[Finding], subject: str) -> list[tuple[Severity, str]]:
    return [(each.severity, each.sentence) for each in findings if each.subject == subject]


def test_a_scorer_with_its_rights_lacks_none_and_is_told_what_it_may_not_look_at(
    guarded: tuple[int, KafkaAdminClient],
) -> None:
    findings = [*examine(settings_of("scorer", guarded[0]))]
    ((severity, sentence),) = found(findings, "rights")
    assert severity is Severity.OK
    assert "Write on transactional ids that begin with fraudstream-" in sentence
    assert {each.subject for each in findings if each.severity is Severity.PROBLEM} <= {"disk", "kafka disk"}
    hidden = {each.subject for each in findings if each.severity is Severity.WARNING}
    assert hidden >= {"clock", "limits", "topics", "group"}, "these need an operator's rights"


def test_an_operator_sees_the_clock_the_limits_and_the_topics(guarded: tuple[int, KafkaAdminClient]) -> None:
    findings = [*examine(settings_of("operator", guarded[0]), Role.OPERATOR)]
    assert [severity for severity, _ in found(findings, "rights")] == [Severity.OK]
    ((severity, sentence),) = found(findings, "clock")
    assert severity is Severity.OK
    assert "to within" in sentence
    ((severity, sentence),) = found(findings, "limits")
    assert severity is Severity.PROBLEM
    assert "transaction.max.timeout.ms=10000" in sentence
    assert [severity for severity, _ in found(findings, "topics")] == [Severity.OK]
    assert "the prior model scores" in found(findings, "models")[0][1]


def test_a_right_that_is_taken_away_is_named_to_its_holder_and_to_an_operator(
    guarded: tuple[int, KafkaAdminClient],
) -> None:
    port, admin = guarded
    lost = AclRule(Kind.TOPIC, "scores", Pattern.LITERAL, (Operation.WRITE,))
    admin.create_acls(rules("scorer", [lost], deny=True))

    def to_holder() -> list[tuple[Severity, str]]:
        return found(examine(settings_of("scorer", port)), "rights")

    wait_until(lambda: to_holder()[0][0] is Severity.PROBLEM, 20)
    ((_, sentence),) = to_holder()
    assert sentence.startswith("These credentials lack Write on topic scores, which the role scoring needs")
    operator = examine(settings_of("operator", port), Role.SCORING, "User:scorer")
    ((_, sentence),) = found(operator, "rights")
    assert sentence.startswith("User:scorer lack Write on topic scores, ")


def test_offsets_of_another_log_are_named_with_the_fix(guarded: tuple[int, KafkaAdminClient]) -> None:
    port, admin = guarded
    beyond, replaced, own = (TopicPartition("transactions", number) for number in range(3))
    logs = Logs(settings_of("operator", port).kafka.librdkafka()).describe(["transactions"])
    committed = {
        beyond: OffsetAndMetadata(7, "", -1),
        replaced: OffsetAndMetadata(0, OffsetMetadata(log=1).text(), -1),
        own: OffsetAndMetadata(0, OffsetMetadata(log=logs["transactions"].identity).text(), -1),
    }
    admin.alter_group_offsets(Settings().worker.group, committed)
    said = found(examine(settings_of("operator", port), Role.OPERATOR), "group")
    [(severity, sentence)] = [each for each in said if "transactions partition 0" in each[1]]
    assert severity is Severity.PROBLEM
    assert "ends at 0" in sentence
    assert "`fraudstream profiles rebase`" in sentence
    [(severity, sentence)] = [each for each in said if "transactions partition 1" in each[1]]
    assert severity is Severity.WARNING
    assert "made anew" in sentence
    assert not [each for each in said if "transactions partition 2" in each[1]]
