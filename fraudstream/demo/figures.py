"""The figures of a demo that a person sees. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraudstream.demo.catches import Catches
    from fraudstream.demo.latency import Percentiles
    from fraudstream.demo.lessons import Lessons
    from schemas.alert import Alert


@dataclass(frozen=True, slots=True)
class Figures:
    """A demo at one instant. Rates are per second, latencies in seconds; `recent`: of the last five seconds.

    Attributes:
        transactions: sent, repeats included, malformed messages not.
        malformed: sent to where transactions go.
        frauds: different transactions sent that are fraud.
        scored: different transactions whose score was read.
        scored_again: scores read of transactions whose score had been read.
        repeats: transactions that the workers counted as repeats.
        dead_letters: by type of error.
        alerts: by decision, each alert once.
        frauds_alerted: different frauds among the alerted transactions.
        latest_alerts: the newest first.
        labels_sent: labels sent.
        labels_taken: labels read as validated and keyed.
        unscored: different transactions sent whose score was not read.
        sent_rate: of transactions, recent.
        scored_rate: of transactions, recent.
        recent_latency: from arrival in Kafka to the reader, recent.
        latency: the same, over all.
        warm_latency: the same, of transactions sent after the warm-up.
        slowest: the longest of these latencies.
        own_latency: from arrival in Kafka to the producer, as the workers' histograms say, after the warm-up
            (before its end: over all).
        shares: transactions scored by each worker.
        simulated_time: event time of the newest transaction sent, since the epoch.
        catches: what of the frauds was caught, day by day.
        lessons: what was learnt.
    """

    transactions: int
    malformed: int
    frauds: int
    scored: int
    scored_again: int
    repeats: int
    dead_letters: Mapping[str, int]
    alerts: Mapping[str, int]
    frauds_alerted: int
    latest_alerts: tuple[Alert, ...]
    labels_sent: int
    labels_taken: int
    unscored: int
    sent_rate: float
    scored_rate: float
    recent_latency: Percentiles | None
    latency: Percentiles | None
    warm_latency: Percentiles | None
    slowest: float
    own_latency: Percentiles | None
    shares: Mapping[str, int]
    simulated_time: float
    catches: Catches
    lessons: Lessons

    @property
    def messages(self) -> int:
        """All that was sent to where transactions go."""
        return self.transactions + self.malformed

    @property
    def refused(self) -> int:
        """Dead letters of every type."""
        return sum(self.dead_letters.values())

    @property
    def alerted(self) -> int:
        """Alerts of either decision."""
        return sum(self.alerts.values())

    @property
    def on_the_way(self) -> int:
        """Messages sent of which nothing has been read yet."""
        return self.messages - self.scored - self.refused - self.repeats

    @property
    def is_accounted_for(self) -> bool:
        """Whether in = scored + dead letters + repeats, each transaction has a score, each label is in."""
        return not (self.on_the_way or self.unscored) and self.labels_taken == self.labels_sent
