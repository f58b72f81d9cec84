"""Writes deploy/topics.yaml: every topic, and the rights of every role, for a Kafka that is kept in git.

The documents are resources of the Strimzi operator, one a topic and one a role. The settings say what is in
them: a prefix, partitions, copies and the group are those that `fraudstream config show` shows.

    FRAUDSTREAM_TOPICS__REPLICATION_FACTOR=3 .venv/bin/python deploy/topics.py > deploy/topics.yaml
    .venv/bin/python deploy/topics.py kafka-acls    # the same rights as commands, for any Kafka
"""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING, Any, Final

import yaml

from fraudstream.kafka.access import Kind, Pattern, Role, rights
from fraudstream.kafka.topics import full_config
from fraudstream.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.topics import TopicSpec
    from fraudstream.kafka.access import AclRule
    from fraudstream.settings import Settings

API: Final = "kafka.strimzi.io/v1"
CLUSTER_LABEL: Final = {"strimzi.io/cluster": "kafka"}
_STRIMZI_KINDS: Final = {Kind.TRANSACTIONAL_ID: "transactionalId"}
_STRIMZI_PATTERNS: Final = {Pattern.PREFIXED: "prefix"}

HEAD: Final = """\
# Every topic of fraudstream and the rights of every role, as resources of the Strimzi operator.
# Written by deploy/topics.py; docs/deploy.md says how to make it anew for other names and sizes.
"""


def documents(settings: Settings) -> Iterator[dict[str, Any]]:
    """Every topic as a KafkaTopic, then every role as a KafkaUser."""
    copies = settings.topics.replication_factor
    for spec in settings.topics.specs():
        yield _topic(spec, copies)
    for role in Role:
        yield _user(role, settings)


def commands(settings: Settings) -> Iterator[str]:
    """The same rights as calls of Kafka's own tool, one a resource."""
    for role in Role:
        for right in _rights(role, settings):
            yield shlex.join(
                [
                    *("kafka-acls.sh", "--bootstrap-server", settings.kafka.bootstrap_servers),
                    *("--command-config", "admin.properties", "--add"),
                    *("--allow-principal", f"User:{principal(role)}"),
                    *(word for operation in right.operations for word in ("--operation", operation)),
                    *(["--cluster"] if right.kind is Kind.CLUSTER else [f"--{right.kind}", right.name]),
                    *("--resource-pattern-type", right.pattern),
                ]
            )


def principal(role: Role) -> str:
    """The name under which a role authenticates."""
    return f"fraudstream-{role}"


def _topic(spec: TopicSpec, copies: int) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": "KafkaTopic",
        "metadata": {"name": _resource_name(spec.name), "labels": dict(CLUSTER_LABEL)},
        "spec": {
            "topicName": spec.name,
            "partitions": spec.partitions,
            "replicas": copies,
            "config": full_config(spec, copies),
        },
    }


def _resource_name(topic: str) -> str:
    """A name that Kubernetes takes: small letters, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9.-]", "-", topic.lower())


def _user(role: Role, settings: Settings) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": "KafkaUser",
        "metadata": {"name": principal(role), "labels": dict(CLUSTER_LABEL)},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": [_acl(right) for right in _rights(role, settings)]},
        },
    }


def _rights(role: Role, settings: Settings) -> tuple[AclRule, ...]:
    return rights(role, settings.topics.names(), settings.worker.group)


def _acl(right: AclRule) -> dict[str, Any]:
    resource = {"type": _STRIMZI_KINDS.get(right.kind, str(right.kind))}
    if right.kind is not Kind.CLUSTER:
        pattern = _STRIMZI_PATTERNS.get(right.pattern, str(right.pattern))
        resource |= {"name": right.name, "patternType": pattern}
    return {"resource": resource, "operations": [str(operation) for operation in right.operations]}


def main() -> None:
    """Write what the first argument names: the documents, or the commands."""
    settings = load_settings()
    if sys.argv[1:] == ["kafka-acls"]:
        sys.stdout.writelines(f"{line}\n" for line in commands(settings))
    else:
        sys.stdout.write(HEAD)
        yaml.safe_dump_all(documents(settings), sys.stdout, sort_keys=False, explicit_start=True, width=110)


if __name__ == "__main__":
    main()
