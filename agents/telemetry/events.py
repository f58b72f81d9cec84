"""The agents' named events: whoever sees something happen calls one method, and metric and log line agree."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from itertools import product, repeat
from typing import TYPE_CHECKING, Final

import numpy as np

from agents.telemetry.learning import LearningTelemetry
from models.scoring.pipeline import Skipped
from schemas.errors import ErrorType
from schemas.label import LabelOrigin, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray
    from prometheus_client import CollectorRegistry

    from agents.runtime.records import Header, KafkaRecord
    from models.scoring.pipeline import ScoredBatch
    from schemas.label import Label

_NOTHING_TO_DO: Final = nullcontext()
_UNREAD: Final = (ErrorType.RECORDS_LOST, ErrorType.UNREADABLE_BATCH, ErrorType.INTERNAL_ERROR)
"""Why records may be passed over unread: deleted, not to be decompressed, or deadly to workers."""


class Telemetry(LearningTelemetry):
    """All that a worker tells operations; one object a worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Begin with a zero for what is to be seen at its first time: a rise needs a value before it."""
        super().__init__(registry)
        for result in ("ok", "failed"):
            self.metrics.commits.labels(result)
        for outcome in ("revoked", "lost"):
            self.metrics.rebalances.labels(outcome)
        for reason in Skipped:
            self.metrics.transactions_skipped.labels(reason)
        for labels in product(Outcome, LabelOrigin):
            self.metrics.labels_accepted.labels(*labels)

    def worker_started(self, versions: Mapping[str, str], place: Mapping[str, str]) -> None:
        """The worker runs these versions of its parts, at this place (its group, slot, delivery mode)."""
        self.metrics.build.info(dict(versions))
        self.metrics.worker.info(dict(place))
        self.log.info("worker started", **versions, **place)

    def read_at_scrape(
        self, *, producer_queue: Callable[[], float], progress_age: Callable[[], float]
    ) -> None:
        """Read these whenever `/metrics` is asked for, rather than being told of each change."""
        self.metrics.producer_queue.set_function(producer_queue)
        self.metrics.progress_age.set_function(progress_age)

    def read_scoring_at_scrape(
        self,
        *,
        profiles: Callable[[], float],
        reputations: Callable[[], float],
        broadcast_staleness: Callable[[], float],
        model_age: Callable[[], float],
        refused_models: Callable[[], float],
        scorecard_fallback: Callable[[], float],
    ) -> None:
        """Read these, too, in a worker that scores."""
        self.metrics.profiles.set_function(profiles)
        self.metrics.reputations.set_function(reputations)
        self.metrics.broadcast_staleness.set_function(broadcast_staleness)
        self.metrics.model_age.set_function(model_age)
        self.metrics.refused_models.set_function(refused_models)
        self.metrics.scorecard_fallback.set_function(scorecard_fallback)

    def reads(self, topics: Iterable[str]) -> None:
        """Agents read these topics: begin with a zero for all that may become of a record of theirs."""
        for topic, error_type in product(topics, ErrorType):
            self.metrics.dead_letters.labels(topic, error_type)
        for topic in topics:
            self.metrics.unaccounted.labels(topic)
            self.metrics.logs_replaced.labels(topic)
            self.metrics.partition_trials.labels(topic)
        for topic, error_type in product(topics, _UNREAD):
            self.metrics.records_lost.labels(topic, error_type)

    def listens_to(self, topics: Iterable[str]) -> None:
        """Compacted topics are read: begin with a zero for each way to refuse a record of theirs."""
        for topic, error_type in product(topics, ErrorType):
            self.metrics.broadcast_refused.labels(topic, error_type)

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Time a stage of a chunk's way: `with telemetry.stage("decode"): ...`."""
        return self.metrics.stage.labels(name).time()

    def step(self, name: str) -> AbstractContextManager[object]:
        """Mark a part of a batch's way in which other tasks may run; `agents.telemetry.tracing` times it."""
        del name
        return _NOTHING_TO_DO

    def carried(self, records: Iterable[KafkaRecord]) -> Iterator[Sequence[Header]]:
        """What each record's outputs carry on as headers: nothing, without end, where nobody traces."""
        del records
        return repeat(())

    def transactions_scored(self, judged: ScoredBatch, arrived: NDArray[np.float64], now: float) -> None:
        """The scores of a chunk were handed to the producer.

        Args:
            judged: what the core made of the transactions [n].
            arrived: Kafka timestamps of the same transactions [n], epoch seconds.
            now: epoch seconds.
        """
        model, decisions = _model(judged.scored_by), judged.decisions.decisions
        kinds = [transaction.kind for transaction in judged.transactions]
        for (kind, decision), count in Counter(zip(kinds, decisions, strict=True)).items():
            self.metrics.transactions_scored.labels(kind, model, decision).inc(count)
        self.metrics.transactions_incomplete.inc(int(np.count_nonzero(~judged.features.complete)))
        seen = judged.seen
        self.metrics.transactions_id_reused.inc(int(np.count_nonzero(seen["id_reused"])))
        self.metrics.transactions_amount_unknown.inc(int(np.count_nonzero(seen["amount_known"] == 0.0)))
        self.metrics.late.observe(seen["late"][seen["late"] > 0.0])
        self.metrics.score.observe(judged.scores)
        self.metrics.arrival_to_score.observe(np.maximum(now - arrived, 0.0))
        self.metrics.event_age.observe(np.maximum(now - judged.batch.times, 0.0))

    def transactions_skipped(self, reason: str, count: int = 1) -> None:
        """Transactions changed nothing, because they (`repeat`) or their offsets (`replay`) were known."""
        self.metrics.transactions_skipped.labels(reason).inc(count)

    def labels_accepted(self, labels: Iterable[Label]) -> None:
        """Labels were validated and passed on; a refused one is told by `dead_lettered`."""
        for names, count in Counter((label.outcome, label.origin) for label in labels).items():
            self.metrics.labels_accepted.labels(*names).inc(count)

    def dead_lettered(
        self, topic: str, error_type: ErrorType, reason: str, *, partition: int, offset: int
    ) -> None:
        """A message was refused; `reason` never contains the refused value."""
        self.metrics.dead_letters.labels(topic, error_type).inc()
        self.log.warning(
            "message refused",
            topic=topic,
            partition=partition,
            offset=offset,
            error_type=str(error_type),
            reason=reason,
        )

    def records_lost(
        self, topic: str, partition: int, first: int, last: int, error_type: ErrorType, reason: str
    ) -> None:
        """Records from `first` to `last` were passed over unread; their dead letter holds the position."""
        self.metrics.dead_letters.labels(topic, error_type).inc()
        self.metrics.records_lost.labels(topic, error_type).inc(last - first + 1)
        self.log.error(
            "records passed over unread",
            topic=topic,
            partition=partition,
            first=first,
            last=last,
            error_type=str(error_type),
            reason=reason,
        )

    def records_unaccounted(self, topic: str, count: int) -> None:
        """Records were read that became nothing; below 0, more became something than were read."""
        self.metrics.unaccounted.labels(topic).inc(count)
        self.log.error("records are unaccounted for: a fault of this service", topic=topic, count=count)

    def card_number_passed_over(self) -> None:
        """A message was taken without an unknown field, in which a card number stood."""
        self.metrics.card_numbers_passed_over.inc()
        self.log.warning("card number in an unknown field", mend="have the sender leave the field out")

    def model_loaded(self, scored_by: str) -> None:
        """Another model scores from now on: `prior`, or `name@version`."""
        name, _, version = scored_by.partition("@")
        self.metrics.model_version.clear()
        self.metrics.model_version.labels(name).set(int(version or 0))
        self.metrics.models_loaded.inc()
        self.log.debug("model loaded", scored_by=scored_by)

    def broadcast_applied(self, topic: str, count: int) -> None:
        """Records of a compacted topic were taken over."""
        self.metrics.broadcast_applied.labels(topic).inc(count)

    def broadcast_refused(
        self,
        topic: str,
        error_type: ErrorType,
        reason: str,
        *,
        partition: int,
        offset: int,
        failure: Exception | None = None,
    ) -> None:
        """A record of a compacted topic was refused; what was there before stays.

        `failure` is what broke its handler, where it was no refusal of the handler's own.
        """
        self.metrics.broadcast_refused.labels(topic, error_type).inc()
        self.log.error(
            "broadcast record refused",
            topic=topic,
            partition=partition,
            offset=offset,
            error_type=str(error_type),
            reason=reason,
            exc_info=failure,
        )

    def broadcast_caught_up(self, seconds: float, records: int) -> None:
        """Every compacted topic was read to its end."""
        self.metrics.broadcast_caught_up.set(1)
        self.log.info("broadcast caught up", seconds=round(seconds, 3), records=records)


def _model(scored_by: str) -> str:
    """Name of the model without its version, which would label a new time series every few seconds."""
    return scored_by.partition("@")[0]
