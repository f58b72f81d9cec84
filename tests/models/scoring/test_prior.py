"""The prior model: sensible before any label, and the same for a row whatever stands beside it."""

from __future__ import annotations

import numpy as np
import pytest

from models.scoring.features import FEATURES, NAMES
from models.scoring.prior import BIAS, TERMS, PriorModel, Term

TYPICAL = {term.feature: term.typical for term in TERMS}


def rows(*changes: dict[str, float]) -> np.ndarray:
    """Feature rows that are typical but for ``changes``."""
    values = np.zeros((len(changes), len(FEATURES)), dtype=np.float32)
    for row, change in enumerate(changes):
        for name, value in {**TYPICAL, **change}.items():
            values[row, NAMES.index(name)] = value
    return values


def test_a_typical_transaction_has_the_log_odds_of_the_bias() -> None:
    assert PriorModel().score(rows({})) == pytest.approx(1 / (1 + np.exp(-BIAS)))


def test_contributions_and_bias_add_up_to_the_log_odds() -> None:
    values = np.random.default_rng(0).uniform(0, 30, (50, len(FEATURES))).astype(np.float32)
    model = PriorModel()
    log_odds = BIAS + model.contributions(values).sum(axis=1)
    np.testing.assert_allclose(model.score(values), 1 / (1 + np.exp(-log_odds)), rtol=1e-12)


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.feature)
def test_more_of_any_term_is_more_suspect(term: Term) -> None:
    less, typical, more = PriorModel().score(rows({term.feature: 0.0}, {}, {term.feature: term.most}))
    assert less <= typical < more


def test_five_times_the_usual_amount_outranks_the_usual_amount_of_a_big_spender() -> None:
    five_times = {"amount": 150.0, "amount_ratio": 5.0, "amount_z": 8.0}
    big_spender = {"amount": 400.0, "amount_ratio": 1.2, "amount_z": 0.4}
    scores = PriorModel().score(rows(five_times, big_spender))
    assert scores[0] > 0.5 > scores[1]


def test_a_take_over_at_night_is_alerted_and_each_sign_alone_is_not() -> None:
    signs = (
        {"amount": 900.0, "amount_ratio": 5.0, "amount_z": 3.0},
        {"new_counterparty": 1.0},
        {"window_count_10min": 3.0, "window_count_1h": 4.0},
        {"night": 1.0},
    )
    together = {name: value for sign in signs for name, value in sign.items()}
    *alone, all_signs = PriorModel().score(rows(*signs, together))
    assert all_signs > 0.5
    assert max(alone) < 0.5


def test_a_row_scores_the_same_in_any_batch() -> None:
    values = np.random.default_rng(0).lognormal(0, 2, (257, len(FEATURES))).astype(np.float32)
    model = PriorModel()
    alone = np.concatenate([model.score(values[row : row + 1]) for row in range(len(values))])
    assert model.score(values).tolist() == alone.tolist()
