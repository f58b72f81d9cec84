"""The interface of the protocols, and the figures that all of them have."""

from __future__ import annotations

import typing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from models.decay import DAY
from models.quality import evaluation

if TYPE_CHECKING:
    from fraudstream.backtest.sources.dataset import Dataset
    from models.arrays import Floats, Integers

WEEK: Final = 7
"""Days."""


class Fold(NamedTuple):
    """One stretch of test days: its rows in the data, in order."""

    name: str
    rows: Integers


class Protocol(typing.Protocol):
    """A protocol of evaluation."""

    @property
    def sentence(self) -> str:
        """What is tested, for the report."""

    @property
    def measures(self) -> dict[str, str]:
        """What the figures are, by their names, those that matter most first."""

    def folds(self, data: Dataset) -> list[Fold]:
        """The test folds."""

    def measure(self, data: Dataset, fold: Fold, scores: Floats) -> dict[str, float]:
        """The figures of a fold from the scores [n] of all data."""


RANKING: Final = {
    "auc": "Area under the ROC curve: how often a fraud scores above a genuine transaction.",
    "ap": "Average precision: mean precision at the rank of each fraud.",
}
CALIBRATION: Final = {
    "ece": "Expected calibration error: mean distance of score and fraud share, by bins of the score.",
    "log_loss": "Mean negative log-likelihood, nats.",
}


def ranking(data: Dataset, fold: Fold, scores: Floats) -> dict[str, float]:
    """The figures of ``RANKING``."""
    outcomes, tested = data.frauds[fold.rows], scores[fold.rows]
    return {
        "auc": evaluation.roc_auc(outcomes, tested),
        "ap": evaluation.average_precision(outcomes, tested),
    }


def calibration(data: Dataset, fold: Fold, scores: Floats) -> dict[str, float]:
    """The figures of ``CALIBRATION``."""
    outcomes, tested = data.frauds[fold.rows], scores[fold.rows]
    return {
        "ece": evaluation.calibration_error(evaluation.reliability(outcomes, tested)),
        "log_loss": evaluation.log_loss(outcomes, tested),
    }


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def days_in_words(first: int, last: int) -> str:
    """Two days, counted from 1970-01-01, as dates."""
    days = (datetime.fromtimestamp(day * DAY, UTC).date().isoformat() for day in (first, last))
    return " to ".join(days)
