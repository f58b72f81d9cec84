"""Percentiles of latencies that were all kept: nothing is estimated."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Percentiles:
    """Latencies in milliseconds: half, 99 of 100 and 999 of 1,000 are at most this; and the longest."""

    p50: float
    p99: float
    p999: float
    max: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Percentiles:
        """Those of some latencies in seconds; there must be one."""
        ordered = sorted(1e3 * each for each in seconds)
        return cls(*(nearest_rank(ordered, share) for share in (0.5, 0.99, 0.999, 1.0)))


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """The least of the ascending values that this share of them does not exceed: one that did occur."""
    return ordered[max(0, ceil(round(share * len(ordered), 9)) - 1)]
