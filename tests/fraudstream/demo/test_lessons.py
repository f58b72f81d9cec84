"""What was learnt: the model in force, the versions gone by, and how soon labels told."""

from __future__ import annotations

from math import inf

import pytest

from fraudstream.demo.events import LearnerScraped, ScoreRead, WorkerScraped
from fraudstream.demo.lessons import LessonCounts


def scraped(slot: str, time_to_learn: dict[float, int]) -> WorkerScraped:
    return WorkerScraped(slot, 0.0, 0, 0, {}, time_to_learn)


def test_before_the_first_score_there_is_no_model() -> None:
    lessons = LessonCounts().lessons()
    assert (lessons.model, lessons.versions, lessons.labels_learnt) == ("", 0, 0)
    assert lessons.time_to_learn is None


def test_the_newest_model_is_the_one_that_scored_first_most_lately() -> None:
    counts = LessonCounts()
    for at, scored_by in enumerate(("prior", "prior", "forest@5", "prior", "forest@9", "forest@5")):
        counts.scored(ScoreRead("a", float(at), scored_by))
    lessons = counts.lessons()
    assert (lessons.model, lessons.in_force, lessons.versions) == ("forest@9", 1.0, 2)
    assert (lessons.scored_by_prior, lessons.scored_by_learnt) == (3, 3)


def test_the_learner_counts_as_it_was_asked_last() -> None:
    counts = LessonCounts()
    counts.learner_scraped(LearnerScraped(10, 2))
    counts.learner_scraped(LearnerScraped(30, 4))
    assert (counts.lessons().examples, counts.lessons().frauds) == (30, 4)


def test_labels_that_waited_for_the_first_model_do_not_count_in_the_time_to_learn() -> None:
    counts = LessonCounts()
    counts.worker_scraped(scraped("demo-1", {1.0: 0, 2.0: 0, inf: 0}))
    counts.worker_scraped(scraped("demo-1", {1.0: 0, 2.0: 0, inf: 80}))
    assert counts.lessons().time_to_learn is None
    counts.worker_scraped(scraped("demo-1", {1.0: 0, 2.0: 10, inf: 90}))
    lessons = counts.lessons()
    assert (lessons.labels_before, lessons.labels_learnt) == (80, 90)
    assert lessons.time_to_learn == pytest.approx((1.5, 1.99))


def test_labels_are_counted_once_their_waits_at_every_worker() -> None:
    counts = LessonCounts()
    counts.worker_scraped(scraped("demo-1", {1.0: 0, inf: 1}))
    counts.worker_scraped(scraped("demo-2", {1.0: 0, inf: 1}))
    counts.worker_scraped(scraped("demo-1", {1.0: 4, inf: 5}))
    counts.worker_scraped(scraped("demo-2", {1.0: 0, inf: 5}))
    lessons = counts.lessons()
    assert lessons.labels_learnt == 5
    assert lessons.time_to_learn == pytest.approx((1.0, 1.0))
