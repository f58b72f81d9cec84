"""What counts as a difference between a topic and its spec."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from fraudstream.kafka.topics import TopicState, create_topics, differences, full_config, unprotected
from fraudstream.settings import TopicSettings

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

SPECS = {spec.name: spec for spec in TopicSettings().specs()}


def state_of(name: str, copies: int = 3) -> TopicState:
    """A topic exactly as its spec says, with three copies."""
    return TopicState(SPECS[name].partitions, copies, full_config(SPECS[name], copies))


def sentences(name: str, state: TopicState) -> list[str]:
    return differences([SPECS[name]], {name: state}, 3)


@pytest.mark.parametrize("name", SPECS)
def test_a_topic_as_specified_has_no_difference(name: str) -> None:
    assert sentences(name, state_of(name)) == []


def test_a_missing_topic_says_how_to_make_it() -> None:
    (sentence,) = differences([SPECS["scores"]], {}, 1)
    assert sentence == "Topic scores is missing: `fraudstream topics create` makes it."


def test_a_topic_whose_configuration_is_hidden_says_what_right_is_lacking() -> None:
    (sentence,) = sentences("scores", replace(state_of("scores"), config={}))
    assert "DescribeConfigs" in sentence


@pytest.mark.parametrize(
    ("name", "key", "value", "differs"),
    [
        ("scores", "cleanup.policy", "compact", True),
        ("scoring-changelog", "cleanup.policy", "compact,delete", True),
        ("scores", "retention.ms", "3600000", True),
        ("scores", "retention.ms", "-1", False),
        ("scores", "retention.ms", str(400 * 86_400_000), False),
        ("models", "retention.ms", "86400000", True),
        ("models", "max.message.bytes", "1048588", True),
        ("scores", "max.message.bytes", "9999999", False),
        ("scores", "min.insync.replicas", "1", True),
        ("scoring-changelog", "segment.bytes", "1073741824", True),
    ],
)
def test_less_than_needed_differs_and_more_does_not(name: str, key: str, value: str, differs: bool) -> None:  # noqa: FBT001 - a table's column
    state = state_of(name)
    changed = replace(state, config={**state.config, key: value})
    assert [key in sentence for sentence in sentences(name, changed)] == [True] * differs


def test_partition_counts_matter_only_where_something_depends_on_them() -> None:
    assert (
        "has 5 partitions where 8 are needed"
        in sentences("scores", replace(state_of("scores"), partitions=5))[0]
    )
    assert sentences("alerts", replace(state_of("alerts"), partitions=5)) == []


def test_too_few_copies_is_a_difference() -> None:
    assert "partitions of 2 copies where 3" in sentences("scores", replace(state_of("scores"), copies=2))[0]


@pytest.mark.parametrize(
    ("name", "key", "value", "is_said"),
    [
        ("transactions", "max.message.bytes", "9999999", True),
        ("labels", "max.message.bytes", "65536", False),
        ("transactions", "compression.type", "producer", True),
        ("transactions", "compression.type", "zstd", True),
        ("transactions", "compression.type", "snappy", False),
        ("labels", "message.timestamp.after.max.ms", str(2**63 - 1), True),
        ("labels", "message.timestamp.after.max.ms", "1000", False),
        ("scoring-changelog", "max.compaction.lag.ms", str(2**63 - 1), True),
    ],
)
def test_a_protection_that_is_lacking_is_said_and_is_no_difference(
    name: str,
    key: str,
    value: str,
    is_said: bool,  # noqa: FBT001 - a table's column
) -> None:
    state = state_of(name)
    changed = replace(state, config={**state.config, key: value})
    assert sentences(name, changed) == []
    assert [key in each for each in unprotected([SPECS[name]], {name: changed})] == [True] * is_said


def test_a_broker_that_does_not_know_a_protection_is_asked_for_no_more() -> None:
    state = state_of("transactions")
    older = {key: value for key, value in state.config.items() if key != "message.timestamp.after.max.ms"}
    assert unprotected([SPECS["transactions"]], {"transactions": replace(state, config=older)}) == []


def test_topics_are_made_on_a_broker_that_does_not_know_a_protection() -> None:
    class OlderBroker:
        """Refuses what Kafka before 3.6 refuses, in its words."""

        def __init__(self) -> None:
            self.made: dict[str, dict[str, str]] = {}

        def list_topics(self) -> list[str]:
            return []

        def create_topics(self, topics: dict[str, Any], *, raise_errors: bool) -> dict[str, Any]:
            assert not raise_errors
            answers = []
            for name, topic in topics.items():
                unknown = "message.timestamp.after.max.ms" in topic["configs"]
                if not unknown:
                    self.made[name] = dict(topic["configs"])
                said = "Unknown topic config name: message.timestamp.after.max.ms" if unknown else None
                answers.append({"name": name, "error_code": 40 * unknown, "error_message": said})
            return {"topics": answers}

        def wait_for_topics(self, _: list[str]) -> None:
            """They have leaders."""

    broker = OlderBroker()
    assert create_topics(cast("KafkaAdminClient", broker), [*SPECS.values()], 1) == [*SPECS]
    assert broker.made.keys() == SPECS.keys()
    assert broker.made["transactions"]["compression.type"] == "uncompressed"
