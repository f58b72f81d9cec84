"""What each role may do on Kafka, as data: the least that it needs, in the words of Kafka's access rules.

| role | who it is |
|---|---|
| `bank` | systems that send transactions and labels, and act on scores and alerts |
| `scoring` | workers that run the agents scoring and intake |
| `learning` | workers that run the agents labelling, reputation and learning |
| `analyst` | tools that show alerts and send verdicts |
| `operator` | people at the command line: topics, doctor, models, controls, dead letters |

Consumer groups of the bank and of analysts begin with `WORKER__GROUP.bank` and `WORKER__GROUP.analyst`;
groups and transactions of the operator's commands begin with `WORKER__GROUP.operator`.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.topics import Topics

CLUSTER: Final = "kafka-cluster"
"""The one name that a resource of kind cluster has."""


class Role(StrEnum):
    """Who holds rights."""

    BANK = "bank"
    SCORING = "scoring"
    LEARNING = "learning"
    ANALYST = "analyst"
    OPERATOR = "operator"


class Kind(StrEnum):
    """What a right is about, in Kafka's words."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"
    CLUSTER = "cluster"


class Pattern(StrEnum):
    """Whether a name stands for itself, or for all that begin with it."""

    LITERAL = "literal"
    PREFIXED = "prefixed"


class Operation(StrEnum):
    """What may be done, in Kafka's words; Read and Write imply Describe."""

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"


@dataclass(frozen=True)
class AclRule:
    """What may be done with one resource, or with all whose names begin alike.

    Attributes:
        kind: topic, group, transactional id or the cluster.
        name: of the resource, prefix included.
        pattern: whether `name` is the whole name.
        operations: in the order of `Operation`.
    """

    kind: Kind
    name: str
    pattern: Pattern
    operations: tuple[Operation, ...]


def learning_group(group: str) -> str:
    """The consumer group of the learning side, where `group` is that of the scoring side (WORKER__GROUP)."""
    return f"{group}.learning"


def rights(role: Role, topics: Topics, group: str) -> tuple[AclRule, ...]:
    """All that a role needs.

    Args:
        role: who.
        topics: the names of the topics, prefix included.
        group: the setting WORKER__GROUP; the learning side's group is named after it.
    """
    return _RIGHTS[role](topics, group)


def _bank(topics: Topics, group: str) -> tuple[AclRule, ...]:
    return (
        *_write(topics.transactions, topics.labels),
        *_read(topics.scores, topics.alerts),
        _groups(f"{group}.bank"),
    )


def _scoring(topics: Topics, group: str) -> tuple[AclRule, ...]:
    return (
        *_read(topics.transactions, topics.labels, topics.models, topics.reputations, topics.controls),
        *_write(topics.scores, topics.alerts, topics.labels_keyed, topics.dead_letters),
        *_read_and_write(topics.scoring_changelog),
        *_membership(group),
    )


def _learning(topics: Topics, group: str) -> tuple[AclRule, ...]:
    return (
        *_read(topics.scores, topics.labels_keyed, topics.controls),
        *_read_and_write(topics.examples, topics.outcomes, topics.models, topics.reputation_changelog),
        *_write(topics.reputations, topics.dead_letters),
        *_membership(learning_group(group)),
    )


def _analyst(topics: Topics, group: str) -> tuple[AclRule, ...]:
    return (*_read(topics.alerts), *_write(topics.labels), _groups(f"{group}.analyst"))


def _operator(topics: Topics, group: str) -> tuple[AclRule, ...]:
    written = {topics.transactions, topics.labels, topics.controls, topics.dead_letters}
    return (
        *(_kept(name, is_written=name in written) for name in astuple(topics)),
        _of(Kind.GROUP, group, Operation.DESCRIBE, pattern=Pattern.PREFIXED),
        _groups(f"{group}.operator"),
        _of(Kind.TRANSACTIONAL_ID, group, Operation.DESCRIBE, pattern=Pattern.PREFIXED),
        _transactions(f"{group}.operator"),
        _of(Kind.CLUSTER, CLUSTER, Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS),
    )


_RIGHTS: Final[Mapping[Role, Callable[[Topics, str], tuple[AclRule, ...]]]] = {
    Role.BANK: _bank,
    Role.SCORING: _scoring,
    Role.LEARNING: _learning,
    Role.ANALYST: _analyst,
    Role.OPERATOR: _operator,
}


def _of(kind: Kind, name: str, *operations: Operation, pattern: Pattern = Pattern.LITERAL) -> AclRule:
    return AclRule(kind, name, pattern, operations)


def _read(*names: str) -> tuple[AclRule, ...]:
    return tuple(_of(Kind.TOPIC, name, Operation.READ, Operation.DESCRIBE) for name in names)


def _write(*names: str) -> tuple[AclRule, ...]:
    return tuple(_of(Kind.TOPIC, name, Operation.WRITE, Operation.DESCRIBE) for name in names)


def _read_and_write(*names: str) -> tuple[AclRule, ...]:
    operations = (Operation.READ, Operation.WRITE, Operation.DESCRIBE)
    return tuple(_of(Kind.TOPIC, name, *operations) for name in names)


def _kept(name: str, *, is_written: bool) -> AclRule:
    """A topic that the operator makes and looks at; of some, records are written by hand, too."""
    write = (Operation.WRITE,) if is_written else ()
    return _of(
        Kind.TOPIC,
        name,
        Operation.READ,
        *write,
        Operation.CREATE,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
    )


def _membership(group: str) -> tuple[AclRule, ...]:
    """What workers of one side need: their group, that of their readers, their transactions."""
    return (
        _of(Kind.GROUP, group, Operation.READ),
        _of(Kind.GROUP, f"{group}-reader", Operation.READ),
        _transactions(f"{group}-"),
    )


def _groups(prefix: str) -> AclRule:
    return _of(Kind.GROUP, prefix, Operation.READ, pattern=Pattern.PREFIXED)


def _transactions(prefix: str) -> AclRule:
    return _of(
        Kind.TRANSACTIONAL_ID,
        prefix,
        Operation.WRITE,
        Operation.DESCRIBE,
        pattern=Pattern.PREFIXED,
    )
