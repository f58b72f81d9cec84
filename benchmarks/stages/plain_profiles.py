"""The comparison: the same profile as plain Python objects, one event at a time.

It keeps and shows what `models.profiles.store` does of transactions of one log in one currency, written as
one would without numpy, so that the benchmark says what the packed matrix is worth. The benchmark first
checks that both show the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, inf, sqrt
from typing import TYPE_CHECKING

from models.batch import NO_COUNTRY
from models.profiles.fold import FORGOTTEN, HIGH_RATIO, SMALLEST_AMOUNT, USUAL_DEVIATION, WINDOWS
from models.profiles.layout import (
    AMOUNTS,
    COUNTS,
    HIGH_AMOUNTS,
    RATES,
    RECENT,
    REMEMBERED_COUNTERPARTIES,
    SQUARES,
    TOTAL,
    WEIGHT,
)

if TYPE_CHECKING:
    from models.batch import EventBatch

_RATES = RATES.tolist()
_WINDOWS = WINDOWS.tolist()


@dataclass(slots=True)
class PlainProfile:
    """One subject."""

    newest: float = -inf
    country: int = NO_COUNTRY
    offset: int = -1
    sums: list[float] = field(default_factory=lambda: [0.0] * len(_RATES))
    recent: list[tuple[float, float, int, int]] = field(default_factory=list)
    counterparties: list[int] = field(default_factory=list)


class PlainProfiles:
    """The profiles of one partition."""

    def __init__(self) -> None:
        self._profiles: dict[str, PlainProfile] = {}

    def fold(self, batch: EventBatch) -> list[list[float] | None]:
        """Fold the events; a view for each, None where it is a repeat or a replay."""
        columns = zip(
            *(batch.subjects, batch.times.tolist(), batch.amounts.tolist(), batch.countries.tolist()),
            *(batch.content_hashes.tolist(), batch.counterparty_hashes.tolist(), batch.offsets.tolist()),
            strict=True,
        )
        return [self._fold(*event) for event in columns]

    def _fold(
        self,
        subject: str,
        time: float,
        amount: float,
        country: int,
        content: int,
        counterparty: int,
        offset: int,
    ) -> list[float] | None:
        profile = self._profiles.get(subject)
        if profile is None:
            profile = self._profiles[subject] = PlainProfile()
        if offset <= profile.offset or any(content == known for *_, known in profile.recent):
            return None
        amount_view = _fold_sums(profile, time, amount)
        window_view = _view_windows(profile, time, amount, counterparty)
        new = counterparty not in profile.counterparties
        new = new and all(counterparty != known for _, _, known, _ in profile.recent)
        changed = NO_COUNTRY not in (country, profile.country) and country != profile.country
        _remember(profile, time, amount, country, content, counterparty, offset)
        gap, windows = window_view[0], window_view[1:]
        return [*amount_view, gap, float(new), float(changed), *windows]


def _fold_sums(profile: PlainProfile, time: float, amount: float) -> list[float]:
    age = time - profile.newest
    kept, late = max(age, 0.0), min(age, 0.0)
    sums = [value * exp(-kept * rate) for value, rate in zip(profile.sums, _RATES, strict=True)]
    weight = sums[WEIGHT]
    known = weight > FORGOTTEN
    mean = sums[TOTAL] / weight if known else amount
    squares = max(sums[SQUARES] - weight * mean * mean, 0.0)
    deviation = sqrt((squares + (USUAL_DEVIATION * mean) ** 2) / (weight + 1.0))
    ratio = amount / max(mean, SMALLEST_AMOUNT)
    z = (amount - mean) / max(deviation, SMALLEST_AMOUNT)
    before = [mean, deviation, ratio, z, sums[HIGH_AMOUNTS]]
    added = [1.0] * 4 + [amount] * 4 + [1.0, amount, amount * amount, float(ratio > HIGH_RATIO)]
    profile.sums = [value + x * exp(late * rate) for value, x, rate in zip(sums, added, _RATES, strict=True)]
    counts, amounts = profile.sums[COUNTS][1:], profile.sums[AMOUNTS][1:]
    means = [total / max(count, FORGOTTEN) for total, count in zip(amounts, counts, strict=True)]
    return [*counts, *means, *before]


def _view_windows(profile: PlainProfile, time: float, amount: float, counterparty: int) -> list[float]:
    aged = [(time - then, value, other) for then, value, other, _ in profile.recent if then <= time]
    gap = min((age for age, _, _ in aged), default=inf)
    counts, amounts = [], []
    for window in _WINDOWS:
        inside = [value for age, value, _ in aged if age < window]
        counts.append(len(inside) + 1.0)
        amounts.append(sum(inside) + amount)
    distinct = {other for age, _, other in aged if age < _WINDOWS[-1]} | {counterparty}
    return [gap, *counts, *amounts, float(len(distinct))]


def _remember(
    profile: PlainProfile,
    time: float,
    amount: float,
    country: int,
    content: int,
    counterparty: int,
    offset: int,
) -> None:
    if counterparty in profile.counterparties:
        profile.counterparties.remove(counterparty)
    profile.counterparties.insert(0, counterparty)
    del profile.counterparties[REMEMBERED_COUNTERPARTIES:]
    if country != NO_COUNTRY and time >= profile.newest:
        profile.country = country
    profile.newest = max(profile.newest, time)
    profile.offset = offset
    profile.recent.append((time, amount, counterparty, content))
    del profile.recent[:-RECENT]
