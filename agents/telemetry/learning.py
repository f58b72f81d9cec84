"""The learning side's events: what labels came to, what was learnt of them, and how long that took."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from agents.telemetry.delivery import DeliveryTelemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from models.labelling.core import LabellingResult
    from models.quality.live import LiveQuality
    from schemas.errors import InvalidMessage
    from schemas.example import Maturity
    from schemas.label import Outcome
    from schemas.snapshot import ModelSnapshot


class LearningTelemetry(DeliveryTelemetry):
    """Hears labelling, reputation and learning, and scorers about the models that they take."""

    def read_labelling_at_scrape(
        self,
        *,
        cases: Callable[[], float],
        disk_bytes: Callable[[], float],
        free_bytes: Callable[[], float],
    ) -> None:
        """Read these whenever `/metrics` is asked for, in a worker that labels."""
        self.metrics.labelling_cases.set_function(cases)
        self.metrics.labelling_disk.set_function(disk_bytes)
        self.metrics.labelling_free.set_function(free_bytes)

    def read_quality_at_scrape(self, quality: LiveQuality) -> None:
        """Read live quality whenever `/metrics` is asked for."""
        self.metrics.add_quality(quality)

    def labelled(self, emission: LabellingResult) -> None:
        """Transactions and labels came to their time."""
        made = Counter((example.outcome, example.maturity) for example in emission.examples)
        for labels, count in made.items():
            self.metrics.examples_made.labels(*labels).inc(count)
        for fate, count in emission.fates.items():
            self.metrics.labels_settled.labels(fate).inc(count)
        if emission.unreadable:
            self.metrics.labelling_lost.inc(emission.unreadable)
            self.log.error("kept transactions could not be read and are lost", ids=emission.unreadable)
        delays = [each.label_delay for each in emission.observations if each.label_delay is not None]
        if delays:
            self.metrics.label_delay.observe(np.maximum(delays, 0.0))

    def reputations_published(self, count: int) -> None:
        """Reputations changed and were published."""
        self.metrics.reputations_published.inc(count)

    def checkpoint_outdated(self, file: Path) -> None:
        """Report a checkpoint of another release, in whose place the examples are learned again."""
        self.log.warning(
            "the learner's checkpoint is of another release of fraudstream: the examples are learned again",
            file=str(file),
        )

    def example_learnt(self, outcome: Outcome, maturity: Maturity) -> None:
        """The learner took an example."""
        self.metrics.examples_learnt.labels(outcome, maturity).inc()

    def example_passed_over(self) -> None:
        """The learner met an example of another list of features, which its model cannot take."""
        self.metrics.examples_passed_over.inc()

    def subject_erased(self, source: str) -> None:
        """An agent took an erasure from this source; whose it is is not said."""
        self.log.info("subject erased", source=source)

    def labelling_rewritten(self, files: int | Exception) -> None:
        """Labelling's files were written again without whom was erased; so many hold them all the same."""
        if files == 0:
            self.log.info("labelling's files were written again, and none holds an erased subject")
        else:
            self.log.error(
                "labelling's files may hold an erased subject; they are written again", files=files
            )

    def erasure_repeated(self, source: str) -> None:
        """An agent met an erasure that it has carried out before, and passed over it."""
        self.log.warning("erasure passed over: it was carried out before", source=source)

    def relearning(self, failure: BaseException | None = None) -> None:
        """The learner learns its log again without what was erased; or could not, and tries again later."""
        if failure is None:
            self.log.info("learning the log again without what was erased")
        else:
            self.log.warning("could not learn the log again", failure=failure)

    def snapshot_published(self, snapshot: ModelSnapshot, size: int, seconds: float) -> None:
        """The learner handed a snapshot of so many bytes over, after so many seconds of compiling."""
        self.metrics.snapshots_published.inc()
        self.metrics.snapshot_bytes.set(size)
        self.metrics.snapshot_seconds.observe(seconds)
        self.metrics.learner_version.labels(snapshot.name).set(snapshot.version)
        for name, value in snapshot.quality.items():
            self.metrics.learner_quality.labels(name).set(value)
        self.log.debug("snapshot published", scored_by=snapshot.scored_by, bytes=size)

    def learning_rests(self, reason: str) -> None:
        """The learner learns nothing for now; labelling and reputation go on."""
        self.log.error("learning rests, and is tried again", reason=reason)

    def learning_goes_on(self) -> None:
        """The learner has learned what it passed over while it rested."""
        self.log.info("learning goes on")

    def snapshot_failed(self, failure: BaseException) -> None:
        """The learner could not make a snapshot; the one before stays."""
        self.metrics.snapshots_failed.inc()
        self.log.error("a snapshot could not be made; the one before stays in force", failure=failure)

    def snapshot_withheld(self, snapshot: ModelSnapshot, refusal: InvalidMessage) -> None:
        """The learner made a snapshot that scorers would refuse, and keeps it to itself."""
        self.metrics.snapshots_withheld.inc()
        self.log.error("snapshot withheld", scored_by=snapshot.scored_by, reason=refusal.reason)

    def labels_learnt(self, recorded: Sequence[float], now: float) -> None:
        """The first transaction was scored by a model that has learnt labels recorded then (epoch s)."""
        self.metrics.time_to_learn.observe(np.maximum(now - np.array(recorded), 0.0))
