"""Checks of the service's topics: how they were made, what they keep, and who leads their partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudstream.admin.doctor.finding import Finding, problem, warning, well
from fraudstream.kafka.topics import differences, read_topics, unprotected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from kafka.admin import KafkaAdminClient

    from fraudstream.kafka.topics import TopicState
    from fraudstream.settings import Settings

_DAY_MS = 24 * 60 * 60 * 1000
_FOREVER = -1
_NOBODY = -1
_NOT_AUTHORIZED = 29  # TOPIC_AUTHORIZATION_FAILED
_SHOWN = 3


def check_topics(admin: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    """The topics against the table of `agents.topics`, and what these settings ask of them."""
    specs = settings.topics.specs()
    states = read_topics(admin, [spec.name for spec in specs])
    unseen = _unseen(admin, [spec.name for spec in specs if spec.name not in states])
    if unseen:
        yield warning(
            "topics", f"These credentials may not see the topics {', '.join(sorted(unseen))} (Describe)."
        )
    hidden = [name for name, state in states.items() if not state.config]
    if hidden:
        names = ", ".join(hidden)
        yield warning(
            "topics", f"These credentials may not read the configuration of {names} (DescribeConfigs)."
        )
    seen = [spec for spec in specs if spec.name not in unseen.union(hidden)]
    states = {name: state for name, state in states.items() if state.config}
    found = [
        problem("topics", each) for each in differences(seen, states, settings.topics.replication_factor)
    ]
    found += [warning("topics", each) for each in unprotected(seen, states)]
    found += [
        *_served(states, settings),
        *_retention(states, settings),
        *_time(states, settings),
        *_elections(states),
    ]
    yield from found or [well("topics", f"All {len(seen)} topics are as they should be.")]


def _unseen(admin: KafkaAdminClient, names: Sequence[str]) -> set[str]:
    """Those of these topics that may be there all the same: of those Kafka tells strangers nothing."""
    described = admin.describe_topics(names) if names else []
    return {topic["name"] for topic in described if topic["error_code"] == _NOT_AUTHORIZED}


def _served(states: Mapping[str, TopicState], settings: Settings) -> Iterator[Finding]:
    """Partitions without a partition of their changelog are read by nobody."""
    topics = settings.topics.names()
    source, changelog = states.get(topics.transactions), states.get(topics.scoring_changelog)
    if source is not None and changelog is not None and source.partitions > changelog.partitions:
        yield problem(
            "topics",
            f"Topic {topics.transactions} has {source.partitions} partitions and {topics.scoring_changelog} "
            f"{changelog.partitions}, so the others are read by nobody: stop the workers, run `kafka-topics "
            f"--alter --topic {topics.scoring_changelog} --partitions {source.partitions}` and `fraudstream "
            "profiles repartition`, set FRAUDSTREAM_TOPICS__PARTITIONS to that count, and start them again.",
        )


def _retention(states: Mapping[str, TopicState], settings: Settings) -> Iterator[Finding]:
    """A lost labelling store is filled again from these topics, so they keep what it keeps."""
    topics, days = settings.topics.names(), settings.labelling.keep_days
    for name in (topics.scores, topics.labels_keyed):
        kept = int(states[name].config["retention.ms"]) if name in states else _FOREVER
        if _FOREVER < kept <= days * _DAY_MS:
            yield problem(
                "topics",
                f"Topic {name} keeps records for {kept / _DAY_MS:g} days and labelling for {days:g}: raise "
                "its retention.ms, or lower FRAUDSTREAM_LABELLING__KEEP_DAYS.",
            )


def _time(states: Mapping[str, TopicState], settings: Settings) -> Iterator[Finding]:
    """Where records carry on the time of those that they come from, the broker must leave it to them."""
    topics = settings.topics.names()
    for name in (topics.labels_keyed, topics.dead_letters):
        if name not in states:
            continue
        config = states[name].config
        if config.get("message.timestamp.type", "CreateTime") != "CreateTime":
            yield warning(
                "topics",
                f"Topic {name} has message.timestamp.type={config['message.timestamp.type']}, which hides "
                "when a message first arrived: set it to CreateTime.",
            )
        oldest = int(config.get("message.timestamp.before.max.ms", 2**63 - 1))
        if oldest < int(config["retention.ms"]):
            yield problem(
                "topics",
                f"Topic {name} refuses records older than {oldest / _DAY_MS:g} days, at which a worker "
                "leaves: raise its message.timestamp.before.max.ms to its retention.ms.",
            )


def _elections(states: Mapping[str, TopicState]) -> Iterator[Finding]:
    unclean = [
        name for name, state in states.items() if state.config.get("unclean.leader.election.enable") == "true"
    ]
    if unclean:
        mend = "set unclean.leader.election.enable=false"
        yield warning(
            "topics", f"Topic {', '.join(unclean)} may lose acknowledged records at an election: {mend}."
        )


def check_replicas(admin: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    """Partitions without a leader, or with fewer copies in step than they have."""
    names = {spec.name for spec in settings.topics.specs()} & set(admin.list_topics())
    described = admin.describe_topics(sorted(names)) if names else []
    orphans = _places(described, lambda partition: partition["leader_id"] == _NOBODY)
    if orphans:
        yield problem(
            "replicas", f"{orphans} have no leader and can be neither read nor written: start its broker."
        )
    behind = _places(
        described, lambda partition: 0 < len(partition["isr_nodes"]) < len(partition["replica_nodes"])
    )
    if behind:
        yield warning("replicas", f"{behind} have copies out of step: see to the brokers that hold them.")
    if not orphans and not behind:
        yield well("replicas", "Every partition has its leader, and its copies are in step.")


def _places(described: Iterable[Mapping[str, Any]], is_so: Any) -> str:
    """The partitions of which it is so, in words; empty for none."""
    found = [
        f"{topic['name']}[{partition['partition_index']}]"
        for topic in described
        for partition in topic["partitions"]
        if is_so(partition)
    ]
    shown = ", ".join([*found[:_SHOWN], *(["..."] if found[_SHOWN:] else [])])
    return f"{len(found)} partition(s) ({shown})" if found else ""
