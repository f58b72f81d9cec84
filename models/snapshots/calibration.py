"""From a model's raw score to the probability of fraud.

Learning sees all frauds and a sample of the genuine rows, so raw scores are too high by a known factor of the
odds; and a learner's scores are not exact shares even of the rows that it sees. So a raw score ``s``

1. is drawn a little inside (0, 1), so that nothing is certain: ``s' = EDGE + (1 - 2 EDGE) s``;
2. has its odds multiplied by the share ``beta`` of genuine rows that were kept:
   ``q = beta s' / (beta s' - s' + 1)`` (Dal Pozzolo, Caelen, Johnson, Bontempi, *Calibrating Probability with
   Undersampling for Unbalanced Classification*, CIDM 2015);
3. goes through a beta calibration: ``log-odds = a ln q - b ln (1 - q) + c`` (Kull, Silva Filho, Flach, *Beta
   calibration*, AISTATS 2017) with ``a`` and ``b`` above zero.

Each step rises strictly, so calibration changes no order. The three parameters are fitted to rows that were
scored before they were learnt, and are drawn to ``a = b = 1, c = 0``, which changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.quality.evaluation import binned_average_precision, binned_roc_auc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.arrays import Floats

EDGE: Final = 1e-4
"""Distance from certainty of a raw score of 0 or 1."""
MEMORY: Final = 20_000.0
"""Rows after which a scored row counts e times less: the model itself changes as it learns."""
LEAST: Final = np.array([0.05, 0.05, -4.0])
MOST: Final = np.array([2.5, 2.5, 4.0])
"""Bounds of ``a``, ``b`` and ``c``. Above zero, order is kept even where a model is worse than chance; and no
score comes so near to 1 that float64 could not tell it from the next float32 score."""

_BINS: Final = 280
_PER_BIN: Final = 2.0 * np.log((1.0 - EDGE) / EDGE) / _BINS
_CENTRES: Final = _PER_BIN * (np.arange(_BINS) + 0.5 - _BINS / 2)
_IDENTITY: Final = np.array([1.0, 1.0, 0.0])
_PRECISION: Final = np.array([4.0, 4.0, 1.0])
"""How strongly the parameters are drawn to the identity: as by a normal prior of this 1 / variance."""
_STEPS: Final = 50
_CONVERGED: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns raw scores into probabilities."""

    beta: float = 1.0
    """Share of genuine rows that were kept, against the share of frauds."""
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    @classmethod
    def of(cls, parameters: Mapping[str, float]) -> Calibration:
        """Read what ``parameters`` gave; what is missing changes nothing.

        Raises:
            ValueError: a parameter is unknown, or none that keeps the order of scores.
        """
        if unknown := parameters.keys() - {"beta", "a", "b", "c"}:
            raise ValueError(f"a calibration has no parameter {min(unknown)!r}")
        made = cls(**parameters)
        numbers = np.array([made.beta, made.a, made.b, made.c])
        if not np.isfinite(numbers).all() or min(made.beta, made.a, made.b) <= 0.0:
            raise ValueError("a calibration must be finite, with beta, a and b above 0")
        return made

    def parameters(self) -> dict[str, float]:
        """The numbers by their names."""
        return asdict(self)

    def apply(self, raw: Floats) -> Floats:
        """Probabilities [n] of raw scores [n] in [0, 1]."""
        return _probability(self.log_odds(_log_odds(raw)))

    def log_odds(self, log_odds: Floats) -> Floats:
        """Log-odds of fraud [n] from those [n] of raw scores drawn inside (0, 1)."""
        likely, unlikely, _ = _design(log_odds, self.beta).T
        mapped: Floats = self.a * likely + self.b * unlikely + self.c
        return mapped


class Calibrator:
    """Counts of frauds and genuine rows by raw score, fading, and the calibration that fits them best.

    A row counts as the rows that it stands for, one over its sampling rate.

    Args:
        is_sampled: whether raw scores are of the world as it was sampled, so that they need step 2.
    """

    def __init__(self, *, is_sampled: bool = True) -> None:
        self._is_sampled = is_sampled
        self._rows = np.zeros((2, _BINS))
        self._kept = np.zeros((2, 2))

    def take(self, raw: float, *, fraud: bool, sampling_rate: float) -> None:
        """Take the score that a row had before it was learnt.

        Args:
            raw: score in [0, 1].
            fraud: what the row turned out to be.
            sampling_rate: share of rows of this outcome that were kept.
        """
        place = int(_log_odds(np.array(raw)) / _PER_BIN + _BINS / 2)
        fade = np.exp(-1.0 / MEMORY)
        self._rows *= fade
        self._kept *= fade
        self._rows[int(fraud), min(place, _BINS - 1)] += 1.0 / sampling_rate
        self._kept[int(fraud)] += 1.0, 1.0 / sampling_rate

    def fit(self) -> Calibration:
        """The calibration of what was taken so far.

        Logistic regression on ``ln q`` and ``-ln (1 - q)`` of the bins' centres, by Newton's method, drawn to
        the identity.
        """
        beta = self._beta()
        genuine, frauds = self._rows
        a, b, c = _newton(_design(_CENTRES, beta), frauds, genuine + frauds).tolist()
        return Calibration(beta, a, b, c)

    def quality(self) -> dict[str, float]:
        """Measures of the faded rows, each scored before it was learnt; nothing before both outcomes came.

        ``auc`` and ``average_precision`` take the scores of one bin for equal; ``log_loss`` (nats a row) and
        ``calibration_error`` (mean distance of probability and share over bins) are of calibrated scores.
        """
        genuine, frauds = self._rows
        if not genuine.any() or not frauds.any():
            return {}
        rows = genuine + frauds
        log_odds = self.fit().log_odds(_CENTRES)
        probability = _probability(log_odds)
        # of the log-odds, since a probability near 1 rounds to 1, and its loss would be infinite
        losses = frauds * np.logaddexp(0.0, -log_odds) + genuine * np.logaddexp(0.0, log_odds)
        return {
            "auc": binned_roc_auc(genuine, frauds),
            "average_precision": binned_average_precision(genuine, frauds),
            "log_loss": float(losses.sum() / rows.sum()),
            "calibration_error": float(np.abs(rows * probability - frauds).sum() / rows.sum()),
        }

    def quantiles(self, shares: Sequence[float]) -> tuple[float, ...]:
        """Calibrated scores that these shares of all transactions reach; none before any row came."""
        from_top = self._rows.sum(axis=0)[::-1].cumsum()
        if not from_top[-1]:
            return ()
        edges = (_CENTRES - _PER_BIN / 2)[::-1]
        reached = np.interp(shares, from_top / from_top[-1], edges)
        return tuple(_probability(self.fit().log_odds(reached)).tolist())

    def _beta(self) -> float:
        """Rows kept by rows that they stand for, of genuine rows against frauds."""
        if not self._is_sampled:
            return 1.0
        (genuine, stands_for), (frauds, stand_for) = self._kept.tolist()
        kept_genuine = genuine / stands_for if stands_for else 1.0
        kept_frauds = frauds / stand_for if stand_for else 1.0
        return float(kept_genuine / kept_frauds)


def _log_odds(raw: Floats) -> Floats:
    """Log-odds of raw scores drawn inside (0, 1)."""
    inside = EDGE + (1.0 - 2.0 * EDGE) * raw
    log_odds: Floats = np.log(inside) - np.log1p(-inside)
    return log_odds


def _probability(log_odds: Floats) -> Floats:
    """The probability of log-odds."""
    return 1.0 / (1.0 + np.exp(-log_odds))


def _design(log_odds: Floats, beta: float) -> Floats:
    """``ln q``, ``-ln (1 - q)`` and 1, [n, 3], after the sampling correction."""
    corrected = log_odds + np.log(beta)
    return np.stack(
        [-np.logaddexp(0.0, -corrected), np.logaddexp(0.0, corrected), np.ones_like(corrected)], axis=-1
    )


def _newton(design: Floats, frauds: Floats, rows: Floats) -> Floats:
    """Parameters within their bounds that make the shares of frauds likeliest, by projected Newton steps.

    Source: Bertsekas, *Projected Newton Methods for Optimization Problems with Simple Constraints*, 1982.
    """
    found = _IDENTITY
    for _ in range(_STEPS):
        p = _probability(design @ found)
        gradient = design.T @ (frauds - rows * p) - _PRECISION * (found - _IDENTITY)
        free = ~((found <= LEAST) & (gradient < 0.0) | (found >= MOST) & (gradient > 0.0))
        curvature = (design * (rows * p * (1.0 - p))[:, None]).T @ design + np.diag(_PRECISION)
        step = np.zeros(3)
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], gradient[free])
        before, found = found, np.clip(found + step / max(1.0, np.abs(step).max()), LEAST, MOST)
        if np.abs(found - before).max() < _CONVERGED:
            break
    return found
