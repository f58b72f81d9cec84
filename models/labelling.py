"""Labelling: scored transactions and late labels in, examples and outcomes out, by the clock of event time.

A transaction is looked at when a label's time has come, and when its horizon has passed: what nobody called
fraud by then counts as genuine. Everything due by the clock comes out in the order of (time, transaction), so
the order does not depend on how fast, or in which pieces, scores and labels came in, as long as they came
before their time. A label that comes before its own time changes nothing until then.

| what comes | what goes out |
|---|---|
| a label before the horizon | an early example (sampled if genuine and never alerted); a fraud known early |
| the horizon | a matured example (of genuine ones a sample), unless learnt early; a matured transaction |
| a label that says otherwise than what was learnt | a correcting example; what was counted is counted back |
| a label that says the same again, or an older one | nothing |
| a label of a transaction that was not seen | nothing, until the transaction comes |
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from models.case import Case, KnownLabel, ScoredRow, case_key, moment, named_by
from models.decay import DAY, NEVER
from models.sampling import GenuineSampler
from schemas.example import Example, Maturity
from schemas.label import Outcome
from schemas.outcome import OutcomeEvent
from schemas.reputation import SUBJECT

if TYPE_CHECKING:
    from models.rows import Rows
    from schemas.label import Label

CERTAIN: Final = 1.0
SAME_TIME: Final = 1e-3
"""Seconds by which a label may miss the horizon and still be just at it: times were rounded on their way."""


@dataclass(frozen=True, slots=True)
class LabellingRules:
    """When an outcome is final, how long corrections are taken, and how many examples are made.

    Attributes:
        horizon: seconds after which a transaction without a label counts as genuine.
        keep: seconds for which a transaction is kept for labels that come later still, at least the horizon.
        genuine_share: largest share of genuine transactions that become examples.
        examples_per_second: genuine examples per second of event time, at most.
    """

    horizon: float = 7 * DAY
    keep: float = 45 * DAY
    genuine_share: float = 0.1
    examples_per_second: float = 100.0


class Fate(StrEnum):
    """What became of a label."""

    EARLY = "early"
    """It came before the horizon and was learnt."""
    MATURED = "matured"
    """It came just at the horizon, and none before it."""
    CORRECTED = "corrected"
    """It said otherwise than what had been learnt, and was learnt."""
    CONFIRMED = "confirmed"
    """It said what had been learnt already."""
    STALE = "stale"
    """A later label was there before it."""
    UNSEEN = "unseen"
    """Its transaction was not seen as long as labels are kept."""


class Observation(NamedTuple):
    """A matured transaction: as it was scored, and what is true."""

    row: ScoredRow
    is_fraud: bool
    label_delay: float | None
    """Seconds from the transaction to its label; None where none came by the horizon."""


@dataclass(slots=True)
class Emission:
    """What an advance of the clock brought to light, each list in its order."""

    examples: list[Example] = field(default_factory=list)
    outcomes: dict[tuple[str, str], list[OutcomeEvent]] = field(default_factory=dict)
    """By what the transactions named, as (kind, value)."""
    observations: list[Observation] = field(default_factory=list)
    fates: Counter[Fate] = field(default_factory=Counter)
    is_whole: bool = True
    """Whether nothing else is due by the same clock."""

    def add_outcome(self, row: ScoredRow, event: OutcomeEvent) -> None:
        """Tell of one event to all that the transaction names; to its subject only if it is about fraud."""
        for named in named_by(row):
            self.outcomes.setdefault(named, []).append(event)
        if event.frauds or event.early_frauds:
            of_fraud = event._replace(matured=0, early_genuine=0)
            self.outcomes.setdefault((SUBJECT, row.subject), []).append(of_fraud)


class LabellingCore:
    """Labels the transactions of one partition; everything it remembers is in `rows`, sampler and clock.

    Args:
        rules: the horizon and the rates.
        rows: keeps the transactions.
    """

    def __init__(self, rules: LabellingRules, rows: Rows) -> None:
        self._rules = rules
        self._rows = rows
        self.sampler = GenuineSampler(rules.genuine_share, rules.examples_per_second)
        self.clock = NEVER

    def __len__(self) -> int:
        """Transactions kept."""
        return len(self._rows)

    def take_score(self, row: ScoredRow) -> None:
        """Keep a scored transaction until its fate is known; one that is known already changes nothing."""
        case = self._rows.get(row.key) or Case()
        if case.row is not None:
            return
        case.row = row
        self._rows.put(row.key, case)
        self._rows.schedule(row.event_time + self._rules.horizon, row.key)
        self._rows.schedule(row.event_time + self._rules.keep, row.key)
        for label in case.waiting:
            self._rows.schedule(self._due(label, row), row.key)

    def take_label(self, label: Label, recorded_at: float) -> None:
        """Keep a label until its time has come.

        Args:
            label: what somebody says.
            recorded_at: Kafka timestamp of the label, seconds since 1970.
        """
        key = case_key(label.subject, label.transaction_id)
        case = self._rows.get(key) or Case()
        known = KnownLabel.of(label, recorded_at)
        case.waiting.append(known)
        self._rows.put(key, case)
        if case.row is None:
            self._rows.schedule(known.time + self._rules.keep, key)
        else:
            self._rows.schedule(self._due(known, case.row), key)

    def erase(self, subject: str) -> None:
        """Forget all that is kept of a card or an account; nothing will be told of it."""
        for key in self._rows.of_subject(subject):
            self._erase(key)

    def erase_labels(self, subject: str) -> None:
        """Forget a card's or an account's labels whose transaction is not here: it may be erased already."""
        for key in self._rows.of_subject(subject):
            case = self._rows.get(key)
            if case is not None and case.row is None:
                self._erase(key)

    def _erase(self, key: str) -> None:
        """Forget a case and its entries of the agenda."""
        case = self._rows.get(key) or Case()
        for label in (*case.waiting, *([case.label] if case.label else [])):
            self._rows.unschedule(label.time + self._rules.keep, key)
            if case.row is not None:
                self._rows.unschedule(self._due(label, case.row), key)
        if case.row is not None:
            self._rows.unschedule(case.row.event_time + self._rules.horizon, key)
            self._rows.unschedule(case.row.event_time + self._rules.keep, key)
        self._rows.forget(key)

    def advance(self, clock: float, at_most: int | None = None) -> Emission:
        """Bring to light everything that is due by `clock` (event time, s since 1970); it never goes back.

        Args:
            clock: how far event time has come.
            at_most: entries of the agenda to look at; where there may be more, the emission is not whole.
        """
        emission = Emission(is_whole=False)
        for _ in count() if at_most is None else range(at_most):
            entry = self._rows.next_due(max(clock, self.clock))
            if entry is None:
                self.clock = max(self.clock, clock)
                emission.is_whole = True
                break
            due, key = entry
            self.clock = max(self.clock, due)
            case = self._rows.get(key)
            if case is not None:
                self._look_at(key, case, due, emission)
        return emission

    def _due(self, label: KnownLabel, row: ScoredRow) -> float:
        """When a label counts: at its time, or at the horizon if it misses that by rounding alone."""
        matures = row.event_time + self._rules.horizon
        return matures if abs(label.time - matures) <= SAME_TIME else label.time

    def _look_at(self, key: str, case: Case, now: float, emission: Emission) -> None:
        if case.row is None:
            self._await_transaction(key, case, now, emission)
            return
        matures = case.row.event_time + self._rules.horizon
        for label in sorted(label for label in case.waiting if self._due(label, case.row) <= now):
            if label.time > matures + SAME_TIME and not case.is_matured:
                _mature(case, matures, self.sampler, emission)
            case.waiting.remove(label)
            emission.fates[_take(case, case.row, label, matures, self.sampler, emission)] += 1
        if matures <= now and not case.is_matured:
            _mature(case, matures, self.sampler, emission)
        if case.row.event_time + self._rules.keep <= now:
            self._rows.forget(key)
        else:
            self._rows.put(key, case)

    def _await_transaction(self, key: str, case: Case, now: float, emission: Emission) -> None:
        """Give labels up whose transaction was not seen as long as they are kept."""
        given_up = [label for label in case.waiting if label.time + self._rules.keep <= now]
        emission.fates[Fate.UNSEEN] += len(given_up)
        case.waiting = [label for label in case.waiting if label not in given_up]
        if case.waiting:
            self._rows.put(key, case)
        else:
            self._rows.forget(key)


def _take(
    case: Case,
    row: ScoredRow,
    label: KnownLabel,
    matures: float,
    sampler: GenuineSampler,
    emission: Emission,
) -> Fate:
    """Put a label into force and learn what it changes."""
    if case.label is not None and label <= case.label:
        return Fate.STALE
    case.label = label
    if abs(label.time - matures) <= SAME_TIME and not case.is_matured and case.learnt is None:
        return Fate.MATURED  # the horizon, which is due now, learns it
    if case.learnt == label.is_fraud:
        return Fate.CONFIRMED
    frauds = int(label.is_fraud) - int(case.learnt is True)
    genuine = int(not label.is_fraud) - int(case.learnt is False)
    if case.is_matured:
        emission.add_outcome(row, _matured_event(row, matures, 0, frauds))
    else:
        emission.add_outcome(row, _early_event(row, frauds, genuine))
    maturity = Maturity.EARLY if case.learnt is None else Maturity.CORRECTED
    case.learnt = label.is_fraud
    time = max(label.time, matures if case.is_matured else row.event_time)
    is_one_of_many = maturity is Maturity.EARLY and not (label.is_fraud or row.alerted)
    rate = sampler.rate(row.transaction_id, time) if is_one_of_many else CERTAIN
    if rate is not None:
        emission.examples.append(_example(row, case, maturity, rate, time))
    return Fate.EARLY if maturity is Maturity.EARLY else Fate.CORRECTED


def _mature(case: Case, matures: float, sampler: GenuineSampler, emission: Emission) -> None:
    """Take the outcome as final."""
    row = case.row
    assert row is not None
    is_fraud = case.label is not None and case.label.is_fraud
    case.is_matured = True
    emission.add_outcome(row, _matured_event(row, matures, 1, int(is_fraud)))
    delay = None if case.label is None else case.label.time - row.event_time
    emission.observations.append(Observation(row, is_fraud, delay))
    if case.learnt is not None:
        return
    case.learnt = is_fraud
    rate = CERTAIN if is_fraud else sampler.rate(row.transaction_id, matures)
    if rate is not None:
        emission.examples.append(_example(row, case, Maturity.MATURED, rate, matures))


def _matured_event(row: ScoredRow, matures: float, matured: int, frauds: int) -> OutcomeEvent:
    """What a final outcome, or its correction, adds to the reputations."""
    unexplained = 0 if row.amount_is_unusual else frauds
    return OutcomeEvent(matures, row.event_time, matured, frauds, 0, unexplained)


def _early_event(row: ScoredRow, frauds: int, genuine: int) -> OutcomeEvent:
    """What a label before the horizon, or its correction, adds to the reputations."""
    unexplained = 0 if row.amount_is_unusual else frauds
    return OutcomeEvent(row.event_time, row.event_time, 0, 0, frauds, 0, unexplained, genuine)


def _example(row: ScoredRow, case: Case, maturity: Maturity, rate: float, learn_time: float) -> Example:
    """An example of what the case was just learnt as."""
    label = case.label
    return Example(
        transaction_id=row.transaction_id,
        subject=row.subject,
        event_time=moment(row.event_time),
        score=row.score,
        scored_by=row.scored_by,
        features=tuple(row.features.tolist()),
        features_version=row.features_version,
        outcome=Outcome.FRAUD if case.learnt else Outcome.GENUINE,
        maturity=maturity,
        origin=label.origin if label else None,
        weight=1.0,
        sampling_rate=rate,
        learn_time=moment(learn_time),
        label_time=moment(label.time) if label else None,
        label_recorded_at=moment(label.recorded_at) if label else None,
    )
