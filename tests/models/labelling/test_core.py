"""Labelling: an example for each thing that became known, at its time, in an order that data alone decide."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from math import nan
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.decay import DAY
from models.labelling.core import LabellingCore, LabellingResult, LabellingRules, LabelResult
from models.labelling.pending import SAME_TIME
from models.labelling.store import MemoryPendingStore
from models.profiles.fold import HIGH_RATIO
from schemas.errors import ErrorType, InvalidMessage
from schemas.example import Maturity
from schemas.label import LabelOrigin, Outcome
from schemas.outcome import OutcomeEvent
from tests.models.labelling_cases import HORIZON, START, core, label, row

if TYPE_CHECKING:
    from models.labelling.pending import Cases

FRAUD, GENUINE = Outcome.FRAUD, Outcome.GENUINE
COUNTED = OutcomeEvent._fields[2:]
MATURED_FRAUD = Counter(matured=1, frauds=1, unexplained_frauds=1)
EARLY_FRAUD = Counter(early_frauds=1, early_unexplained=1)


def told(emission: LabellingResult) -> list[tuple[str, Outcome, Maturity]]:
    return [(each.transaction_id, each.outcome, each.maturity) for each in emission.examples]


def at(day: float) -> float:
    return START + day * DAY


def totals(*emissions: LabellingResult) -> dict[str, Counter[str]]:
    """What is counted, by its name, for each thing that transactions name."""
    counts: dict[str, Counter[str]] = {}
    for emission in emissions:
        for (kind, name), events in emission.outcomes.items():
            count = counts.setdefault(f"{kind}:{name}", Counter())
            for event in events:
                count.update({field: getattr(event, field) for field in COUNTED})
    return counts


def test_without_a_label_a_transaction_is_genuine_once_its_horizon_has_passed() -> None:
    labelling = core()
    labelling.take_score(row())
    assert not labelling.advance(at(7) - 1).examples
    emission = labelling.advance(at(7))
    assert told(emission) == [("t1", GENUINE, Maturity.MATURED)]
    genuine = Counter(matured=1)
    assert totals(emission) == {"counterparty:terminal_a": genuine, "country:FR": genuine}
    assert not labelling.advance(at(20)).examples


def test_an_early_label_is_learnt_at_its_own_time_and_not_again_at_the_horizon() -> None:
    labelling = core()
    labelling.take_score(row())
    labelling.take_label(label(day=1), recorded_at=123.0)
    assert not labelling.advance(at(1) - 1).examples, "a label planted early changes nothing before its time"
    early = labelling.advance(at(1))
    assert told(early) == [("t1", FRAUD, Maturity.EARLY)]
    assert early.examples[0].label_recorded_at is not None
    assert early.examples[0].label_recorded_at.timestamp() == 123.0
    matured = labelling.advance(at(8))
    assert not matured.examples
    counted = MATURED_FRAUD + EARLY_FRAUD
    assert totals(early, matured) == {
        "counterparty:terminal_a": counted,
        "country:FR": counted,
        "subject:card_a": counted - Counter(matured=1),
    }


def test_a_label_just_at_the_horizon_is_matured_and_not_early() -> None:
    labelling = core()
    labelling.take_score(row())
    labelling.take_label(label(day=7), 0.0)
    emission = labelling.advance(at(7))
    assert told(emission) == [("t1", FRAUD, Maturity.MATURED)]
    assert totals(emission)["counterparty:terminal_a"] == MATURED_FRAUD


def test_a_label_just_at_the_horizon_corrects_an_early_one() -> None:
    labelling = core()
    labelling.take_score(row())
    labelling.take_label(label(day=1, outcome=GENUINE), 0.0)
    labelling.take_label(label(day=7), 0.0)
    early, at_the_horizon = labelling.advance(at(7) - 1), labelling.advance(at(7))
    assert told(at_the_horizon) == [("t1", FRAUD, Maturity.CORRECTED)]
    assert totals(early, at_the_horizon)["counterparty:terminal_a"] == MATURED_FRAUD + EARLY_FRAUD
    assert at_the_horizon.fates == {LabelResult.CORRECTED: 1}


@pytest.mark.parametrize("is_seen_first", [True, False])
@pytest.mark.parametrize("missed_by", [-SAME_TIME / 2, SAME_TIME / 2])
def test_a_label_that_misses_the_horizon_by_rounding_alone_is_one_at_the_horizon(
    missed_by: float, *, is_seen_first: bool
) -> None:
    labelling = core()
    if is_seen_first:
        labelling.take_score(row())
    labelling.take_label(label(day=7 + missed_by / DAY), 0.0)
    labelling.take_score(row())
    assert not labelling.advance(at(7) - SAME_TIME).examples
    emission = labelling.advance(at(7))
    assert told(emission) == [("t1", FRAUD, Maturity.MATURED)]
    assert totals(emission)["counterparty:terminal_a"] == MATURED_FRAUD
    assert emission.fates == {LabelResult.MATURED: 1}
    assert not labelling.advance(at(8)).examples


@pytest.mark.parametrize(
    ("missed_by", "said"),
    [
        (-2 * SAME_TIME, [("t1", FRAUD, Maturity.EARLY)]),
        (2 * SAME_TIME, [("t1", GENUINE, Maturity.MATURED), ("t1", FRAUD, Maturity.CORRECTED)]),
    ],
)
def test_a_label_that_misses_the_horizon_by_more_is_early_or_a_correction(
    missed_by: float, said: list[tuple[str, Outcome, Maturity]]
) -> None:
    labelling = core()
    labelling.take_score(row())
    labelling.take_label(label(day=7 + missed_by / DAY), 0.0)
    assert told(labelling.advance(at(8))) == said


def test_a_label_after_the_horizon_corrects_what_was_learnt_and_counted() -> None:
    labelling = core()
    labelling.take_score(row())
    before = labelling.advance(at(8))
    labelling.take_label(label(day=20, origin=LabelOrigin.CHARGEBACK), 0.0)
    after = labelling.advance(at(21))
    assert told(before) + told(after) == [
        ("t1", GENUINE, Maturity.MATURED),
        ("t1", FRAUD, Maturity.CORRECTED),
    ]
    assert totals(before)["counterparty:terminal_a"] == Counter(matured=1)
    assert totals(before, after)["counterparty:terminal_a"] == MATURED_FRAUD


def test_a_verdict_that_is_taken_back_is_counted_back() -> None:
    labelling = core()
    labelling.take_score(row())
    labelling.take_label(label(day=1), 0.0)
    labelling.take_label(label(day=2, outcome=GENUINE), 0.0)
    emission = labelling.advance(at(9))
    assert told(emission) == [("t1", FRAUD, Maturity.EARLY), ("t1", GENUINE, Maturity.CORRECTED)]
    assert totals(emission)["counterparty:terminal_a"] == Counter(matured=1, early_genuine=1)


def test_an_early_genuine_verdict_is_counted_at_once_and_counted_back_by_a_correction() -> None:
    labelling = core()
    labelling.take_score(row())
    labelling.take_label(label(day=1, outcome=GENUINE), 0.0)
    cleared = labelling.advance(at(1))
    assert totals(cleared)["counterparty:terminal_a"] == Counter(early_genuine=1)
    assert events_of(cleared, "counterparty") == [OutcomeEvent(at(0), at(0), 0, 0, 0, 0, 0, 1)]
    labelling.take_label(label(day=2), 0.0)
    accused = labelling.advance(at(2))
    assert told(accused) == [("t1", FRAUD, Maturity.CORRECTED)]
    assert totals(cleared, accused)["counterparty:terminal_a"] == EARLY_FRAUD
    matured = labelling.advance(at(7))
    assert totals(cleared, accused, matured)["counterparty:terminal_a"] == MATURED_FRAUD + EARLY_FRAUD


def test_a_correction_after_the_horizon_leaves_what_was_said_early_as_it_was() -> None:
    labelling = core()
    labelling.take_score(row())
    labelling.take_label(label(day=1, outcome=GENUINE), 0.0)
    labelling.take_label(label(day=20), 0.0)
    counted = totals(labelling.advance(at(21)))["counterparty:terminal_a"]
    assert counted == MATURED_FRAUD + Counter(early_genuine=1)


def test_a_label_that_comes_again_or_too_late_to_matter_changes_nothing() -> None:
    labelling = core()
    labelling.take_score(row())
    for day in (2, 2, 1):
        labelling.take_label(label(day=day), 0.0)
        labelling.advance(at(3))
    labelling.take_label(label(day=5, origin=LabelOrigin.CHARGEBACK), 0.0)
    emission = labelling.advance(at(9))
    assert not emission.examples
    assert emission.fates == {LabelResult.CONFIRMED: 1}


def test_a_label_waits_for_its_transaction() -> None:
    labelling = core()
    labelling.take_label(label(day=1), 0.0)
    assert not labelling.advance(at(2)).examples
    labelling.take_score(row())
    assert told(labelling.advance(at(2))) == [("t1", FRAUD, Maturity.EARLY)]


def test_a_label_of_a_transaction_never_seen_is_given_up_in_the_end() -> None:
    labelling = core()
    labelling.take_label(label(day=1), 0.0)
    emission = labelling.advance(at(31))
    assert emission.fates == {LabelResult.UNSEEN: 1}
    assert len(labelling) == 0


def test_the_same_id_of_two_subjects_is_two_transactions() -> None:
    labelling = core()
    labelling.take_score(row(subject="card_a"))
    labelling.take_score(row(subject="card_b"))
    labelling.take_label(label(subject="card_b"), 0.0)
    assert [each.subject for each in labelling.advance(at(2)).examples] == ["card_b"]


def test_transactions_are_forgotten_in_the_end() -> None:
    labelling = core()
    labelling.take_score(row())
    labelling.advance(at(29))
    assert len(labelling) == 1
    labelling.advance(at(30))
    assert len(labelling) == 0


def test_a_matured_transaction_is_observed_with_what_was_said_when_it_was_scored() -> None:
    labelling = core()
    labelling.take_score(row("t1", alerted=True))
    labelling.take_score(row("t2"))
    labelling.take_label(label("t1", day=3), 0.0)
    first, second = labelling.advance(at(7)).observations
    assert (first.row.alerted, first.is_fraud, first.label_delay) == (True, True, 3 * DAY)
    assert (second.row.alerted, second.is_fraud, second.label_delay) == (False, False, None)


def test_genuine_rows_are_sampled_by_their_id_and_say_so() -> None:
    rules = LabellingRules(horizon=HORIZON, genuine_share=0.25, examples_per_second=1e9)
    labelling, again = core(rules), core(rules)
    for each in (labelling, again):
        for number in range(400):
            each.take_score(row(f"t{number}"))
    kept = labelling.advance(at(7)).examples
    assert {example.sampling_rate for example in kept} == {0.25}
    assert 70 <= len(kept) <= 130
    assert [each.transaction_id for each in kept] == [
        each.transaction_id for each in again.advance(at(7)).examples
    ]


def test_frauds_are_all_learnt_however_small_the_sample() -> None:
    labelling = core(LabellingRules(genuine_share=1e-9))
    for number in range(20):
        labelling.take_score(row(f"t{number}"))
        labelling.take_label(label(f"t{number}", day=7), 0.0)
    examples = labelling.advance(at(7)).examples
    assert [example.sampling_rate for example in examples] == [1.0] * 20


def test_the_genuine_verdict_on_an_alert_is_always_learnt_and_another_one_only_by_sample() -> None:
    """Verdicts on alerts are few and dear; what else is called genuine is one of many."""
    labelling = core(LabellingRules(horizon=HORIZON, genuine_share=0.25, examples_per_second=1e9))
    for number in range(400):
        for subject in ("alerted", "approved"):
            name = f"{subject}{number}"
            labelling.take_score(row(name, subject=subject, alerted=subject == "alerted"))
            labelling.take_label(label(name, outcome=GENUINE, subject=subject), 0.0)
    emission = labelling.advance(at(1))
    assert {(each.outcome, each.maturity) for each in emission.examples} == {(GENUINE, Maturity.EARLY)}
    rates = Counter((each.subject, each.sampling_rate) for each in emission.examples)
    assert set(rates) == {("alerted", 1.0), ("approved", 0.25)}
    assert rates["alerted", 1.0] == 400
    assert 70 <= rates["approved", 0.25] <= 130
    assert totals(emission)["counterparty:terminal_a"] == Counter(early_genuine=800), "counted, learnt or not"
    assert not labelling.advance(at(7)).examples, "what was left out is not drawn again"


@pytest.mark.parametrize(
    ("outcomes", "learnt"),
    [
        ([GENUINE], []),
        ([FRAUD], [FRAUD]),
        ([GENUINE, FRAUD], [FRAUD]),
        ([FRAUD, GENUINE], [FRAUD, GENUINE]),
    ],
)
def test_an_early_fraud_and_any_correction_are_learnt_however_small_the_sample(
    outcomes: list[Outcome], learnt: list[Outcome]
) -> None:
    labelling = core(LabellingRules(genuine_share=1e-9))
    labelling.take_score(row())
    for day, outcome in enumerate(outcomes, 1):
        labelling.take_label(label(day=day, outcome=outcome), 0.0)
    examples = labelling.advance(at(6)).examples
    assert [(each.outcome, each.sampling_rate) for each in examples] == [(each, 1.0) for each in learnt]


just_beside_a_horizon = st.builds(
    lambda day, missed_by: day + missed_by / DAY,
    st.integers(7, 11),
    st.sampled_from([-SAME_TIME / 2, 0.0, SAME_TIME / 2]),
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("score"), st.integers(0, 4), st.floats(0, 10)),
        st.tuples(
            st.sampled_from(["fraud", "genuine"]), st.integers(0, 4), st.floats(0, 20) | just_beside_a_horizon
        ),
    ),
    max_size=25,
)


def feed(labelling: LabellingCore, event: tuple[str, int, float]) -> None:
    kind, number, day = event
    if kind == "score":
        labelling.take_score(row(f"t{number}", day=number))
    else:
        labelling.take_label(label(f"t{number}", day=day, outcome=Outcome(kind)), 0.0)


@settings(max_examples=100)
@given(events=EVENTS, cuts=st.lists(st.floats(0, 45) | just_beside_a_horizon, max_size=6))
def test_how_often_the_clock_is_looked_at_changes_nothing(
    events: list[tuple[str, int, float]], cuts: list[float]
) -> None:
    at_once, in_steps = core(), core()
    for event in events:
        feed(at_once, event)
        feed(in_steps, event)
    whole = at_once.advance(at(46))
    parts = [in_steps.advance(at(day)) for day in [*sorted(cuts), 46]]
    assert whole.examples == [example for part in parts for example in part.examples]
    assert totals(whole) == totals(*parts)


@settings(max_examples=100)
@given(events=EVENTS, seed=st.integers(0, 1_000))
def test_the_order_of_arrival_changes_nothing_as_long_as_all_came_before_their_time(
    events: list[tuple[str, int, float]], seed: int
) -> None:
    shuffled = Random(seed).sample(events, len(events))
    one, other = core(), core()
    for event in events:
        feed(one, event)
    for event in shuffled:
        feed(other, event)
    assert one.advance(at(46)).examples == other.advance(at(46)).examples


@settings(max_examples=100)
@given(events=EVENTS, clock=st.floats(0, 25) | just_beside_a_horizon, seed=st.integers(0, 1_000))
@example(
    events=[("score", 2, 0.0), ("fraud", 2, 9.0), ("fraud", 2, 10.0), ("genuine", 2, 0.0)], clock=9.0, seed=0
)
def test_what_came_late_ends_in_the_same_state_in_whatever_order(
    events: list[tuple[str, int, float]], clock: float, seed: int
) -> None:
    """So a store that was lost can be filled again from the topics without telling anything twice."""
    shuffled = Random(seed).sample(events, len(events))
    one, other = core(), core()
    for event in events:
        feed(one, event)
        one.advance(at(clock))
    for event in shuffled:
        feed(other, event)
    other.advance(at(clock))
    later = [one.advance(at(46)), other.advance(at(46))]
    assert later[0].examples == later[1].examples
    assert totals(later[0]) == totals(later[1])


@settings(max_examples=100)
@given(events=EVENTS, at_most=st.integers(1, 5))
def test_looking_at_some_of_what_is_due_at_a_time_tells_the_same_in_the_end(
    events: list[tuple[str, int, float]], at_most: int
) -> None:
    at_once, in_parts = core(), core()
    for event in events:
        feed(at_once, event)
        feed(in_parts, event)
    parts = [in_parts.advance(at(46), at_most)]
    while not parts[-1].is_whole:
        assert in_parts.clock < at(46), "what is left is not counted as told"
        parts.append(in_parts.advance(at(46), at_most))
    whole = at_once.advance(at(46))
    assert whole.examples == [example for part in parts for example in part.examples]
    observed = [observation.row.key for part in parts for observation in part.observations]
    assert [observation.row.key for observation in whole.observations] == observed
    assert totals(whole) == totals(*parts)
    assert in_parts.clock == at_once.clock == at(46)


def events_of(emission: LabellingResult, kind: str) -> list[OutcomeEvent]:
    return [event for (named, _), events in emission.outcomes.items() if named == kind for event in events]


def test_early_frauds_fade_from_when_they_happened_and_matured_ones_from_the_horizon() -> None:
    labelling = core()
    labelling.take_score(row(day=1))
    labelling.take_label(label(day=3), 0.0)
    emission = labelling.advance(at(8))
    early = OutcomeEvent(at(1), at(1), 0, 0, 1, 0, early_unexplained=1)
    assert events_of(emission, "counterparty") == [early, OutcomeEvent(at(8), at(1), 1, 1, 0, 1)]
    assert events_of(emission, "subject") == [early, OutcomeEvent(at(8), at(1), 0, 1, 0, 1)]


@pytest.mark.parametrize(("ratio", "unexplained"), [(HIGH_RATIO, 1), (HIGH_RATIO + 0.1, 0)])
def test_a_fraud_whose_amount_was_unusual_for_who_paid_is_explained_by_it(
    ratio: float, unexplained: int
) -> None:
    labelling = core()
    labelling.take_score(row(amount_ratio=ratio))
    [event] = events_of(labelling.advance(at(8)), "counterparty")
    assert event.unexplained_frauds == 0, "genuine so far"
    labelling.take_label(label(day=20), 0.0)
    [correction] = events_of(labelling.advance(at(20)), "counterparty")
    assert (correction.frauds, correction.unexplained_frauds) == (1, unexplained)


@pytest.mark.parametrize(("ratio", "unexplained"), [(HIGH_RATIO, 1), (HIGH_RATIO + 0.1, 0)])
def test_an_early_fraud_is_explained_by_an_unusual_amount_too_and_counted_back_likewise(
    ratio: float, unexplained: int
) -> None:
    labelling = core()
    labelling.take_score(row(amount_ratio=ratio))
    labelling.take_label(label(day=1), 0.0)
    [early] = events_of(labelling.advance(at(1)), "counterparty")
    assert (early.early_frauds, early.early_unexplained) == (1, unexplained)
    labelling.take_label(label(day=2, outcome=GENUINE), 0.0)
    [back] = events_of(labelling.advance(at(2)), "counterparty")
    assert (back.early_frauds, back.early_unexplained, back.early_genuine) == (-1, -unexplained, 1)


def test_of_genuine_transactions_the_one_who_paid_hears_nothing() -> None:
    labelling = core()
    labelling.take_score(row())
    assert events_of(labelling.advance(at(8)), "subject") == []
    labelling.take_score(row("t2", day=8))
    labelling.take_label(label("t2", day=9, outcome=GENUINE), 0.0)
    assert events_of(labelling.advance(at(16)), "subject") == []


@pytest.mark.parametrize("outcomes", [(GENUINE, FRAUD), (FRAUD, GENUINE)])
def test_when_a_verdict_changes_who_paid_hears_of_the_fraud_alone(outcomes: tuple[Outcome, ...]) -> None:
    labelling = core()
    labelling.take_score(row())
    for day, outcome in enumerate(outcomes, 1):
        labelling.take_label(label(day=day, outcome=outcome), 0.0)
    emission = labelling.advance(at(6))
    counted = EARLY_FRAUD if outcomes[-1] is FRAUD else Counter()
    assert totals(emission)["subject:card_a"] == counted
    assert {event.early_genuine for event in events_of(emission, "subject")} == {0}


def test_a_clock_that_is_set_back_stays() -> None:
    labelling = core()
    labelling.take_score(row())
    labelling.advance(at(6))
    labelling.advance(at(1))
    assert labelling.clock == pytest.approx(at(6))


# -- several transactions of one id


def learned(emission: LabellingResult) -> list[tuple[float, Outcome, Maturity]]:
    """Day of each transaction that was learned, and what it was learned as."""
    return [
        ((each.event_time.timestamp() - START) / DAY, each.outcome, each.maturity)
        for each in emission.examples
    ]


def test_transactions_that_share_an_id_each_come_to_their_own_outcome() -> None:
    labelling = core()
    for day in (2, 0, 1, 1):
        labelling.take_score(row(day=day))
    emission = labelling.advance(at(20))
    assert learned(emission) == [(day, GENUINE, Maturity.MATURED) for day in (0, 1, 2)]
    assert totals(emission)["counterparty:terminal_a"] == Counter(matured=3)
    labelling.advance(at(31))
    assert len(labelling) == 1, "each is kept for its own time"
    labelling.advance(at(32))
    assert len(labelling) == 0


@pytest.mark.parametrize("is_seen_first", [True, False])
def test_a_label_that_names_the_event_time_is_learned_for_that_transaction_alone(
    *, is_seen_first: bool
) -> None:
    labelling = core()
    if is_seen_first:
        labelling.take_score(row(day=0))
        labelling.take_score(row(day=1))
    labelling.take_label(label(day=2, happened=1), 0.0)
    labelling.take_score(row(day=0))
    labelling.take_score(row(day=1))
    assert learned(labelling.advance(at(3))) == [(1, FRAUD, Maturity.EARLY)]
    assert learned(labelling.advance(at(20))) == [(0, GENUINE, Maturity.MATURED)]


def test_a_label_that_names_another_event_time_than_the_transaction_has_is_never_learned_for_it() -> None:
    labelling = core()
    labelling.take_score(row(day=0))
    labelling.take_label(label(day=2, happened=1), 0.0)
    emission = labelling.advance(at(40))
    assert learned(emission) == [(0, GENUINE, Maturity.MATURED)]
    assert emission.fates == {LabelResult.UNSEEN: 1}
    assert len(labelling) == 0


def test_a_label_that_may_be_about_several_transactions_is_refused_and_says_how_to_send_it() -> None:
    labelling = core()
    labelling.take_score(row(day=0))
    labelling.take_score(row(day=1))
    with pytest.raises(InvalidMessage, match="send it again with the event_time") as refused:
        labelling.take_label(label(day=2), 0.0)
    assert refused.value.error_type is ErrorType.AMBIGUOUS_LABEL
    assert learned(labelling.advance(at(20))) == [(day, GENUINE, Maturity.MATURED) for day in (0, 1)]


def test_a_label_that_becomes_ambiguous_while_it_waits_is_set_apart_where_it_stood() -> None:
    labelling = core()
    labelling.take_label(label(day=2), 0.0, offset=77)
    labelling.take_score(row(day=0))
    labelling.take_score(row(day=1))
    emission = labelling.advance(at(3))
    [apart] = emission.set_apart
    assert (apart.is_label, apart.offset) == (True, 77)
    assert apart.refusal.error_type is ErrorType.AMBIGUOUS_LABEL
    assert not emission.examples
    later = labelling.advance(at(20))
    assert learned(later) == [(day, GENUINE, Maturity.MATURED) for day in (0, 1)]
    assert not later.set_apart


def test_a_label_is_of_no_transaction_that_happened_after_it() -> None:
    labelling = core()
    labelling.take_score(row(day=0))
    labelling.take_score(row(day=3))
    labelling.take_label(label(day=2), 0.0)
    assert learned(labelling.advance(at(4))) == [(0, FRAUD, Maturity.EARLY)]
    assert learned(labelling.advance(at(20))) == [(3, GENUINE, Maturity.MATURED)]


REUSED = st.lists(
    st.one_of(
        st.tuples(st.just("score"), st.integers(0, 1), st.integers(0, 3), st.none()),
        st.tuples(
            st.sampled_from(["fraud", "genuine"]),
            st.integers(0, 1),
            st.integers(4, 14) | just_beside_a_horizon,
            st.none() | st.integers(0, 3),
        ),
    ),
    max_size=20,
)


@settings(max_examples=200)
@given(events=REUSED, seed=st.integers(0, 1_000), cuts=st.lists(st.floats(14, 45), max_size=3))
def test_of_reused_ids_too_the_order_of_arrival_changes_nothing_as_long_as_all_came_before_their_time(
    events: list[tuple[str, int, float, int | None]], seed: int, cuts: list[float]
) -> None:
    learned_by = []
    for order in (events, Random(seed).sample(events, len(events))):
        labelling, emission = core(), LabellingResult()
        for kind, number, day, happened in order:
            if kind == "score":
                labelling.take_score(row(f"t{number}", day=day))
                continue
            with suppress(InvalidMessage):
                labelling.take_label(label(f"t{number}", day, Outcome(kind), happened=happened), at(day))
        for day in [*(sorted(cuts) if order is events else []), 90]:
            emission.add(labelling.advance(at(day)))
        assert len(labelling) == 0
        learned_by.append((emission.examples, totals(emission)))
    assert learned_by[0] == learned_by[1]


# -- what cannot be learned


def test_a_stored_transaction_that_cannot_be_matured_is_set_apart_by_itself() -> None:
    labelling = core()
    labelling.take_score(row("t1"))
    labelling.take_score(replace(row("t2"), score=nan, offset=41))
    labelling.take_score(row("t3"))
    emission = labelling.advance(at(8))
    assert [each.transaction_id for each in emission.examples] == ["t1", "t3"]
    assert totals(emission)["counterparty:terminal_a"] == Counter(matured=2), "nothing of it was told"
    [apart] = emission.set_apart
    assert (apart.is_label, apart.offset, apart.refusal.error_type) == (False, 41, ErrorType.INTERNAL_ERROR)
    assert not labelling.advance(at(40)).set_apart
    assert len(labelling) == 0


def test_a_disk_that_fails_is_no_fault_of_a_transaction() -> None:
    class Failing(MemoryPendingStore):
        def get(self, key: str) -> Cases | None:
            if self.fails:
                raise OSError("the disk fails")
            return super().get(key)

        fails = False

    rows = Failing()
    labelling = LabellingCore(LabellingRules(), rows)
    labelling.take_score(row())
    rows.fails = True
    with pytest.raises(OSError, match="the disk fails"):
        labelling.advance(at(8))


def test_what_cannot_be_read_of_the_store_is_counted_and_stops_nobody() -> None:
    class Damaged(MemoryPendingStore):
        def get(self, key: str) -> Cases | None:
            if key.endswith("t1"):
                raise ValueError("packed otherwise")
            return super().get(key)

    labelling = LabellingCore(LabellingRules(genuine_share=1.0), Damaged())
    labelling.take_score(row("t2"))
    labelling._rows.schedule(at(7), row("t1").key)
    emission = labelling.advance(at(8))
    assert [each.transaction_id for each in emission.examples] == ["t2"]
    assert emission.unreadable == 1
    assert labelling.advance(at(9)).unreadable == 0


def test_a_label_whose_transaction_does_not_come_is_given_up_by_its_arrival() -> None:
    labelling = core()
    labelling.take_label(label(day=-400), at(0))
    labelling.advance(at(29))
    assert len(labelling) == 1, "its transaction may still be on its way"
    assert labelling.advance(at(30)).fates == {LabelResult.UNSEEN: 1}
    assert len(labelling) == 0
