"""Reasons: stable codes, each feature under one of them, weightiest first."""

from __future__ import annotations

import re

import numpy as np
import pytest

from models.scoring.features import FEATURES, NAMES
from models.scoring.prior import TERMS
from models.scoring.reasons import LEAST_CONTRIBUTION, MOST_REASONS, REASON_CODES, explain


def row(**named: float) -> np.ndarray:
    values = np.zeros(len(FEATURES))
    for name, value in named.items():
        values[NAMES.index(name)] = value
    return values


def test_each_feature_speaks_under_one_code() -> None:
    """A learnt model weighs them all; what it alerts by must have a reason."""
    spoken = [name for story in REASON_CODES for name in story.features]
    assert sorted(spoken) == sorted(NAMES)
    assert {term.feature for term in TERMS} <= set(spoken)


def test_codes_are_unique_constants_with_a_sentence_and_show_known_features() -> None:
    assert len({story.code for story in REASON_CODES}) == len(REASON_CODES)
    for story in REASON_CODES:
        assert re.fullmatch(r"[A-Z][A-Z_]{3,31}", story.code)
        assert story.text.endswith(".")
        assert {story.shown, story.normal or story.shown} <= set(NAMES)


def test_contributions_of_one_story_add_up_and_the_weightiest_comes_first() -> None:
    reasons = explain(row(hour=3.0, night=1.0), row(night=0.4, hour=0.3, new_counterparty=0.5))
    assert [(reason.code, reason.contribution) for reason in reasons] == [
        ("NIGHT", pytest.approx(0.7)),
        ("NEW_COUNTERPARTY", pytest.approx(0.5)),
    ]
    assert reasons[0].value == 3.0


@pytest.mark.parametrize(
    ("feature", "code"),
    [
        ("since_known_fraud", "KNOWN_FRAUD_BEFORE"),
        ("counterparty_fraud_run", "COUNTERPARTY_FRAUD_HISTORY"),
        ("unexplained_fraud_share_28d", "COUNTERPARTY_FRAUD_HISTORY"),
        ("merchant_early_frauds_7d", "MERCHANT_FRAUD_HISTORY"),
        ("purpose_fraud_share_7d", "PURPOSE_FRAUD_HISTORY"),
    ],
)
def test_what_labels_say_of_either_side_is_told_under_its_own_code(feature: str, code: str) -> None:
    assert [reason.code for reason in explain(row(), row(**{feature: 1.0}))] == [code]


def test_what_lowers_the_score_or_hardly_raises_it_is_no_reason() -> None:
    assert explain(row(), row(night=-2.0, new_counterparty=LEAST_CONTRIBUTION / 2)) == []


def test_there_are_never_more_reasons_than_an_analyst_reads() -> None:
    assert len(explain(row(), np.ones(len(FEATURES)))) == MOST_REASONS


def test_normal_is_the_subjects_own_and_unknown_without_a_past() -> None:
    told = row(amount_ratio=2.0, window_count_1h=1.0)
    amount, many = explain(row(amount=900.0, own_mean=20.0, count_30d=72.0, window_count_1h=9.0), told)
    assert (amount.code, amount.value, amount.normal_for_subject) == ("AMOUNT_ABOVE_NORMAL", 900.0, 20.0)
    assert (many.code, many.value, many.normal_for_subject) == ("MANY_IN_SHORT_TIME", 9.0, pytest.approx(0.1))
    first = explain(row(amount=900.0, own_mean=900.0, count_30d=1.0), told)
    assert [reason.normal_for_subject for reason in first] == [None, None]
