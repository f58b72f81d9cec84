"""Drift: of the features, which needs no labels, and of the loss of matured scores.

Two samples of rows, each of bounded size and fading in event time, are compared by the population stability
index (Siddiqi, *Credit Risk Scorecards*, 2006)

    PSI = sum over bins of (c - r) ln (c / r)

with ``c`` and ``r`` the shares of the newer and of the reference rows. Bins are bounded by the deciles of the
reference; each decile is a bin of its own, else a column that is mostly one value could leave it unseen. If
nothing has changed the index is about (bins - 1) (1 / n + 1 / m) for n and m rows.

The loss is watched by ADWIN, which keeps a window of past losses as long as their mean does not change and
drops its older part once two parts differ by more than chance. Its bound is for numbers within [0, 1], so
losses are bounded and scaled. Source: Bifet, Gavalda, *Learning from Time-Changing Data with Adaptive
Windowing*, SDM 2007, as implemented by River.
"""

from __future__ import annotations

from heapq import heappush, heapreplace
from math import inf, log
from typing import TYPE_CHECKING, Final

import numpy as np
from river.drift import ADWIN

from models.batch import stable_hashes
from models.decay import NEVER

if TYPE_CHECKING:
    from models.arrays import Flags, Floats, Integers, Singles

_DECILES: Final = np.arange(1, 10) / 10
_UNSEEN: Final = 0.5
"""Rows added to every bin, so that no share is zero."""
_HASHES: Final = 2.0**64


class RecentSample:
    """Rows drawn with a chance that fades with their age in event time, whatever order they come in.

    A row's key is ``time / memory + G`` with G from a Gumbel distribution; the greatest keys are kept, which
    draws without replacement in proportion to ``exp(time / memory)`` (Efraimidis, Spirakis, *Weighted random
    sampling with a reservoir*, 2006; Cormode and others, *Forward Decay*, ICDE 2009). G is made from a hash
    of the row's name, so the same rows make the same sample.

    Args:
        size: most rows kept.
        width: columns of a row.
        memory: seconds of event time after which a row's chance is e times less.
    """

    def __init__(self, size: int, width: int, memory: float) -> None:
        self._memory = memory
        self._rows = np.empty((size, width), dtype=np.float32)
        self._kept: list[tuple[float, int]] = []
        """A heap of (key, place in the rows), least key first."""
        self._first, self._newest = inf, NEVER

    def __len__(self) -> int:
        """Rows kept."""
        return len(self._kept)

    @property
    def span(self) -> float:
        """Seconds of event time between the oldest and the newest row that ever came, below 0 before any."""
        return self._newest - self._first

    def take(self, name: str, time: float, score: float, features: Singles) -> None:
        """Keep a row of a score and features [width - 1], or let it go.

        Args:
            name: tells rows apart.
            time: its event time, seconds since 1970.
            score: its first column.
            features: its other columns.
        """
        self._first, self._newest = min(self._first, time), max(self._newest, time)
        share = (int(stable_hashes([name])[0]) + 0.5) / (_HASHES + 1.0)
        key = time / self._memory - log(-log(share))
        place = len(self._kept)
        if place < len(self._rows):
            heappush(self._kept, (key, place))
        elif key > self._kept[0][0]:
            _, place = heapreplace(self._kept, (key, self._kept[0][1]))
        else:
            return
        self._rows[place, 0] = score
        self._rows[place, 1:] = features

    def rows(self) -> Singles:
        """The sample [n, width]."""
        return self._rows[: len(self._kept)]


def stability_indices(reference: Singles, current: Singles) -> Floats:
    """Population stability index [k] of each column of two matrices [n, k] and [m, k], neither empty."""
    pairs = zip(np.sort(reference, axis=0).T, np.sort(current, axis=0).T, strict=True)
    return np.array([_stability_index(before, now) for before, now in pairs])


def _stability_index(reference: Singles, current: Singles) -> float:
    """The index of two ascending columns."""
    deciles = np.unique(reference[np.ceil(_DECILES * len(reference)).astype(int) - 1])
    before, now = _shares(reference, deciles), _shares(current, deciles)
    return float((now - before) @ np.log(now / before))


def _shares(column: Singles, edges: Singles) -> Floats:
    """Shares of an ascending column below, at and between the edges, and above."""
    ends: Integers = np.stack([np.searchsorted(column, edges, side) for side in ("left", "right")], 1).ravel()
    counts = np.diff(ends, prepend=0, append=len(column)) + _UNSEEN
    shares: Floats = counts / counts.sum()
    return shares


LARGEST_LOSS: Final = 7.0
"""Most that one transaction may count, nats: a fraud that was given one chance in 1,100. Without it a single
fraud scored near 0 would hide what the others say."""
SIGNIFICANCE: Final = 0.002
"""ADWIN's delta: how seldom chance may look like a change."""


class LossWatch:
    """Counts changes of the mean loss."""

    def __init__(self) -> None:
        self._detector = ADWIN(delta=SIGNIFICANCE)
        self.worse = 0
        """Changes after which the loss was higher."""
        self.better = 0
        """Changes after which it was lower."""

    def take(self, losses: Floats) -> None:
        """Take losses [n] within [0, `LARGEST_LOSS`], oldest first."""
        for loss in (losses / LARGEST_LOSS).tolist():
            before = self._detector.estimation
            self._detector.update(loss)
            if self._detector.drift_detected:
                rose = self._detector.estimation > before
                self.worse += rose
                self.better += not rose


def bounded_losses(frauds: Flags, scores: Floats) -> Floats:
    """Log loss [n] of each score as a probability, nats, at most `LARGEST_LOSS`."""
    likelihoods = np.where(frauds, scores, 1.0 - scores)
    losses: Floats = -np.log(np.maximum(likelihoods, np.exp(-LARGEST_LOSS)))
    return losses
