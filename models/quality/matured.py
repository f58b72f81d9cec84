"""How good the scores in production are, by transactions whose outcome is final.

Every measure is a sum over matured transactions, or one such sum by another, and all fade in event time: a
transaction counts e times less for every seven days by which it is older than the newest one, so that the
rhythm of day and week weighs out. Scores are kept as counts in narrow bins of log-odds, which is all that
ranking needs. Memory does not grow with the flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.decay import DAY, NEVER
from models.quality.drift import bounded_losses
from models.quality.evaluation import RELIABILITY_EDGES, binned_average_precision, binned_roc_auc, levels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.arrays import Floats, Integers
    from models.labelling.core import Observation

MEMORY: Final = 7 * DAY
"""Seconds of event time by which a transaction must be older to count e times less."""
LEAST: Final = 20.0
"""Below so much of what a measure is a share of, chance would be most of it, and it is left out."""

BIN: Final = 0.05
"""Width of a bin of scores, log-odds: scores this near to each other are taken for equal."""
_BINS: Final = 480
_CELLS: Final = (_BINS, 2, 2, 2)
_LEVELS: Final = len(RELIABILITY_EDGES) - 1


class MaturedQuality:
    """Fading counts of matured transactions, and the measures that follow from them.

    Args:
        memory: seconds of event time after which a transaction counts e times less.
    """

    def __init__(self, memory: float = MEMORY) -> None:
        self._memory = memory
        self._newest = NEVER
        self._cells = np.zeros(_CELLS)
        """Transactions by bin of the score, whether alerted, whether fraud, whether labelled."""
        self._levels = np.zeros((2, _LEVELS))
        """Scores and frauds, summed by level of the reliability table."""
        self._loss = 0.0

    def take(self, observations: Sequence[Observation]) -> None:
        """Count transactions that matured, in any order."""
        if not observations:
            return
        times = np.array([each.row.event_time for each in observations])
        scores = np.array([each.row.score for each in observations])
        alerted = np.array([each.row.alerted for each in observations])
        frauds = np.array([each.is_fraud for each in observations])
        labelled = np.array([each.label_delay is not None for each in observations])
        weights = self._fade_to(times)
        self._cells += _sums(np.stack([_bins(scores), alerted, frauds, labelled]), weights, _CELLS)
        levels = levels_of(scores)
        self._levels[0] += np.bincount(levels, weights * scores, _LEVELS)
        self._levels[1] += np.bincount(levels, weights * frauds, _LEVELS)
        self._loss += float(weights @ bounded_losses(frauds, scores))

    def measures(self) -> dict[str, float]:
        """What can be told by now, by name; `docs/quality.md` defines each."""
        genuine, frauds = self._cells.sum(axis=(1, 3)).T
        found = {"matured_transactions": float(self._cells.sum()), **self._shares()}
        if min(genuine.sum(), frauds.sum()) >= LEAST:
            found["average_precision"] = binned_average_precision(genuine, frauds)
            found["roc_auc"] = binned_roc_auc(genuine, frauds)
            found["calibration_error"] = float(
                np.abs(self._levels[0] - self._levels[1]).sum() / self._cells.sum()
            )
            found["log_loss"] = self._loss / float(self._cells.sum())
        return found

    def _shares(self) -> dict[str, float]:
        """Measures that are one count by another."""
        counts = self._cells.sum(axis=0)  # by alerted, fraud, labelled
        rows, alerts, frauds = counts.sum(), counts[1].sum(), counts[:, 1].sum()
        shares = {
            "fraud_ratio": (frauds, rows),
            "alert_ratio": (alerts, rows),
            "alert_precision": (counts[1, 1].sum(), alerts),
            "alert_recall": (counts[1, 1].sum(), frauds),
            "label_coverage_ratio": (counts[..., 1].sum(), rows),
            "alert_label_coverage_ratio": (counts[1, :, 1].sum(), alerts),
        }
        return {name: float(part / whole) for name, (part, whole) in shares.items() if whole >= LEAST}

    def _fade_to(self, times: Floats) -> Floats:
        """Let what is counted fade to the newest of these times; gives what each of them counts then."""
        newest = max(self._newest, float(times.max()))
        fade = float(np.exp((self._newest - newest) / self._memory))
        self._cells *= fade
        self._levels *= fade
        self._loss *= fade
        self._newest = newest
        weights: Floats = np.exp((times - newest) / self._memory)
        return weights


def _bins(scores: Floats) -> Integers:
    """The bin [n] of each score [n], by its log-odds."""
    with np.errstate(divide="ignore"):
        log_odds = np.log(scores) - np.log1p(-scores)
    return np.floor(np.clip(log_odds / BIN + _BINS / 2, 0, _BINS - 1)).astype(np.int64)


def _sums(places: Integers, weights: Floats, shape: tuple[int, ...]) -> Floats:
    """Weights [n] added up in a table of this shape, each at its place: a column of ``places`` [d, n]."""
    sums = np.zeros(shape)
    np.add.at(sums, tuple(places), weights)
    return sums
