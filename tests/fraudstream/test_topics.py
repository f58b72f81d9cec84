"""What counts as a difference between a topic and its spec."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fraudstream.settings import TopicSettings
from fraudstream.topics import TopicState, differences, needed_config

SPECS = {spec.name: spec for spec in TopicSettings().specs()}


def state_of(name: str, copies: int = 3) -> TopicState:
    """A topic exactly as its spec says, with three copies."""
    return TopicState(SPECS[name].partitions, copies, needed_config(SPECS[name], copies))


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
        ("dead-letters", "max.message.bytes", "1048588", True),
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
