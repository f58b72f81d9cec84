"""Checks that credentials may do what their role needs (`fraudstream.kafka.access`).

Of topics, groups and the cluster, Kafka says what the asker may do. Of transactional ids it says no more than
whether they may be described, and of a group that does not exist yet likewise. What somebody else may do is
read from the access rules, by those who may read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    SecurityDisabledError,
    TransactionalIdAuthorizationFailedError,
    TransactionalIdNotFoundError,
)

from fraudstream.admin.doctor.access_rules import allowed, kafka_word, read_rules
from fraudstream.admin.doctor.finding import Finding, problem, warning, well
from fraudstream.kafka.access import AclRule, Kind, Operation, Pattern, Role, rights
from fraudstream.kafka.admin import describe_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from kafka.admin import KafkaAdminClient

    from fraudstream.settings import Settings

    Allowed = frozenset[Operation]

_UNKNOWN_TOPIC: Final = 3
_NONE: Final[Allowed] = frozenset()
_DESCRIBE: Final = frozenset({Operation.DESCRIBE})
_PLURALS: Final = {Kind.TOPIC: "topics", Kind.GROUP: "groups", Kind.TRANSACTIONAL_ID: "transactional ids"}


@dataclass(frozen=True)
class _Seen:
    """What is allowed of one right; `is_whole` is false where Kafka does not tell all that is."""

    right: AclRule
    allowed: Allowed
    is_whole: bool = True

    @property
    def lacking(self) -> list[Operation]:
        return [each for each in self.right.operations if each not in self.allowed]


def role_of(settings: Settings) -> Role:
    """The role of the worker that these settings describe."""
    return Role.LEARNING if settings.worker.learns else Role.SCORING


def check_rights(
    admin: KafkaAdminClient, settings: Settings, *, role: Role | None = None, principal: str | None = None
) -> Iterator[Finding]:
    """Whether a role's rights are there.

    Args:
        admin: asks.
        settings: give the names, and the role of the worker that they describe where `role` does not.
        role: whose needs are looked at.
        principal: whose rights, as Kafka names it (`User:...`); without it those of these credentials.
    """
    role = role or role_of(settings)
    needed = [
        each
        for each in rights(role, settings.topics.names(), settings.worker.group)
        if _counts(each, settings)
    ]
    try:
        rules = read_rules(admin)
    except SecurityDisabledError:
        yield _unguarded(settings)
        return
    except ClusterAuthorizationFailedError:
        if principal is not None:
            yield warning(
                "rights", f"These credentials may not read access rules, nor so what {principal} may do."
            )
            return
        rules = []
    if principal is None:
        yield from _judge("These credentials", role, [*_asked(admin, needed)])
    else:
        yield from _judge(principal, role, [_Seen(each, allowed(rules, principal, each)) for each in needed])


def _counts(right: AclRule, settings: Settings) -> bool:
    return right.kind is not Kind.TRANSACTIONAL_ID or settings.delivery.mode == "exactly-once"


def _unguarded(settings: Settings) -> Finding:
    seen = "This Kafka checks no rights"
    if settings.kafka.bootstrap_servers.startswith("127.0.0.1:"):
        return well("rights", f"{seen}, as a local one may.")
    mend = "set an authorizer on the brokers (authorizer.class.name)"
    return warning("rights", f"{seen}: whoever reaches it may pin models and read every card; {mend}.")


def _judge(who: str, role: Role, seen: Sequence[_Seen]) -> Iterator[Finding]:
    missing = [each for each in seen if each.is_whole and each.lacking]
    for each in missing:
        yield problem(
            "rights", f"{who} lack {_words(each)}, which the role {role} needs: allow it with kafka-acls."
        )
    if not missing:
        doubts = "; ".join(_words(each) for each in seen if each.lacking)
        rest = f"; Kafka does not tell about {doubts}" if doubts else ""
        yield well("rights", f"{who} have what the role {role} needs{rest}.")


def _words(seen: _Seen) -> str:
    right, operations = seen.right, " and ".join(seen.lacking)
    if right.kind is Kind.CLUSTER:
        return f"{operations} on the cluster"
    if right.pattern is Pattern.PREFIXED:
        return f"{operations} on {_PLURALS[right.kind]} that begin with {right.name}"
    return f"{operations} on {right.kind.replace('-', ' ')} {right.name}"


def _asked(admin: KafkaAdminClient, needed: Iterable[AclRule]) -> Iterator[_Seen]:
    """What Kafka says that the asker may do."""
    names = [each.name for each in needed if each.kind is Kind.TOPIC]
    topics = {topic["name"]: topic for topic in admin.describe_topics(names)}
    ask: Mapping[Kind, Callable[[AclRule], _Seen | None]] = {
        Kind.TOPIC: lambda right: _topic(right, topics[right.name]),
        Kind.GROUP: lambda right: _group(admin, right),
        Kind.TRANSACTIONAL_ID: lambda right: _transactional_id(admin, right),
        Kind.CLUSTER: lambda right: _Seen(right, _operations(describe_cluster(admin))),
    }
    return (seen for right in needed if (seen := ask[right.kind](right)) is not None)


def _topic(right: AclRule, topic: Mapping[str, object]) -> _Seen | None:
    """A topic that is missing is what `check_topics` speaks of."""
    return None if topic["error_code"] == _UNKNOWN_TOPIC else _Seen(right, _operations(topic))


def _group(admin: KafkaAdminClient, right: AclRule) -> _Seen:
    try:
        group = admin.describe_groups([right.name])[right.name]
    except GroupAuthorizationFailedError:
        return _Seen(right, _NONE)
    if group["authorized_operations"] is None:  # it does not exist yet
        return _Seen(right, _DESCRIBE, is_whole=False)
    return _Seen(right, _operations(group))


def _transactional_id(admin: KafkaAdminClient, right: AclRule) -> _Seen:
    try:
        admin.describe_transactions([right.name])
    except TransactionalIdAuthorizationFailedError:
        return _Seen(right, _NONE)
    except TransactionalIdNotFoundError:
        pass
    return _Seen(right, _DESCRIBE, is_whole=False)


def _operations(answer: Mapping[str, object]) -> Allowed:
    """The operations that an answer of Kafka names."""
    named = answer["authorized_operations"]
    words = {kafka_word(name) for name in named} if isinstance(named, list) else set()
    return frozenset(each for each in Operation if each in words)
