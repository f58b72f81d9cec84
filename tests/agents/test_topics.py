"""The table of topics: what depends on a partition count has it, and state is never deleted by age."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from agents.topics import Topics, topic_specs

counts = st.integers(1, 500)


@given(counts, counts, counts)
def test_partition_counts_follow_what_depends_on_them(p: int, q: int, r: int) -> None:
    topics = Topics()
    specs = topic_specs(topics, partitions=p, score_partitions=q, reputation_partitions=r)
    partitions = {spec.name: spec.partitions for spec in specs}
    assert partitions[topics.scoring_changelog] == partitions[topics.transactions] == p
    assert partitions[topics.scores] == partitions[topics.labels_keyed] == q
    assert partitions[topics.outcomes] == partitions[topics.reputations] == r
    assert {partitions[name] for name in (topics.examples, topics.models, topics.controls)} == {1}


def test_every_topic_has_a_spec_and_every_name_the_prefix() -> None:
    topics = Topics.with_prefix("prod.")
    names = {getattr(topics, field.name) for field in fields(topics)}
    specs = topic_specs(topics, partitions=1, score_partitions=1, reputation_partitions=1)
    assert {spec.name for spec in specs} == names
    assert len(specs) == len(fields(topics))
    assert all(name.startswith("prod.") for name in names)


def test_what_readers_read_from_the_beginning_is_compacted_and_kept() -> None:
    topics = Topics()
    specs = topic_specs(topics, partitions=1, score_partitions=1, reputation_partitions=1)
    compacted = {spec.name for spec in specs if spec.cleanup == "compact"}
    assert compacted == {topics.reputations, topics.models, topics.controls, topics.scoring_changelog}
    assert {spec.retention_ms for spec in specs if spec.cleanup == "compact"} == {-1}


def test_a_dead_letter_has_room_for_the_largest_message_and_its_headers() -> None:
    specs = {
        spec.name: spec
        for spec in topic_specs(Topics(), partitions=1, score_partitions=1, reputation_partitions=1)
    }
    assert specs["dead-letters"].max_message_bytes >= specs["transactions"].max_message_bytes + 500_000
