"""The measures of a backtest, held to plain definitions and to values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.quality.evaluation import (
    alerts_hit,
    average_precision,
    calibration_error,
    card_precision,
    cards_hit,
    log_loss,
    reliability,
    roc_auc,
    transactions_hit,
)

few_scores = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])  # few, so that many are equal
rows = st.lists(st.tuples(st.booleans(), few_scores), min_size=2, max_size=40).filter(
    lambda drawn: len({outcome for outcome, _ in drawn}) == 2
)
Columns = tuple[np.ndarray, np.ndarray]


def columns(drawn: list[tuple[bool, float]]) -> Columns:
    outcomes, scores = zip(*drawn, strict=True)
    return np.array(outcomes), np.array(scores)


@given(rows)
def test_auc_is_the_share_of_pairs_in_the_right_order(drawn: list[tuple[bool, float]]) -> None:
    frauds = [score for outcome, score in drawn if outcome]
    genuine = [score for outcome, score in drawn if not outcome]
    won = sum((fraud > other) + 0.5 * (fraud == other) for fraud in frauds for other in genuine)
    assert roc_auc(*columns(drawn)) == pytest.approx(won / (len(frauds) * len(genuine)))


@given(rows)
def test_average_precision_is_the_mean_precision_at_each_fraud(drawn: list[tuple[bool, float]]) -> None:
    at_frauds = []
    for outcome, score in drawn:
        if outcome:
            flagged = [other for other, at_least in drawn if at_least >= score]
            at_frauds.append(sum(flagged) / len(flagged))
    assert average_precision(*columns(drawn)) == pytest.approx(np.mean(at_frauds))


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(drawn: list[tuple[bool, float]], order: object) -> None:
    shuffled = drawn.copy()
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    for measure in (roc_auc, average_precision, log_loss):
        assert measure(*columns(shuffled)) == pytest.approx(measure(*columns(drawn)))


def test_known_values() -> None:
    outcomes, scores = np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8])
    assert roc_auc(outcomes, scores) == pytest.approx(0.75)  # both as in scikit-learn's documentation
    assert average_precision(outcomes, scores) == pytest.approx(0.8333333)
    assert log_loss(outcomes, scores) == pytest.approx(-np.mean(np.log([0.9, 0.6, 0.35, 0.8])))


@pytest.mark.parametrize("outcomes", [[True, True], [False, False]])
def test_one_outcome_alone_is_refused(outcomes: list[bool]) -> None:
    for measure in (roc_auc, average_precision):
        with pytest.raises(ValueError, match="cannot be told apart"):
            measure(np.array(outcomes), np.array([0.5, 0.2]))


def test_a_found_card_leaves_the_days_after_and_ranks_by_its_highest_score() -> None:
    days = np.array([0, 0, 0, 0, 1, 1, 1])
    cards = np.array([1, 1, 2, 3, 1, 2, 3])
    outcomes = np.array([True, False, False, True, True, True, False])
    scores = np.array([0.2, 0.9, 0.5, 0.1, 0.9, 0.4, 0.3])
    # Day 0: card 1 leads by a genuine payment but is compromised: found. Day 1: card 2 is first without it.
    assert card_precision(outcomes, scores, cards, days, 1) == 1.0
    # Day 0: card 1 of {1, 2}; day 1: card 2 of {2, 3}.
    assert card_precision(outcomes, scores, cards, days, 2) == 0.5
    # Nobody leaves: day 0: card 1 of {1, 2}; day 1: cards 1 and 2.
    assert cards_hit(outcomes, scores, cards, days, 2) == 0.75
    # Day 0: the two highest are genuine. Day 1: both are frauds.
    assert transactions_hit(outcomes, scores, days, 2) == 0.5


day_rows = st.lists(
    st.tuples(st.booleans(), st.floats(0, 1), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=60
)


@given(day_rows, st.integers(1, 4))
def test_card_precision_by_the_letter(drawn: list[tuple[bool, float, int, int]], k: int) -> None:
    outcomes, scores, cards, days = (np.array(column) for column in zip(*drawn, strict=True))
    found: set[int] = set()
    daily = []
    for day in sorted(set(days.tolist())):
        highest: dict[int, float] = {}
        for _, score, card, when in drawn:
            if when == day and card not in found:
                highest[card] = max(score, highest.get(card, -1.0))
        top = sorted(highest, key=lambda card: (-highest[card], card))[:k]
        hit = {card for card in top if (True, card, day) in {(o, c, d) for o, _, c, d in drawn}}
        daily.append(len(hit) / k)
        found |= hit
    assert card_precision(outcomes, scores, cards, days, k) == pytest.approx(np.mean(daily))


def test_alerts_are_the_highest_scores() -> None:
    outcomes = np.array([True, False, True, False, False, False, False, False, False, True])
    scores = np.linspace(1.0, 0.1, 10)
    assert alerts_hit(outcomes, scores, 0.3) == (2 / 3, 2 / 3)
    assert alerts_hit(outcomes, scores, 0.0001) == (1.0, 1 / 3)


def test_scores_that_come_true_have_no_calibration_error() -> None:
    scores = np.repeat([0.1, 0.75], [100, 40])
    outcomes = np.concatenate([np.arange(100) < 10, np.arange(40) < 30])
    table = reliability(outcomes, scores)
    assert [(line.low, line.high, line.transactions) for line in table] == [(0.1, 0.2, 100), (0.7, 0.8, 40)]
    assert calibration_error(table) == pytest.approx(0.0)
    assert calibration_error(reliability(outcomes, scores + 0.05)) == pytest.approx(0.05)


@given(rows)
def test_a_reliability_table_holds_every_row_once(drawn: list[tuple[bool, float]]) -> None:
    outcomes, scores = columns(drawn)
    table = reliability(outcomes, scores)
    assert sum(line.transactions for line in table) == len(drawn)
    assert sum(line.transactions * line.fraud_share for line in table) == pytest.approx(outcomes.sum())
    assert math.isclose(
        sum(line.transactions * line.mean_score for line in table), scores.sum(), abs_tol=1e-9
    )
    overall = abs(scores.mean() - outcomes.mean())
    assert calibration_error(table) >= overall - 1e-9
    assert calibration_error(table) >= calibration_error(reliability(outcomes, scores, (0.0, 1.0))) - 1e-9
