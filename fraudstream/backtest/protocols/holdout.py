"""A protocol for any data: the last part of it, week by week."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fraudstream.backtest.protocols.base import (
    CALIBRATION,
    RANKING,
    WEEK,
    Fold,
    calibration,
    days_in_words,
    ranking,
)
from fraudstream.errors import FraudstreamError
from models.decay import DAY
from models.quality import evaluation

if TYPE_CHECKING:
    from fraudstream.backtest.sources.dataset import Dataset
    from models.arrays import Floats


@dataclass(frozen=True)
class LastPart:
    """The last part of any data, week by week, by what alerts on a share of its transactions find.

    Attributes:
        delay_days: how late labels are; no test day may come before the first of them is known.
        share: of the days, tested.
        alerts_per_10000: the alert budget.
    """

    delay_days: float = 7.0
    share: float = 0.3
    alerts_per_10000: float = 50.0

    @property
    def sentence(self) -> str:
        """What is tested."""
        return f"The last {self.share:.0%} of the days, week by week."

    @property
    def measures(self) -> dict[str, str]:
        """What the figures are."""
        budget = f"alerts on the highest {self.alerts_per_10000:g} of 10,000 transactions"
        return {
            **RANKING,
            "alert_precision": f"Share of frauds among {budget}.",
            "alert_recall": f"Share of the frauds that {budget} find.",
            **CALIBRATION,
        }

    def folds(self, data: Dataset) -> list[Fold]:
        """Weeks from the first test day on; one without both outcomes goes with the next.

        Raises:
            FraudstreamError: the data are too short for the delay, or have no fraud where they are tested.
        """
        days = data.days
        first, last = int(days[0]), int(days[-1])
        tested = max(1, round((last + 1 - first) * self.share))
        begin = last + 1 - tested
        if data.times[0] + self.delay_days * DAY > begin * DAY:
            raise FraudstreamError(
                f"The data span {last + 1 - first} days: with labels {self.delay_days:g} days late nothing "
                f"is known before the last {tested} are tested; give more days."
            )
        cuts = [begin]
        for end in (*range(begin + WEEK, last + 2 - WEEK, WEEK), last + 1):
            frauds = data.frauds[(days >= cuts[-1]) & (days < end)]
            if 0 < np.count_nonzero(frauds) < len(frauds):
                cuts.append(end)
        if len(cuts) == 1:
            raise FraudstreamError(
                f"The last {tested} days, which are tested, have no fraud: give more data."
            )
        cuts[-1] = last + 1
        return [
            Fold(days_in_words(begin, end - 1), np.flatnonzero((days >= begin) & (days < end)))
            for begin, end in pairwise(cuts)
        ]

    def measure(self, data: Dataset, fold: Fold, scores: Floats) -> dict[str, float]:
        """AUC, AP, alerts and calibration."""
        rate = self.alerts_per_10000 / 10_000
        precision, recall = evaluation.alerts_hit(data.frauds[fold.rows], scores[fold.rows], rate)
        alerts = {"alert_precision": precision, "alert_recall": recall}
        return ranking(data, fold, scores) | alerts | calibration(data, fold, scores)
