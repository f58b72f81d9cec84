"""Which models scored, what they have learnt, and how soon a label told. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fraudstream.demo.latency import Percentiles, histogram_percentiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraudstream.demo.events import LearnerScraped, ScoreRead, WorkerScraped

PRIOR: Final = "prior"


@dataclass(frozen=True, slots=True)
class Lessons:
    """What was learnt so far.

    Attributes:
        model: what made the newest score, as `name@version`; empty before the first score.
        in_force: seconds for which it has scored.
        versions: different versions that scored, the prior model not counted.
        scored_by_prior: transactions that the prior model scored.
        scored_by_learnt: transactions that models scored which had learnt.
        examples: that the learner took.
        frauds: among these.
        labels_learnt: labels that some worker has scored by.
        time_to_learn: seconds from a label's arrival in Kafka to the first score by a model that has learnt
            it, at each worker; of labels that a first model was there for.
        labels_before: labels that were there before the first model, which all waited for it.
    """

    model: str
    in_force: float
    versions: int
    scored_by_prior: int
    scored_by_learnt: int
    examples: int
    frauds: int
    labels_learnt: int
    time_to_learn: Percentiles | None
    labels_before: int


class LessonCounts:
    """Counts who scored, and what the workers say of learning."""

    def __init__(self) -> None:
        self._scored_by: Counter[str] = Counter()
        self._model = ""
        self._since = self._newest = 0.0
        self._learner: LearnerScraped | None = None
        self._told: dict[str, WorkerScraped] = {}
        self._first_told: dict[str, WorkerScraped] = {}

    def scored(self, read: ScoreRead) -> None:
        """A transaction has its score; partitions are read apart, so an older model's may come late."""
        if not self._scored_by[read.scored_by]:
            self._model, self._since = read.scored_by, read.at
        self._scored_by[read.scored_by] += 1
        self._newest = read.at

    def worker_scraped(self, scraped: WorkerScraped) -> None:
        """A scoring worker says how soon labels told."""
        self._told[scraped.slot] = scraped
        if _count(scraped.time_to_learn):
            self._first_told.setdefault(scraped.slot, scraped)

    def learner_scraped(self, scraped: LearnerScraped) -> None:
        """The learner says what it took."""
        self._learner = scraped

    def lessons(self) -> Lessons:
        """The counts so far."""
        return Lessons(
            model=self._model,
            in_force=self._newest - self._since,
            versions=len(self._scored_by.keys() - {PRIOR}),
            scored_by_prior=self._scored_by[PRIOR],
            scored_by_learnt=self._scored_by.total() - self._scored_by[PRIOR],
            examples=self._learner.examples if self._learner else 0,
            frauds=self._learner.frauds if self._learner else 0,
            labels_learnt=_most(self._told),
            time_to_learn=histogram_percentiles(self._time_to_learn()),
            labels_before=_most(self._first_told),
        )

    def _time_to_learn(self) -> Mapping[float, int]:
        """The workers' histograms in one, without the labels that waited for the first model."""
        waits: Counter[float] = Counter()
        for slot, first in self._first_told.items():
            waits.update(self._told[slot].time_to_learn)
            waits.subtract(first.time_to_learn)
        return dict(sorted(waits.items()))


def _most(told: Mapping[str, WorkerScraped]) -> int:
    """Each worker learns every label, one of them the first."""
    return max((_count(scraped.time_to_learn) for scraped in told.values()), default=0)


def _count(histogram: Mapping[float, int]) -> int:
    return max(histogram.values(), default=0)
