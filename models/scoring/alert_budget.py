"""The decision policy that keeps to an alert budget: so many alerts among 10,000 transactions.

The threshold is an online quantile of the scores, in log-odds `q`. After each transaction

    q <- q + step * (alerted - rate)

so every alert raises it a little and every other transaction lowers it a very little: stochastic
approximation of a quantile (Robbins and Monro, 1951). The constant step lets it follow scores that drift. As
the updates telescope, the share of alerts in any n transactions is off the rate by (q_n - q_0) / (step * n),
exactly and for any sequence of scores (Gibbs and Candes, Adaptive Conformal Inference Under Distribution
Shift, 2021). Floor and ceiling break that on purpose: at the floor fewer alerts are raised than the budget
allows, at the ceiling more. `river.stats.Quantile` was not taken: it weighs all of the past alike, so it does
not follow drift, and its state is sealed in a compiled object.

Another scorer has other scores, so the threshold is aimed again from a table of its quantiles. What is looked
up is not the budget but the `level` -ln(share), which takes the same steps as the threshold and is never set
back: it knows what the table does not, such as alerts that hysteresis holds back, and the bound above goes on
over any number of scorers.

Hysteresis: an analyst who has an alert on a subject does not need the next one unless it is clearly worse.
For some hours the subject's threshold is its alerted score plus a margin in log-odds, but never above the
score that declines.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from models.batch import stable_hashes
from models.decay import HOUR
from models.scoring.policy import Decisions, check_thresholds, decided, setting_name
from schemas.score import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.arrays import Floats
    from models.scoring.quantiles import Aim

TRANSACTIONS: Final = 10_000
"""What a budget is counted on."""
STEP: Final = 1.0
"""Log-odds that one alert raises the threshold by: the more, the closer the budget is kept, and the more the
threshold wavers. From 0.3 to 1.0 frauds caught stayed the same within a twentieth on both simulated banks,
and days were half as far off the budget."""
REPEAT_SECONDS: Final = 24 * HOUR
"""Event time for which an alert keeps further ones on its subject back."""
REPEAT_MARGIN: Final = 0.5
"""Log-odds by which a further alert must exceed the one before."""
REMEMBERED_ALERTS: Final = 256
"""Subjects with an alert that are remembered; the one alerted longest ago is forgotten first."""

OPENING: Final = 10.0
"""Times as fast that a threshold falls until its first alert, where it was aimed by the scorer's own table.
That may be of another bank."""
MOST_CORRECTION: Final = 3.0
"""Most that the level is off the budget's own: a floor that is met for days leaves no more behind."""
UNAIMED: Final = 0.5
"""Threshold before any scorer was aimed at."""

_SMALLEST: Final = 1e-6
_MOST_LOG_ODDS: Final = 14.0
"""More than those of ``1 - _SMALLEST``."""
_LAYOUT: Final = 2
_HEAD: Final = struct.Struct("<Bdd?B")
_UNAIMED_LAYOUT: Final = 1
"""Of releases whose thresholds were of no scorer in particular."""
_UNAIMED_HEAD: Final = struct.Struct("<Bd")
_ALERT: Final = struct.Struct("<Qdd")


class AlertBudgetPolicy:
    """Review the highest scores, so many among 10,000 transactions; decline from a fixed score on.

    Args:
        alerts_per_10000: the budget, above 0 and at most 10,000.
        floor: lowest threshold, however few the high scores.
        ceiling: highest threshold, however many the high scores.
        decline: score from which an alert is a decline.
        version: name of this setting; made of its numbers where none is given.

    Raises:
        ValueError: the budget is out of range, not 0 <= floor <= ceiling <= 1, or not 0 <= decline <= 1.
    """

    def __init__(
        self,
        alerts_per_10000: float,
        *,
        floor: float,
        ceiling: float,
        decline: float,
        version: str | None = None,
    ) -> None:
        check_thresholds(floor, ceiling)
        check_thresholds(decline)
        if not 0.0 < alerts_per_10000 <= TRANSACTIONS:
            raise ValueError(f"an alert budget is above 0 and at most 10,000, not {alerts_per_10000!r}")
        self._rate = alerts_per_10000 / TRANSACTIONS
        self._floor, self._ceiling, self._decline = floor, ceiling, decline
        self._log_odds = self._within(_log_odds(UNAIMED))
        self._level = -math.log(self._rate)
        self._aimed = b""
        self._is_opening = False
        self._alerts: dict[int, tuple[float, float]] = {}
        name = f"budget-{alerts_per_10000:g}-{floor:g}-{ceiling:g}-{decline:g}"
        self.version: Final = version or setting_name(name)

    def aim(self, aim: Aim) -> None:
        """Take the threshold from a scorer's quantiles, unless it is of that scorer already."""
        if (name := aim.scorer.encode()) == self._aimed:
            return
        self._aimed, self._is_opening = name, not aim.is_seen
        self._log_odds = self._within(aim.quantiles.at(math.exp(-self._level)))

    def decide(self, times: Floats, scores: Floats, subjects: Sequence[str]) -> Decisions:
        """Decide on each score by the threshold that the ones before have left."""
        decisions: list[Decision] = []
        thresholds: list[float] = []
        for time, score, subject in zip(times.tolist(), scores.tolist(), subjects, strict=True):
            threshold = self._threshold(time, score, subject)
            decision = decided(score, threshold, self._decline)
            thresholds.append(threshold)
            decisions.append(decision)
            self._learn(alerted=decision is not Decision.APPROVE)
        return Decisions(decisions, np.array(thresholds))

    def pack(self) -> bytes:
        """Threshold, whose it is, level and remembered alerts."""
        scorer = self._aimed
        head = _HEAD.pack(_LAYOUT, self._log_odds, self._level, self._is_opening, len(scorer))
        alerts = (_ALERT.pack(subject, *alert) for subject, alert in self._alerts.items())
        return head + scorer + b"".join(alerts)

    def unpack(self, payload: bytes) -> None:
        """Go on where the policy that packed this was.

        Raises:
            ValueError: the payload is none of an alert budget of a known layout.
        """
        try:
            log_odds, level, is_opening, scorer, alerts = _unpacked(payload)
        except (IndexError, struct.error) as error:
            raise ValueError(f"a packed alert budget of {len(payload)} bytes cannot be read") from error
        if not (
            abs(log_odds) <= _MOST_LOG_ODDS
            and (level is None or 0.0 <= level <= _MOST_LOG_ODDS)
            and all(0.0 <= score <= 1.0 for _, _, score in alerts)
        ):
            raise ValueError("a packed alert budget holds numbers that no scores can give")
        self._log_odds, self._is_opening, self._aimed = log_odds, is_opening, scorer
        self._level = self._level_within(-math.log(self._rate) if level is None else level)
        self._alerts = {subject: (time, score) for subject, time, score in alerts}

    def forget(self, subject: str) -> None:
        """Drop the subject's last alert."""
        self._alerts.pop(_key(subject), None)

    def _threshold(self, time: float, score: float, subject: str) -> float:
        """The threshold for one score; an alert it raises is remembered."""
        threshold = min(max(_probability(self._log_odds), self._floor), self._ceiling)
        if score < threshold:
            return threshold
        key = _key(subject)
        threshold = max(threshold, self._threshold_again(key, time))
        if score >= threshold:
            self._remember(key, time, score)
        return threshold

    def _threshold_again(self, key: int, time: float) -> float:
        """What a subject with a recent alert must reach, 0 if it has none; never above what declines."""
        alerted_time, alerted_score = self._alerts.get(key, (-math.inf, 0.0))
        if abs(time - alerted_time) >= REPEAT_SECONDS:
            return 0.0
        return min(_probability(_log_odds(alerted_score) + REPEAT_MARGIN), self._decline)

    def _remember(self, key: int, time: float, score: float) -> None:
        self._alerts.pop(key, None)
        self._alerts[key] = (time, score)
        if len(self._alerts) > REMEMBERED_ALERTS:
            del self._alerts[next(iter(self._alerts))]

    def _learn(self, *, alerted: bool) -> None:
        """Move the threshold and the level by one transaction."""
        moved = STEP * (alerted - self._rate)
        self._is_opening = self._is_opening and not alerted
        self._log_odds = self._within(self._log_odds + moved * (OPENING if self._is_opening else 1.0))
        self._level = self._level_within(self._level + moved)

    def _within(self, log_odds: float) -> float:
        """The threshold within floor and ceiling."""
        return min(max(log_odds, _log_odds(self._floor)), _log_odds(self._ceiling))

    def _level_within(self, level: float) -> float:
        """The level within so much of the budget's own, and of a share of 1."""
        own = -math.log(self._rate)
        return min(max(level, own - MOST_CORRECTION, 0.0), own + MOST_CORRECTION)


def _unpacked(
    payload: bytes,
) -> tuple[float, float | None, bool, bytes, list[tuple[int, float, float]]]:
    """Threshold, level if it was known, whether it is opening, whose threshold it is, and alerts.

    Raises:
        IndexError: the payload is empty.
        struct.error: it has another layout or length.
    """
    if payload[0] == _UNAIMED_LAYOUT:
        _, log_odds = _UNAIMED_HEAD.unpack_from(payload)
        return log_odds, None, False, b"", [*_ALERT.iter_unpack(payload[_UNAIMED_HEAD.size :])]
    layout, log_odds, level, is_opening, size = _HEAD.unpack_from(payload)
    if layout != _LAYOUT:
        raise struct.error
    scorer = payload[_HEAD.size : _HEAD.size + size]
    return log_odds, level, is_opening, scorer, [*_ALERT.iter_unpack(payload[_HEAD.size + size :])]


def _key(subject: str) -> int:
    """What stands for a subject in memory."""
    return int(stable_hashes([subject])[0])


def _log_odds(probability: float) -> float:
    """Log-odds, finite even of 0 and 1."""
    inside = min(max(probability, _SMALLEST), 1.0 - _SMALLEST)
    return math.log(inside / (1.0 - inside))


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
