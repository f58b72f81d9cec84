"""Adds up what happens in a demo into the figures that a person sees. No I/O, no clock: all times are given.

Every message sent to `transactions` ends as exactly one of three: a score, a dead letter, a counted repeat.
The tally holds the demo to that, message by message where a transaction has an id.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from fraudstream.demo.catches import CatchesByDay
from fraudstream.demo.events import (
    AlertRead,
    DeadLetterRead,
    Event,
    LabelRead,
    LabelSent,
    LearnerScraped,
    MalformedSent,
    ScoreRead,
    TransactionSent,
    WorkerScraped,
)
from fraudstream.demo.figures import Figures
from fraudstream.demo.latency import histogram_percentiles, percentiles
from fraudstream.demo.lessons import LessonCounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.alert import Alert

WINDOW_SECONDS = 5.0
"""What is said of "now" is about the last five seconds."""
WARM_UP_SECONDS = 10.0
"""A Java that has just started compiles itself while it works, which shows in the latencies of this time."""
_LATEST_ALERTS = 8


class _Mark(NamedTuple):
    """How far the counts were at an instant."""

    at: float
    sent: int
    scored: int


class Tally:
    """Takes events in the order in which they came to pass; gives figures at any instant."""

    def __init__(self) -> None:
        self._sent: Counter[type[Event]] = Counter()
        self._known: set[str] = set()
        self._frauds: set[str] = set()
        self._awaited: dict[str, TransactionSent] = {}
        self._latencies = array("d")
        self._warm_latencies = array("d")
        self._warm_from = inf
        self._scored_again = 0
        self._dead_letters: Counter[str] = Counter()
        self._alerts: dict[str, Alert] = {}
        self._workers: dict[str, WorkerScraped] = {}
        self._cold_workers: dict[str, WorkerScraped] = {}
        self._simulated_time = 0.0
        self._marks: deque[_Mark] = deque()
        self._catches = CatchesByDay()
        self._lessons = LessonCounts()

    def take(self, event: Event) -> None:
        """Add one event."""
        self._sent[type(event)] += 1
        match event:
            case TransactionSent():
                self._transaction_sent(event)
            case ScoreRead():
                self._score_read(event)
            case AlertRead(alert):
                self._alert_read(alert)
            case DeadLetterRead(error_type):
                self._dead_letters[error_type] += 1
            case WorkerScraped():
                self._worker_scraped(event)
            case LearnerScraped():
                self._lessons.learner_scraped(event)
            case LabelSent() | LabelRead() | MalformedSent():
                pass  # counted above

    def _transaction_sent(self, sent: TransactionSent) -> None:
        self._simulated_time = sent.simulated_time
        self._warm_from = min(self._warm_from, sent.at + WARM_UP_SECONDS)
        if sent.transaction_id in self._known:
            return
        self._known.add(sent.transaction_id)
        self._awaited[sent.transaction_id] = sent
        if sent.fraud:
            self._frauds.add(sent.transaction_id)

    def _score_read(self, read: ScoreRead) -> None:
        sent = self._awaited.pop(read.transaction_id, None)
        if sent is None:
            self._scored_again += 1
            return
        self._latencies.append(read.at - sent.at)
        if sent.at >= self._warm_from:
            self._warm_latencies.append(read.at - sent.at)
        self._catches.scored(sent.simulated_time, fraud=sent.fraud)
        self._lessons.scored(read)

    def _alert_read(self, alert: Alert) -> None:
        if alert.alert_id in self._alerts:
            return
        self._alerts[alert.alert_id] = alert
        transaction = alert.transaction
        is_fraud = transaction.transaction_id in self._frauds
        self._catches.alerted(transaction.event_timestamp, fraud=is_fraud)

    def _worker_scraped(self, scraped: WorkerScraped) -> None:
        self._workers[scraped.slot] = scraped
        self._lessons.worker_scraped(scraped)
        if scraped.at < self._warm_from:
            self._cold_workers[scraped.slot] = scraped

    def figures(self, now: float) -> Figures:
        """The figures at `now`, in seconds of any clock that only rises."""
        then = self._mark(now)
        sent, scored = self._sent[TransactionSent], len(self._latencies)
        span = now - then.at
        return Figures(
            transactions=sent,
            malformed=self._sent[MalformedSent],
            frauds=len(self._frauds),
            scored=scored,
            scored_again=self._scored_again,
            repeats=sum(worker.repeats for worker in self._workers.values()),
            dead_letters=dict(self._dead_letters.most_common()),
            alerts=Counter(str(alert.decision) for alert in self._alerts.values()),
            frauds_alerted=len(self._frauds & self._alerted_transactions()),
            latest_alerts=tuple(list(self._alerts.values())[: -_LATEST_ALERTS - 1 : -1]),
            labels_sent=self._sent[LabelSent],
            labels_taken=self._sent[LabelRead],
            unscored=len(self._awaited),
            sent_rate=(sent - then.sent) / span if span else 0.0,
            scored_rate=(scored - then.scored) / span if span else 0.0,
            recent_latency=percentiles(self._latencies[then.scored :]),
            latency=percentiles(self._latencies),
            warm_latency=percentiles(self._warm_latencies),
            slowest=max(self._latencies, default=0.0),
            own_latency=histogram_percentiles(self._own_latency(is_warm=bool(self._warm_latencies))),
            shares={slot: worker.scored for slot, worker in sorted(self._workers.items())},
            simulated_time=self._simulated_time,
            catches=self._catches.catches(),
            lessons=self._lessons.lessons(),
        )

    def _mark(self, now: float) -> _Mark:
        """Remember how far the counts are, and give how far they were a window ago."""
        self._marks.append(_Mark(now, self._sent[TransactionSent], len(self._latencies)))
        while self._marks[0].at < now - WINDOW_SECONDS:
            self._marks.popleft()
        return self._marks[0]

    def _alerted_transactions(self) -> set[str]:
        return {alert.transaction.transaction_id for alert in self._alerts.values()}

    def _own_latency(self, *, is_warm: bool) -> Mapping[float, int]:
        """The workers' histograms in one, without what they counted before they were warm."""
        total: Counter[float] = Counter()
        for worker in self._workers.values():
            total.update(worker.arrival_to_score)
        for worker in self._cold_workers.values() if is_warm else ():
            total.subtract(worker.arrival_to_score)
        return dict(sorted(total.items()))
