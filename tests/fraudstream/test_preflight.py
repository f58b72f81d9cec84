"""Before a worker starts: which topics it needs, and what is said when they are not there."""

from __future__ import annotations

import pytest

from agents.topics import Topics
from fraudstream.preflight import refuse_faults, used_topics
from fraudstream.settings import WorkerSettings
from fraudstream.topics import TopicsRefused

TOPICS = Topics()
ALL = WorkerSettings().agents


def counts(**changes: int | None) -> dict[str, int | None]:
    """Eight partitions for each used topic, but for the changes, named as `Topics` names them."""
    changed = {getattr(TOPICS, name): count for name, count in changes.items()}
    return dict.fromkeys(used_topics(TOPICS, ALL), 8) | changed


def test_each_agent_needs_what_it_reads_and_writes_and_no_more() -> None:
    scoring, intake = used_topics(TOPICS, ["scoring"]), used_topics(TOPICS, ["intake"])
    assert "scoring-changelog" in scoring
    assert "labels" not in scoring
    assert set(intake) == {"labels", "labels.keyed", "dead-letters"}
    assert sorted(used_topics(TOPICS, ALL)) == sorted({*scoring, *intake}), "each once"


def test_topics_that_are_there_let_a_worker_start() -> None:
    refuse_faults(TOPICS, counts(scores=3, reputations=4, models=1, labels=5))
    refuse_faults(TOPICS, dict.fromkeys(used_topics(TOPICS, ["intake"]), 2))


def test_missing_topics_are_named_in_one_sentence_with_the_mend() -> None:
    with pytest.raises(TopicsRefused) as refused:
        refuse_faults(TOPICS, counts(scores=None, scoring_changelog=None))
    assert str(refused.value) == "Kafka lacks scores, scoring-changelog: run `fraudstream topics create`."


@pytest.mark.parametrize("partitions", [7, 9])
def test_a_changelog_must_have_as_many_partitions_as_the_transactions(partitions: int) -> None:
    with pytest.raises(TopicsRefused, match=rf"scoring-changelog has {partitions} partitions .* delete"):
        refuse_faults(TOPICS, counts(scoring_changelog=partitions))
