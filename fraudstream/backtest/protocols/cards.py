"""The two published protocols on the Handbook's card payments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from fraudstream.backtest.protocols.base import (
    CALIBRATION,
    RANKING,
    WEEK,
    Fold,
    calibration,
    day_number,
    days_in_words,
    ranking,
)
from models.quality import evaluation

if TYPE_CHECKING:
    from fraudstream.backtest.sources.dataset import Dataset
    from models.arrays import Floats


@dataclass(frozen=True)
class HandbookProtocol:
    """Four test weeks; known compromised cards are left out.

    A fold begins with the week that the book's batch models are trained on, then come the days of delay, then
    the test week. From it all customers are taken who had a fraud in the training week or, by each test day,
    on the days that have become known since.
    """

    delay_days: int = 7
    training_starts: tuple[date, ...] = (
        date(2018, 7, 25),
        date(2018, 8, 1),
        date(2018, 8, 8),
        date(2018, 8, 15),
    )
    k: int = 100

    @property
    def sentence(self) -> str:
        """What is tested."""
        return "The Handbook's four test weeks; cards known to be compromised are left out."

    @property
    def measures(self) -> dict[str, str]:
        """What the figures are."""
        cards = f"Card Precision@{self.k}: share of compromised cards among the {self.k} highest of a day."
        return {**RANKING, f"cp{self.k}": cards, **CALIBRATION}

    def folds(self, data: Dataset) -> list[Fold]:
        """The four weeks without the cards known to be compromised."""
        return [self._fold(data, day_number(start)) for start in self.training_starts]

    def measure(self, data: Dataset, fold: Fold, scores: Floats) -> dict[str, float]:
        """AUC, AP, card precision and calibration."""
        outcomes, tested = data.frauds[fold.rows], scores[fold.rows]
        cards, days = data.subjects[fold.rows], data.days[fold.rows]
        figures = ranking(data, fold, scores)
        figures[f"cp{self.k}"] = evaluation.card_precision(outcomes, tested, cards, days, self.k)
        return figures | calibration(data, fold, scores)

    def _fold(self, data: Dataset, training: int) -> Fold:
        days, first = data.days, training + WEEK + self.delay_days
        known = np.zeros(len(data.subject_names), dtype=np.bool_)
        known[data.subjects[data.frauds & (days >= training) & (days < training + WEEK)]] = True
        kept = []
        for day in range(first, first + WEEK):
            known[data.subjects[data.frauds & (days == day - self.delay_days - 1)]] = True
            rows = np.flatnonzero(days == day)
            kept.append(rows[~known[data.subjects[rows]]])
        return Fold(days_in_words(first, first + WEEK - 1), np.concatenate(kept))


@dataclass(frozen=True)
class SecondProtocol:
    """Twelve weeks in one piece, no card left out, by what a team finds each day."""

    first: date = date(2018, 7, 8)
    last: date = date(2018, 9, 30)
    k: int = 100

    @property
    def sentence(self) -> str:
        """What is tested."""
        return f"All transactions from {self.first} to {self.last}; no card is left out."

    @property
    def measures(self) -> dict[str, str]:
        """What the figures are."""
        return {
            f"cards_top{self.k}": f"Share of compromised cards among the {self.k} highest of a day.",
            f"transactions_top{self.k}": f"Share of frauds among the {self.k} highest transactions of a day.",
            **RANKING,
            **CALIBRATION,
        }

    def folds(self, data: Dataset) -> list[Fold]:
        """One fold."""
        first, last = day_number(self.first), day_number(self.last)
        rows = np.flatnonzero((data.days >= first) & (data.days <= last))
        return [Fold(days_in_words(first, last), rows)]

    def measure(self, data: Dataset, fold: Fold, scores: Floats) -> dict[str, float]:
        """Hits a day, AUC, AP and calibration."""
        outcomes, tested, days = data.frauds[fold.rows], scores[fold.rows], data.days[fold.rows]
        hits = {
            f"cards_top{self.k}": evaluation.cards_hit(
                outcomes, tested, data.subjects[fold.rows], days, self.k
            ),
            f"transactions_top{self.k}": evaluation.transactions_hit(outcomes, tested, days, self.k),
        }
        return hits | ranking(data, fold, scores) | calibration(data, fold, scores)
