"""The tally: what goes in comes out as a score, a dead letter or a repeat, and nothing is counted twice."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.demo.catches import DAY
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
from fraudstream.demo.tally import WARM_UP_SECONDS, WINDOW_SECONDS, Tally
from schemas.score import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fraudstream.demo.figures import Figures
    from schemas.alert import Alert


def figures(*events: Event, now: float = 0.0) -> Figures:
    return fed(events).figures(now)


def fed(events: Iterable[Event]) -> Tally:
    tally = Tally()
    for event in events:
        tally.take(event)
    return tally


def sent(transaction_id: str, at: float = 0.0, *, fraud: bool = False) -> TransactionSent:
    return TransactionSent(transaction_id, at, 1_000.0, fraud)


def score(transaction_id: str, at: float) -> ScoreRead:
    return ScoreRead(transaction_id, at, "prior")


def repeats(count: int) -> WorkerScraped:
    return WorkerScraped("demo-1", 0.0, 0, count, {}, {})


FATES: dict[str, tuple[tuple[Event, ...], tuple[Event, ...]]] = {
    "scored": ((sent("a"),), (score("a", 1.0),)),
    "refused": ((MalformedSent(),), (DeadLetterRead("pan"),)),
    "repeated": ((sent("b"), sent("b")), (score("b", 1.0), repeats(1))),
    "label": ((LabelSent(),), (LabelRead(),)),
}


@given(st.permutations(list(FATES)), st.data())
def test_all_is_accounted_for_exactly_when_nothing_is_missing(order: list[str], data: st.DataObject) -> None:
    outcomes = [outcome for fate in order for outcome in FATES[fate][1]]
    inputs = [event for fate in order for event in FATES[fate][0]]
    missing = data.draw(st.sampled_from([None, *range(len(outcomes))]))
    read = [event for place, event in enumerate(outcomes) if place != missing]
    assert figures(*inputs, *read).is_accounted_for is (missing is None)


def test_another_transactions_score_does_not_stand_for_a_missing_one() -> None:
    seen = figures(sent("a"), sent("b"), score("a", 1.0), DeadLetterRead("internal-error"))
    assert seen.on_the_way == 0
    assert not seen.is_accounted_for


def test_a_score_read_twice_counts_once_and_is_told() -> None:
    seen = figures(sent("a"), score("a", 1.0), score("a", 9.0))
    assert (seen.scored, seen.scored_again, seen.slowest) == (1, 1, 1.0)


def test_latency_counts_from_the_first_time_a_repeated_transaction_was_sent() -> None:
    seen = figures(sent("a", 1.0), sent("a", 2.0), score("a", 4.0))
    assert seen.latency == pytest.approx((3.0, 3.0))


def test_after_the_warm_up_latencies_are_also_told_without_it() -> None:
    start = [
        sent("cold", 0.0),
        score("cold", 5.0),
        WorkerScraped("demo-1", 5.0, 1, 0, {0.01: 0, 1.0: 0, inf: 1}, {}),
    ]
    cold = figures(*start)
    assert cold.warm_latency is None
    assert cold.own_latency == (1.0, 1.0)
    later = WARM_UP_SECONDS + 1
    warm = figures(
        *start,
        sent("warm", later),
        score("warm", later + 0.1),
        WorkerScraped("demo-1", later + 1, 2, 0, {0.01: 1, 1.0: 1, inf: 2}, {}),
    )
    assert warm.warm_latency == pytest.approx((0.1, 0.1))
    assert warm.slowest == 5.0
    assert warm.own_latency is not None
    assert warm.own_latency.p99 < 0.01


def test_rates_and_recent_latency_are_about_the_last_seconds() -> None:
    tally = fed([sent(str(number)) for number in range(100)])
    tally.take(score("0", 50.0))
    tally.figures(0.0)
    for moment in range(1, 21):
        tally.take(score(str(moment), 2.0))
        recent = tally.figures(float(moment))
    assert recent.sent_rate == 0
    assert recent.scored_rate == 1
    assert recent.recent_latency == pytest.approx((2.0, 2.0))
    assert recent.slowest == 50.0
    assert WINDOW_SECONDS < 20


def test_frauds_and_alerts_are_compared_by_transaction(make_alert: Callable[..., Alert]) -> None:
    seen = figures(
        sent("caught", fraud=True),
        sent("missed", fraud=True),
        sent("genuine"),
        AlertRead(make_alert("caught", Decision.DECLINE)),
        AlertRead(make_alert("genuine")),
    )
    assert (seen.frauds, seen.frauds_alerted, seen.alerted) == (2, 1, 2)
    assert seen.alerts == {"decline": 1, "review": 1}


def test_a_repeated_fraud_is_one_fraud() -> None:
    assert figures(sent("a", fraud=True), sent("a", fraud=True)).frauds == 1


def test_a_repeated_alert_is_one_alert(make_alert: Callable[..., Alert]) -> None:
    assert figures(AlertRead(make_alert("a")), AlertRead(make_alert("a"))).alerted == 1


def test_the_newest_alerts_come_first(make_alert: Callable[..., Alert]) -> None:
    seen = figures(*(AlertRead(make_alert(f"t{number}")) for number in range(30)))
    assert [alert.transaction.transaction_id for alert in seen.latest_alerts[:2]] == ["t29", "t28"]
    assert len(seen.latest_alerts) < 30


def test_dead_letters_are_counted_by_type_the_most_frequent_first() -> None:
    seen = figures(DeadLetterRead("pan"), DeadLetterRead("not-json"), DeadLetterRead("not-json"))
    assert list(seen.dead_letters.items()) == [("not-json", 2), ("pan", 1)]
    assert seen.refused == 3


def test_a_worker_counts_as_it_was_asked_last() -> None:
    seen = figures(
        WorkerScraped("demo-2", 0.0, 1, 0, {0.01: 1, 0.1: 1}, {}),
        WorkerScraped("demo-1", 0.0, 30, 1, {0.01: 0, 0.1: 30}, {}),
        WorkerScraped("demo-2", 0.0, 10, 2, {0.01: 10, 0.1: 10}, {}),
    )
    assert list(seen.shares.items()) == [("demo-1", 30), ("demo-2", 10)]
    assert seen.repeats == 3
    assert seen.own_latency is not None
    assert 0.01 < seen.own_latency.p50 < 0.1


def test_a_transaction_and_its_alert_count_on_the_transactions_own_day(
    make_alert: Callable[..., Alert],
) -> None:
    alert = make_alert("caught")
    noon = alert.transaction.event_timestamp
    seen = figures(
        TransactionSent("missed", 0.0, noon - DAY, fraud=True),
        score("missed", 1.0),
        TransactionSent("caught", 0.0, noon, fraud=True),
        TransactionSent("later", 0.0, noon + DAY, fraud=False),
        score("later", 1.0),
        score("caught", 1.0),
        *(AlertRead(alert), AlertRead(alert)),
    )
    assert seen.catches.days == ((1, 1, 0, 0), (2, 2, 1, 1), (3, 2, 1, 1))


def test_a_fraud_counts_as_missed_no_sooner_than_it_has_a_score() -> None:
    assert figures(sent("a", fraud=True)).catches.days == ()


def test_what_the_workers_say_of_learning_is_passed_on() -> None:
    lessons = figures(
        sent("a"),
        ScoreRead("a", 1.0, "forest@7"),
        LearnerScraped(7, 3),
        WorkerScraped("w", 0, 1, 0, {}, {1.0: 2}),
    ).lessons
    assert (lessons.model, lessons.examples, lessons.frauds, lessons.labels_learnt) == ("forest@7", 7, 3, 2)
