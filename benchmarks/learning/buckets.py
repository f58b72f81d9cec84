"""Prometheus histograms as two scrapes show them: what came between, and its quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Buckets:
    """A histogram: how many observations were at most each bound; the last bound is infinite."""

    at_most: Mapping[float, int]

    @property
    def total(self) -> int:
        """How many observations there were."""
        return max(self.at_most.values(), default=0)

    def __sub__(self, before: Buckets) -> Buckets:
        """What came since an earlier scrape of the same histogram."""
        return Buckets({bound: count - before.at_most.get(bound, 0) for bound, count in self.at_most.items()})

    def __add__(self, other: Buckets) -> Buckets:
        """Both together, of the same bounds."""
        bounds = sorted({*self.at_most, *other.at_most})
        return Buckets({each: self.at_most.get(each, 0) + other.at_most.get(each, 0) for each in bounds})

    def share_within(self, bound: float) -> float:
        """Share of the observations that were at most a bound, one of the histogram's; 0 of none."""
        return self.at_most[bound] / self.total if self.total else 0.0

    def quantile(self, share: float) -> tuple[float, float]:
        """Between which two bounds the value lies that this share of the observations does not exceed.

        Raises:
            ValueError: there were no observations.
        """
        if not self.total:
            raise ValueError("a histogram without observations has no quantiles")
        wanted = share * self.total
        edges = [(0.0, 0), *sorted(self.at_most.items())]
        return next((low, high) for (low, _), (high, count) in pairwise(edges) if count >= wanted)


class Scrape:
    """What a worker's `/metrics` gave, in Prometheus's text format."""

    def __init__(self, exposition: str) -> None:
        families = text_string_to_metric_families(exposition)
        self._samples = [sample for family in families for sample in family.samples]

    def total(self, name: str) -> float:
        """Sum of a metric over all its labels; 0 where there is none."""
        return sum(sample.value for sample in self._samples if sample.name == name)

    def buckets(self, name: str) -> Buckets:
        """A histogram without labels of its own."""
        found = [each for each in self._samples if each.name == f"{name}_bucket"]
        return Buckets({float(each.labels["le"]): int(each.value) for each in found})
