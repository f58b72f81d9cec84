"""The table of topics: what depends on a partition count has it, and state is never deleted by age."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from agents.runtime.options import DeliveryOptions
from agents.topics import Topics, TopicSpec, topic_specs
from models.labelling.core import LabellingRules
from schemas.decoding import MAX_BYTES

counts = st.integers(1, 500)


@given(counts, counts, counts)
def test_partition_counts_follow_what_depends_on_them(p: int, q: int, r: int) -> None:
    topics = Topics()
    specs = topic_specs(topics, partitions=p, score_partitions=q, reputation_partitions=r)
    partitions = {spec.name: spec.partitions for spec in specs}
    assert partitions[topics.scoring_changelog] == partitions[topics.transactions] == p
    assert partitions[topics.scores] == partitions[topics.labels_keyed] == q
    assert partitions[topics.outcomes] == partitions[topics.reputations] == r
    assert partitions[topics.reputation_changelog] == r
    assert {partitions[name] for name in (topics.examples, topics.models, topics.controls)} == {1}


def test_every_topic_has_a_spec_and_every_name_the_prefix() -> None:
    topics = Topics.with_prefix("prod.")
    names = {getattr(topics, field.name) for field in fields(topics)}
    specs = topic_specs(topics, partitions=1, score_partitions=1, reputation_partitions=1)
    assert {spec.name for spec in specs} == names
    assert len(specs) == len(fields(topics))
    assert all(name.startswith("prod.") for name in names)


def test_what_readers_read_from_the_beginning_is_compacted_or_kept_whole() -> None:
    topics = Topics()
    specs = topic_specs(topics, partitions=1, score_partitions=1, reputation_partitions=1)
    compacted = {spec.name for spec in specs if spec.cleanup == "compact"}
    changelogs = {topics.scoring_changelog, topics.reputation_changelog}
    assert compacted == {topics.reputations, topics.models} | changelogs
    assert {spec.retention_ms for spec in specs if spec.cleanup == "compact"} == {-1}


def test_nothing_that_was_written_to_controls_is_ever_dropped() -> None:
    """Else an old control that somebody sends again could be all that a scorer finds when it starts."""
    config = specs_by_name()["controls"].config()
    kept = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    assert config.items() >= kept.items()


def test_a_dead_letter_has_room_for_the_largest_message_and_its_headers() -> None:
    assert specs_by_name()["dead-letters"].max_message_bytes >= 2 * MAX_BYTES


def test_what_others_write_to_is_protected() -> None:
    specs = specs_by_name()
    assert {name for name, spec in specs.items() if spec.is_foreign} == {"transactions", "labels"}
    for name in ("transactions", "labels"):
        assert specs[name].protection()["compression.type"] == "uncompressed"
        assert specs[name].protection()["message.timestamp.after.max.ms"] == "300000"


def test_a_snapshot_of_a_grown_model_is_one_record() -> None:
    options = DeliveryOptions({}, group="g", member="m")
    allowed = specs_by_name()["models"].max_message_bytes
    assert allowed >= options.producer_properties()["message.max.bytes"] >= 16_000_000


def test_scores_and_labels_are_kept_for_longer_than_labelling_needs_to_fill_its_store_again() -> None:
    specs = specs_by_name()
    for name in ("scores", "labels.keyed"):
        assert specs[name].retention_ms / 1_000 > LabellingRules().keep


def specs_by_name() -> dict[str, TopicSpec]:
    specs = topic_specs(Topics(), partitions=1, score_partitions=1, reputation_partitions=1)
    return {spec.name: spec for spec in specs}
