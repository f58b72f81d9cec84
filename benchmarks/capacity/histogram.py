"""Latencies as counts in bins of 1 %, so that a hundred million of them take no room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from models.arrays import Floats, Integers

_LEAST: Final = 1e-4
_STEP: Final = 1.01
BINS: Final = 1_900
"""Up to about four hours; the last bin is what took longer, or was never seen."""


def bin_of(seconds: Floats) -> Integers:
    """The bin of each latency."""
    places = np.log(np.maximum(seconds, _LEAST) / _LEAST) / np.log(_STEP)
    return np.minimum(np.ceil(places), BINS - 1).astype(np.int64)


def quantile(counts: Floats, share: float) -> float:
    """Seconds that this share of all does not exceed, at most 1 % too long; infinite in the last bin."""
    place = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
    return _LEAST * _STEP**place if place < BINS - 1 else np.inf


def share_over(counts: Floats, seconds: float) -> float:
    """Share of all that took longer, give or take a bin."""
    return float(counts[bin_of(np.array([seconds]))[0] + 1 :].sum() / counts.sum())
