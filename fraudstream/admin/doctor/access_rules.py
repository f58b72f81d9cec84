"""Kafka's access rules (ACLs): what they allow a principal, read as the broker's own authorizer reads them.

Rules for single hosts are read as if they held for all, and the broker's super users show in no rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
)

from fraudstream.kafka.access import Operation, Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafka.admin import KafkaAdminClient

    from fraudstream.kafka.access import AclRule

_ANYBODY = "User:*"
_ANYTHING = "*"
_IMPLY_DESCRIBE = {"Read", "Write", "Delete", "Alter"}


class Rule(NamedTuple):
    """One rule: who may, or may not, do what with which resource, in Kafka's words."""

    principal: str
    kind: str
    name: str
    pattern: str
    operation: str
    is_denial: bool = False


def read_rules(admin: KafkaAdminClient) -> list[Rule]:
    """All rules of the cluster.

    Raises:
        ClusterAuthorizationFailedError: these credentials may not read them.
        SecurityDisabledError: the cluster has none, since it checks no rights.
    """
    everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    found, _ = admin.describe_acls(ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, everything))
    return [
        Rule(
            principal=each.principal,
            kind=each.resource_pattern.resource_type.name.lower().replace("_", "-"),
            name=each.resource_pattern.resource_name,
            pattern=each.resource_pattern.pattern_type.name.lower(),
            operation=kafka_word(each.operation.name),
            is_denial=each.permission_type is ACLPermissionType.DENY,
        )
        for each in found
    ]


def kafka_word(name: str) -> str:
    """An operation as Kafka's tools write it: `DESCRIBE_CONFIGS` is `DescribeConfigs`."""
    return "".join(part.title() for part in name.split("_"))


def allowed(rules: Iterable[Rule], principal: str, right: AclRule) -> frozenset[Operation]:
    """What the rules allow a principal of a right's operations; a denial outweighs what allows."""
    ours = [rule for rule in rules if rule.principal in {principal, _ANYBODY} and _covers(rule, right)]
    granted = {operation for rule in ours if not rule.is_denial for operation in _implied(rule.operation)}
    denied = {rule.operation for rule in ours if rule.is_denial}
    return frozenset(
        operation
        for operation in right.operations
        if operation in granted and not denied & {operation.value, "All"}
    )


def _covers(rule: Rule, right: AclRule) -> bool:
    """Whether a rule is about the resource of a right, or about all of those that its prefix names."""
    if rule.kind != right.kind:
        return False
    if rule.pattern == Pattern.PREFIXED:
        return right.name.startswith(rule.name)
    return rule.name == _ANYTHING or (right.pattern is Pattern.LITERAL and rule.name == right.name)


def _implied(operation: str) -> set[str]:
    """The operations that a granted one allows, itself included."""
    if operation == "All":
        return {each.value for each in Operation}
    more = {"Describe"} if operation in _IMPLY_DESCRIBE else set()
    more |= {"DescribeConfigs"} if operation == "AlterConfigs" else set()
    return {operation, *more}
