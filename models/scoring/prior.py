"""The prior model: what scores before the first label has been learnt.

A logistic model `p = 1 / (1 + exp(-(bias + sum of weight * (x - typical))))` over a few transformed features.
Its weights are set by hand from what is commonly held about payment fraud; each stands beside its reason.
They were looked at on both simulated banks (AUC of frauds by amount 0.99, on transfers 0.88 to 0.94), not
fitted to them. Frauds without any sign in the transaction itself are beyond it until labels come.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import numpy as np

from models.scoring.features import NAMES
from models.scoring.quantiles import Quantiles

if TYPE_CHECKING:
    from models.arrays import Floats, Singles

BIAS: Final = -5.0
"""Log-odds of a typical transaction: 0.7 % before anything is known, far below any threshold."""


class Scale(Enum):
    """How a feature enters the sum."""

    LINEAR = "x"
    LOG = "log(1 + x)"


@dataclass(frozen=True, slots=True)
class Term:
    """One weight: per unit of the scaled feature, against a typical value, up to a most that it may count."""

    feature: str
    weight: float
    typical: float
    most: float
    scale: Scale
    reason: str


TERMS: Final = (
    Term("amount", 0.25, 50.0, 5000.0, Scale.LOG, "Fraud pays more the larger the amount."),
    Term(
        "amount_ratio", 1.7, 1.0, 20.0, Scale.LOG, "A thief does not know what this subject usually spends."
    ),
    Term(
        "amount_z", 0.5, 0.0, 8.0, Scale.LINEAR, "An amount far outside the subject's own spread is unusual."
    ),
    Term(
        "high_amounts_14d",
        0.7,
        0.2,
        3.0,
        Scale.LINEAR,
        "After an unusually high amount the next are suspect.",
    ),
    Term("known_frauds_14d", 1.0, 0.0, 3.0, Scale.LINEAR, "A token that was abused is abused again."),
    Term(
        "window_count_10min", 0.3, 1.0, 5.0, Scale.LOG, "A thief hurries; more than five is a machine's run."
    ),
    Term("window_count_1h", 0.5, 1.0, 5.0, Scale.LOG, "A stolen token is used up before it is blocked."),
    Term("window_counterparties_24h", 0.2, 1.5, 5.0, Scale.LOG, "A stolen token is spread over many takers."),
    Term("new_counterparty", 0.4, 0.3, 1.0, Scale.LINEAR, "A mule's account has not been paid before."),
    Term("country_changed", 1.2, 0.0, 1.0, Scale.LINEAR, "The owner is rarely in two countries."),
    Term("night", 0.3, 0.1, 1.0, Scale.LINEAR, "Owners sleep."),
    Term("counterparty_frauds_28d", 1.0, 0.0, 20.0, Scale.LOG, "Where frauds were, frauds follow."),
    Term(
        "counterparty_fraud_share_28d", 4.0, 0.01, 1.0, Scale.LINEAR, "A taker of many frauds is compromised."
    ),
    Term("early_frauds_7d", 1.5, 0.0, 10.0, Scale.LOG, "A verdict of today says more than an old one."),
    Term(
        "category_fraud_share_28d", 3.0, 0.005, 0.5, Scale.LINEAR, "Some goods are easily turned into money."
    ),
    Term(
        "country_fraud_share_28d",
        3.0,
        0.005,
        0.5,
        Scale.LINEAR,
        "Frauds gather where they are hard to pursue.",
    ),
)


QUANTILES: Final = (
    *(0.007746, 0.02892, 0.1013, 0.7264, 0.9701, 0.9832),
    *(0.9882, 0.9935, 0.9955, 0.9967, 0.9979, 0.9983),
)
"""Scores that `QUANTILE_SHARES` of the transactions reach, of both simulated banks in equal parts over their
first seven days, when no profile is known yet. Made by `python -m tests.models.prior_quantiles`."""
_QUANTILES: Final = Quantiles.of_scores(QUANTILES)


class PriorModel:
    """The logistic model of ``TERMS``: a ``Scorer`` without state."""

    name: Final = "prior"

    def __init__(self) -> None:
        terms = sorted(TERMS, key=lambda term: term.scale is Scale.LINEAR)
        self._logarithmic = sum(term.scale is Scale.LOG for term in terms)
        self._columns = [NAMES.index(term.feature) for term in terms]
        self._weights = np.array([term.weight for term in terms])
        self._most = np.array([term.most for term in terms])
        self._typical = self._scaled(np.array([[term.typical for term in terms]]))

    @property
    def quantiles(self) -> Quantiles:
        """Of both simulated banks from their first day on."""
        return _QUANTILES

    def fault(self) -> None:
        """Say nothing: it is code, and the core's canary proves it."""

    def score(self, values: Singles) -> Floats:
        """Probabilities of fraud [n] of feature rows [n, k].

        Summed along each row, not as a matrix product, whose rounding depends on the size of the batch.
        """
        log_odds: Floats = BIAS + self._terms(values).sum(axis=1)
        return 1.0 / (1.0 + np.exp(-log_odds))

    def contributions(self, values: Singles) -> Floats:
        """Log-odds [n, k] that each feature adds to those of a typical transaction."""
        contributions = np.zeros(values.shape)
        contributions[:, self._columns] = self._terms(values)
        return contributions

    def _terms(self, values: Singles) -> Floats:
        """Weight times distance from typical, [n, terms]."""
        chosen = values.take(self._columns, axis=1).astype(np.float64)
        terms: Floats = self._weights * (self._scaled(chosen) - self._typical)
        return terms

    def _scaled(self, chosen: Floats) -> Floats:
        """Bring the terms' features [n, terms] to their scales, in place, logarithmic ones first."""
        np.minimum(chosen, self._most, out=chosen)
        logarithmic = chosen[:, : self._logarithmic]
        np.log1p(logarithmic, out=logarithmic)
        return chosen
