"""Makes the topics that a broker lacks, and says in sentences what is wrong with those that it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import InvalidConfigurationError, TopicAlreadyExistsError, for_code

from agents.topics import FUTURE_LIMIT
from fraudstream.errors import FraudstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kafka.admin import KafkaAdminClient

    from agents.topics import TopicSpec

_FOREVER = -1


class TopicsRefused(FraudstreamError):
    """Kafka would not make a topic, or a needed one is missing; the text is one sentence."""


@dataclass(frozen=True)
class TopicState:
    """A topic on the broker: partition count, copies of the least copied partition, effective config.

    The config is empty where these credentials may not read it.
    """

    partitions: int
    copies: int
    config: Mapping[str, str]


def create_topics(admin: KafkaAdminClient, specs: Sequence[TopicSpec], replication_factor: int) -> list[str]:
    """Make the topics that are not there and wait for their leaders; existing ones are left as they are.

    Returns:
        The names made, in the order of `specs`.

    Raises:
        TopicsRefused: Kafka refused one (too few brokers, no right to).
    """
    existing = set(admin.list_topics())
    missing: dict[str, dict[str, Any]] = {
        spec.name: {
            "num_partitions": spec.partitions,
            "replication_factor": replication_factor,
            "configs": full_config(spec, replication_factor),
        }
        for spec in specs
        if spec.name not in existing
    }
    if missing:
        answers = admin.create_topics(missing, raise_errors=False)["topics"]
        if older := {each["name"]: missing[each["name"]] for each in answers if _lacks_future_limit(each)}:
            for topic in older.values():
                topic["configs"].pop(FUTURE_LIMIT)
            answers = [each for each in answers if each["name"] not in older]
            answers += admin.create_topics(older, raise_errors=False)["topics"]
        _raise_refusal(answers)
        admin.wait_for_topics(list(missing))
    return list(missing)


def _lacks_future_limit(answer: Mapping[str, Any]) -> bool:
    """Recognise the refusal of a broker before Kafka 3.6, which does not know this configuration."""
    return for_code(answer["error_code"]) is InvalidConfigurationError and FUTURE_LIMIT in (
        answer["error_message"] or ""
    )


def _raise_refusal(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        error = for_code(answer["error_code"])
        if (
            answer["error_code"] and error is not TopicAlreadyExistsError
        ):  # another start may have been quicker
            reason = answer["error_message"] or error.__name__
            raise TopicsRefused(f"Kafka will not make the topic {answer['name']}: {reason.rstrip('.')}.")


def needed_config(spec: TopicSpec, replication_factor: int) -> dict[str, str]:
    """Return the configuration that the service needs; records are acknowledged with one copy missing."""
    return spec.config() | {"min.insync.replicas": str(max(1, replication_factor - 1))}


def full_config(spec: TopicSpec, replication_factor: int) -> dict[str, str]:
    """Return the configuration of a new topic: what the service needs, and what protects it."""
    return needed_config(spec, replication_factor) | spec.protection()


def read_topics(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, TopicState]:
    """The state of those of `names` that exist."""
    existing = set(admin.list_topics()) & set(names)
    if not existing:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(existing)]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        topic["name"]: TopicState(
            partitions=len(topic["partitions"]),
            copies=min(len(partition["replica_nodes"]) for partition in topic["partitions"]),
            config={key: entry["value"] for key, entry in configs[topic["name"]].items()},
        )
        for topic in admin.describe_topics(sorted(existing))
    }


def count_partitions(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, int | None]:
    """The number of partitions of each of `names`, None for one that does not exist."""
    existing = sorted(set(admin.list_topics()) & set(names))
    described = admin.describe_topics(existing) if existing else []
    counts = {topic["name"]: len(topic["partitions"]) for topic in described}
    return {name: counts.get(name) for name in names}


def differences(
    specs: Sequence[TopicSpec], states: Mapping[str, TopicState], replication_factor: int
) -> list[str]:
    """One sentence, with its mend, for each way in which a topic is not what the service needs."""
    return [
        sentence
        for spec in specs
        for sentence in (
            _differences(spec, states[spec.name], replication_factor)
            if spec.name in states
            else [_missing(spec)]
        )
    ]


def unprotected(specs: Sequence[TopicSpec], states: Mapping[str, TopicState]) -> list[str]:
    """Return one sentence, with the fix, for each protection that a topic lacks."""
    return [
        f"Topic {spec.name} has {key}={actual}, where {wanted} protects the service: set it (kafka-configs "
        "--alter; docs/kafka.md says what it costs)."
        for spec in specs
        if spec.name in states
        for key, wanted in spec.protection().items()
        if (actual := states[spec.name].config.get(key)) is not None and not _protects(key, actual, wanted)
    ]


def _missing(spec: TopicSpec) -> str:
    return f"Topic {spec.name} is missing: `fraudstream topics create` makes it."


def _differences(spec: TopicSpec, state: TopicState, replication_factor: int) -> Iterator[str]:
    if state.partitions != spec.partitions and not spec.any_partitions:
        yield (
            f"Topic {spec.name} has {state.partitions} partitions where {spec.partitions} are needed: "
            "make it anew, or let the FRAUDSTREAM_TOPICS__ settings say what it has (if it is the "
            "transactions' or their changelog and has more than before, `fraudstream profiles repartition` "
            "comes first)."
        )
    if state.copies < replication_factor:
        yield (
            f"Topic {spec.name} has partitions of {state.copies} copies where {replication_factor} are "
            "needed: reassign them, or lower FRAUDSTREAM_TOPICS__REPLICATION_FACTOR."
        )
    if not state.config:
        yield f"Topic {spec.name} does not show its configuration: allow these credentials DescribeConfigs."
        return
    for key, needed in needed_config(spec, replication_factor).items():
        actual = state.config[key]
        if not _suffices(key, actual, needed):
            yield f"Topic {spec.name} has {key}={actual}: set it to {needed} (kafka-configs --alter)."


def _protects(key: str, actual: str, wanted: str) -> bool:
    """Check that a value protects as well: tighter limits do, and so does a form that packs little."""
    if key == "compression.type":
        return actual in {wanted, "snappy"}
    return int(actual) <= int(wanted)


def _suffices(key: str, actual: str, needed: str) -> bool:
    """Whether a value does: more room, time or copies than needed harm nobody."""
    if key in {"max.message.bytes", "min.insync.replicas"}:
        return int(actual) >= int(needed)
    if key == "retention.ms":
        return int(actual) == _FOREVER or (int(needed) != _FOREVER and int(actual) >= int(needed))
    if key == "segment.bytes":
        return int(actual) <= int(needed)
    return actual == needed
