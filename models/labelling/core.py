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
| a label that may be about several transactions of one id | it is set apart |

A stored transaction that cannot be matured is set apart by itself and stops no other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from models.decay import DAY, NEVER
from models.labelling.pending import (
    SAME_TIME,
    Cases,
    KnownLabel,
    PendingTransaction,
    ScoredTransaction,
    case_key,
    moment,
    named_by,
)
from models.labelling.sampling import GenuineSampler
from schemas.errors import ErrorType, InvalidMessage
from schemas.example import Example, Maturity
from schemas.label import Outcome
from schemas.outcome import OutcomeEvent
from schemas.reputation import SUBJECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.labelling.store import PendingStore
    from schemas.label import Label

CERTAIN: Final = 1.0
_AMBIGUOUS: Final = (
    "the label may be about several transactions with this id: send it again with the event_time of the one "
    "that it is about"
)


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


class LabelResult(StrEnum):
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

    row: ScoredTransaction
    is_fraud: bool
    label_delay: float | None
    """Seconds from the transaction to its label; None where none came by the horizon."""


class SetApart(NamedTuple):
    """A score or a label that was kept, and of which nothing can be learned."""

    is_label: bool
    offset: int
    """Where it stood in its partition of `scores` or `labels.keyed`."""
    refusal: InvalidMessage
    """Why."""


@dataclass(slots=True)
class LabellingResult:
    """What an advance of the clock brought to light, each list in its order."""

    examples: list[Example] = field(default_factory=list)
    outcomes: dict[tuple[str, str], list[OutcomeEvent]] = field(default_factory=dict)
    """By what the transactions named, as (kind, value)."""
    observations: list[Observation] = field(default_factory=list)
    fates: Counter[LabelResult] = field(default_factory=Counter)
    set_apart: list[SetApart] = field(default_factory=list)
    unreadable: int = 0
    """Ids whose cases could not be read from the store, and are lost."""
    is_whole: bool = True
    """Whether nothing else is due by the same clock."""

    def add(self, part: LabellingResult) -> None:
        """Append what another look brought to light."""
        self.examples += part.examples
        for named, events in part.outcomes.items():
            self.outcomes.setdefault(named, []).extend(events)
        self.observations += part.observations
        if part.fates:
            self.fates.update(part.fates)

    def add_outcome(self, row: ScoredTransaction, event: OutcomeEvent) -> None:
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

    def __init__(self, rules: LabellingRules, rows: PendingStore) -> None:
        self._rules = rules
        self._rows = rows
        self.sampler = GenuineSampler(rules.genuine_share, rules.examples_per_second)
        self.clock = NEVER
        self._unreadable = 0

    def __len__(self) -> int:
        """Transactions kept."""
        return len(self._rows)

    def take_score(self, row: ScoredTransaction) -> None:
        """Keep a scored transaction until its fate is known; one that is known already changes nothing."""
        key = row.key
        cases = self._cases(key)
        if not cases.add(row):
            return
        self._rows.put(key, cases)
        self._rows.schedule(row.event_time + self._rules.horizon, key)
        self._rows.schedule(row.event_time + self._rules.keep, key)
        for label in cases.waiting:
            self._rows.schedule(self._due(label, row), key)

    def take_label(self, label: Label, recorded_at: float, offset: int = -1) -> None:
        """Keep a label until its time has come.

        Args:
            label: what somebody says.
            recorded_at: Kafka timestamp of the label, seconds since 1970.
            offset: where it stood in its partition of `labels.keyed`; -1 where that is not known.

        Raises:
            InvalidMessage: `AMBIGUOUS_LABEL`, where it may be about several transactions; nothing is changed.
        """
        key = case_key(label.subject, label.transaction_id)
        cases = self._cases(key)
        known = KnownLabel.of(label, recorded_at, offset)
        fitting = cases.fitting(known)
        if len(fitting) > 1:
            raise InvalidMessage(ErrorType.AMBIGUOUS_LABEL, _AMBIGUOUS, "event_time")
        cases.waiting.append(known)
        self._rows.put(key, cases)
        due = self._due(known, fitting[0].row) if fitting else self._given_up_at(known)
        self._rows.schedule(due, key)

    def erase(self, subject: str) -> None:
        """Forget all that is kept of a card or an account; nothing will be told of it."""
        for key in self._rows.of_subject(subject):
            cases = self._cases(key)
            for label in (*cases.waiting, *(case.label for case in cases.cases if case.label)):
                self._rows.unschedule(self._given_up_at(label), key)
                for case in cases.cases:
                    self._rows.unschedule(self._due(label, case.row), key)
            for case in cases.cases:
                self._rows.unschedule(case.row.event_time + self._rules.horizon, key)
                self._rows.unschedule(case.row.event_time + self._rules.keep, key)
            self._rows.forget(key)

    def erase_labels(self, subject: str) -> None:
        """Forget a card's or an account's labels whose transaction is not here: it may be erased already."""
        for key in self._rows.of_subject(subject):
            cases = self._cases(key)
            for label in cases.waiting:
                if not cases.fitting(label):
                    self._rows.unschedule(self._given_up_at(label), key)
            self._keep(key, Cases(cases.cases, [label for label in cases.waiting if cases.fitting(label)]))

    def advance(self, clock: float, at_most: int | None = None) -> LabellingResult:
        """Bring to light everything that is due by `clock` (event time, s since 1970); it never goes back.

        Args:
            clock: how far event time has come.
            at_most: entries of the agenda to look at; where there may be more, the emission is not whole.
        """
        emission = LabellingResult(is_whole=False)
        for _ in count() if at_most is None else range(at_most):
            entry = self._rows.next_due(max(clock, self.clock))
            if entry is None:
                self.clock = max(self.clock, clock)
                emission.is_whole = True
                break
            due, key = entry
            self.clock = max(self.clock, due)
            self._look_at(key, due, emission)
        emission.unreadable, self._unreadable = self._unreadable, 0
        return emission

    def _cases(self, key: str) -> Cases:
        """The cases of an id; none, and counted, where they cannot be read."""
        try:
            return self._rows.get(key) or Cases()
        except (LookupError, TypeError, ValueError):
            self._unreadable += 1
            return Cases()

    def _keep(self, key: str, cases: Cases) -> None:
        """Put the cases of an id back, if anything is left of them."""
        if cases.cases or cases.waiting:
            self._rows.put(key, cases)
        else:
            self._rows.forget(key)

    def _due(self, label: KnownLabel, row: ScoredTransaction) -> float:
        """When a label counts: at its time, or at the horizon if it misses that by rounding alone."""
        matures = row.event_time + self._rules.horizon
        return matures if abs(label.time - matures) <= SAME_TIME else label.time

    def _given_up_at(self, label: KnownLabel) -> float:
        """When a label without its transaction is given up: by its arrival, however old it is."""
        return max(label.time, label.recorded_at) + self._rules.keep

    def _look_at(self, key: str, now: float, emission: LabellingResult) -> None:
        """Bring to light what is due of the cases of an id."""
        cases = self._cases(key)
        left = Cases()
        labels: dict[int, list[KnownLabel]] = {}
        for label in sorted(cases.waiting):
            fitting = cases.fitting(label)
            is_due = bool(fitting) and min(self._due(label, case.row) for case in fitting) <= now
            if is_due and len(fitting) > 1:
                refusal = InvalidMessage(ErrorType.AMBIGUOUS_LABEL, _AMBIGUOUS, "event_time")
                emission.set_apart.append(SetApart(is_label=True, offset=label.offset, refusal=refusal))
            elif is_due:
                labels.setdefault(id(fitting[0]), []).append(label)
            elif not fitting and self._given_up_at(label) <= now:
                emission.fates[LabelResult.UNSEEN] += 1
            else:
                left.waiting.append(label)
        for case in cases.cases:
            if not self._settled(case, labels.get(id(case), ()), now, emission):
                continue
            if now < case.row.event_time + self._rules.keep:
                left.cases.append(case)
        # A label goes with its transaction; one whose transaction has not come stays.
        left.waiting = [each for each in left.waiting if left.fitting(each) or not cases.fitting(each)]
        self._keep(key, left)

    def _settled(
        self, case: PendingTransaction, labels: Sequence[KnownLabel], now: float, emission: LabellingResult
    ) -> bool:
        """Bring to light what is due of one transaction, all of it or nothing; false where that cannot be."""
        is_due = case.row.event_time + self._rules.horizon <= now and not case.is_matured
        if not is_due and not labels:
            return True
        part = LabellingResult()
        try:
            self._settle(case, labels, now, part)
        except (OSError, MemoryError):
            raise  # of the machine, and of no row
        except Exception as failure:  # noqa: BLE001 - whatever it is, others go on
            emission.set_apart.append(_cannot_mature(case.row, failure))
            return False
        emission.add(part)
        return True

    def _settle(
        self, case: PendingTransaction, labels: Sequence[KnownLabel], now: float, emission: LabellingResult
    ) -> None:
        """Learn of one transaction what its labels say that are due, and its outcome if that is due."""
        matures = case.row.event_time + self._rules.horizon
        for label in labels:
            if label.time > matures + SAME_TIME and not case.is_matured:
                _mature(case, matures, self.sampler, emission)
            emission.fates[_take(case, label, matures, self.sampler, emission)] += 1
        if matures <= now and not case.is_matured:
            _mature(case, matures, self.sampler, emission)


def _cannot_mature(row: ScoredTransaction, failure: Exception) -> SetApart:
    reason = f"the stored transaction could not be matured ({type(failure).__name__}), and is learned no more"
    return SetApart(
        is_label=False, offset=row.offset, refusal=InvalidMessage(ErrorType.INTERNAL_ERROR, reason)
    )


def _take(
    case: PendingTransaction,
    label: KnownLabel,
    matures: float,
    sampler: GenuineSampler,
    emission: LabellingResult,
) -> LabelResult:
    """Put a label into force and learn what it changes."""
    row = case.row
    if case.label is not None and label <= case.label:
        return LabelResult.STALE
    case.label = label
    if abs(label.time - matures) <= SAME_TIME and not case.is_matured and case.learnt is None:
        return LabelResult.MATURED  # the horizon, which is due now, learns it
    if case.learnt == label.is_fraud:
        return LabelResult.CONFIRMED
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
        emission.examples.append(_example(case, maturity, rate, time))
    return LabelResult.EARLY if maturity is Maturity.EARLY else LabelResult.CORRECTED


def _mature(
    case: PendingTransaction, matures: float, sampler: GenuineSampler, emission: LabellingResult
) -> None:
    """Take the outcome as final."""
    row = case.row
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
        emission.examples.append(_example(case, Maturity.MATURED, rate, matures))


def _matured_event(row: ScoredTransaction, matures: float, matured: int, frauds: int) -> OutcomeEvent:
    """What a final outcome, or its correction, adds to the reputations."""
    unexplained = 0 if row.amount_is_unusual else frauds
    return OutcomeEvent(matures, row.event_time, matured, frauds, 0, unexplained)


def _early_event(row: ScoredTransaction, frauds: int, genuine: int) -> OutcomeEvent:
    """What a label before the horizon, or its correction, adds to the reputations."""
    unexplained = 0 if row.amount_is_unusual else frauds
    return OutcomeEvent(row.event_time, row.event_time, 0, 0, frauds, 0, unexplained, genuine)


def _example(case: PendingTransaction, maturity: Maturity, rate: float, learn_time: float) -> Example:
    """An example of what the case was just learnt as."""
    row, label = case.row, case.label
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
