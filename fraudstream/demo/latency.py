"""Percentiles of latencies, from the latencies themselves or from a histogram of them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Percentiles(NamedTuple):
    """Latencies in seconds that half and 99 of a hundred stay below."""

    p50: float
    p99: float


def percentiles(latencies: Sequence[float]) -> Percentiles | None:
    """Percentiles of latencies in seconds, interpolated; None of none."""
    if not latencies:
        return None
    return Percentiles(*np.percentile(latencies, (50, 99)).tolist())


def histogram_percentiles(buckets: Mapping[float, int]) -> Percentiles | None:
    """Percentiles from cumulative counts by ascending upper bound, the last one infinite; None of no counts.

    Interpolated within a bucket as Prometheus's histogram_quantile does; past the last finite bound, that.
    """
    if not buckets or not max(buckets.values()):
        return None
    return Percentiles(_quantile(buckets, 0.50), _quantile(buckets, 0.99))


def _quantile(buckets: Mapping[float, int], share: float) -> float:
    rank = share * max(buckets.values())
    for (lower, below), (upper, up_to) in pairwise([(0.0, 0), *buckets.items()]):
        if up_to >= rank and up_to > below:
            if upper == float("inf"):
                return lower
            return lower + (upper - lower) * (rank - below) / (up_to - below)
    raise AssertionError("the last bucket holds everything")
