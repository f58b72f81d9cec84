"""How good scores are once the truth is known: ranking, what a team finds in its working day, calibration.

All functions take columns of one length: ``outcomes`` [n], true for a fraud, and ``scores`` [n], higher for
more suspect. Equal scores share their rank in AUC and average precision; among the first k of a day the
lower card, or the earlier row, goes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.arrays import Flags, Floats, Integers

RELIABILITY_EDGES: Final = (
    *(0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
"""Ten equal bins, the lowest one divided further, as most transactions are there. Dividing a bin can only
raise the calibration error, so it is at least that of the usual ten bins."""

_SMALLEST: Final = 1e-15


class Bin(NamedTuple):
    """One line of a reliability table: the transactions whose score is in [low, high)."""

    low: float
    high: float
    transactions: int
    mean_score: float
    fraud_share: float


def roc_auc(outcomes: Flags, scores: Floats) -> float:
    """Probability that a fraud scores higher than a genuine transaction, a tie counting half.

    Raises:
        ValueError: there is no fraud, or nothing else.
    """
    frauds = _count_both(outcomes)
    _, places, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[places]
    above = float(ranks[outcomes].sum()) - frauds * (frauds + 1) / 2
    return above / (frauds * (len(outcomes) - frauds))


def average_precision(outcomes: Flags, scores: Floats) -> float:
    """Mean precision at the rank of each fraud; a tie has the precision of its last place.

    It is the area under the precision-recall curve by steps, without interpolation.

    Raises:
        ValueError: there is no fraud, or nothing else.
    """
    frauds = _count_both(outcomes)
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(outcomes[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # last place of each tie
    precisions = found[ends] / (ends + 1)
    return float((np.diff(found[ends], prepend=0) * precisions).sum() / frauds)


def binned_roc_auc(genuine: Floats, frauds: Floats) -> float:
    """`roc_auc` of weights counted in bins of ascending score, one bin a tie."""
    below = genuine.cumsum() - genuine / 2.0
    return float(frauds @ below / (frauds.sum() * genuine.sum()))


def binned_average_precision(genuine: Floats, frauds: Floats) -> float:
    """`average_precision` of weights counted in bins of ascending score, one bin a tie."""
    found, passed = frauds[::-1].cumsum(), genuine[::-1].cumsum()
    held = found > 0.0
    return float(frauds[::-1][held] @ (found[held] / (found + passed)[held]) / frauds.sum())


def card_precision(outcomes: Flags, scores: Floats, cards: Integers, days: Integers, k: int) -> float:
    """Card Precision@k: mean over the days of the share of compromised cards among the k highest cards.

    A card ranks by its highest score of the day; a compromised card that was found is out of the days after.
    Source: Le Borgne and others, *Reproducible Machine Learning for Credit Card Fraud Detection*, chapter 4.
    """
    found: set[int] = set()
    precisions = []
    for rows in _days(days):
        fresh = rows[~np.isin(cards[rows], list(found))]
        hits = _hit_cards(outcomes[fresh], scores[fresh], cards[fresh], k)
        precisions.append(len(hits) / k)
        found.update(hits)
    return float(np.mean(precisions))


def cards_hit(outcomes: Flags, scores: Floats, cards: Integers, days: Integers, k: int) -> float:
    """Mean over the days of the share of compromised cards among the k highest, none ever left out."""
    shares = [len(_hit_cards(outcomes[day], scores[day], cards[day], k)) / k for day in _days(days)]
    return float(np.mean(shares))


def transactions_hit(outcomes: Flags, scores: Floats, days: Integers, k: int) -> float:
    """Mean over the days of the share of frauds among the k transactions of highest score."""
    shares = [outcomes[day][np.argsort(-scores[day], kind="stable")[:k]].sum() / k for day in _days(days)]
    return float(np.mean(shares))


def alerts_hit(outcomes: Flags, scores: Floats, rate: float) -> tuple[float, float]:
    """Precision and recall of alerts on this share of all transactions, the highest scores.

    Raises:
        ValueError: there is no fraud, or nothing else.
    """
    frauds = _count_both(outcomes)
    alerts = max(1, round(rate * len(scores)))
    hits = int(outcomes[np.argsort(-scores, kind="stable")[:alerts]].sum())
    return hits / alerts, hits / frauds


def highest_cards(scores: Floats, cards: Integers, k: int) -> Integers:
    """The k cards with the highest scores, each by its highest one."""
    names, places = np.unique(cards, return_inverse=True)
    highest = np.full(len(names), -np.inf)
    np.maximum.at(highest, places, scores)
    top: Integers = names[np.argsort(-highest, kind="stable")[:k]]
    return top


def log_loss(outcomes: Flags, scores: Floats) -> float:
    """Mean negative log-likelihood of the outcomes under the scores as probabilities, nats."""
    likelihoods = np.where(outcomes, scores, 1.0 - scores)
    return float(-np.log(np.maximum(likelihoods, _SMALLEST)).mean())


def levels_of(scores: Floats, edges: tuple[float, ...] = RELIABILITY_EDGES) -> Integers:
    """Which bin of these edges each score [n] is in; the last takes its upper edge too."""
    return np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, len(edges) - 2)


def reliability(outcomes: Flags, scores: Floats, edges: tuple[float, ...] = RELIABILITY_EDGES) -> list[Bin]:
    """What came of transactions of about the same score, by bins that hold any; the last takes 1 too."""
    places = levels_of(scores, edges)
    counts = np.bincount(places, minlength=len(edges) - 1)
    sums = np.bincount(places, weights=scores, minlength=len(edges) - 1)
    frauds = np.bincount(places, weights=outcomes, minlength=len(edges) - 1)
    return [
        Bin(low, high, count, total / count, found / count)
        for low, high, count, total, found in zip(
            edges, edges[1:], counts.tolist(), sums.tolist(), frauds.tolist(), strict=False
        )
        if count
    ]


def calibration_error(table: list[Bin]) -> float:
    """Expected calibration error: mean distance of score and fraud share over the table's transactions.

    Source: Naeini, Cooper, Hauskrecht, *Obtaining Well Calibrated Probabilities Using Bayesian Binning*,
    AAAI 2015.
    """
    distances = sum(line.transactions * abs(line.mean_score - line.fraud_share) for line in table)
    return distances / sum(line.transactions for line in table)


def _count_both(outcomes: Flags) -> int:
    """Count the frauds, refusing columns that hold only one outcome."""
    frauds = int(np.count_nonzero(outcomes))
    if not 0 < frauds < len(outcomes):
        raise ValueError(f"{frauds} frauds among {len(outcomes)} transactions cannot be told apart")
    return frauds


def _days(days: Integers) -> Iterator[Integers]:
    """Positions of each day's transactions, in order of the days."""
    order = np.argsort(days, kind="stable")
    starts = np.flatnonzero(np.diff(days[order], prepend=days[order[:1]] - 1))
    yield from np.split(order, starts[1:])


def _hit_cards(outcomes: Flags, scores: Floats, cards: Integers, k: int) -> list[int]:
    """The compromised ones of the k highest cards."""
    top = highest_cards(scores, cards, k)
    hits: list[int] = top[np.isin(top, cards[outcomes])].tolist()
    return hits
