"""What the prior model is worth before any label, on both simulated banks."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from fraudstream.simulate.handbook import Handbook, draw_payments
from fraudstream.simulate.transfers import TransferWorld
from models.batch import NO_COUNTRY, EventBatch, short_hashes, stable_hashes
from models.profiles.store import ProfileStore
from models.reputations.store import ReputationStore
from models.scoring.features import feature_matrix
from models.scoring.prior import PriorModel
from models.scoring.quantiles import log_odds_of
from schemas.transaction import decode_transaction
from tests.models.prior_quantiles import pooled_quantiles

if TYPE_CHECKING:
    from fraudstream.simulate.handbook import Payments

DAYS = 40
LEARNT = 14 * 86_400.0
"""Seconds after which most profiles know their subject."""


def auc(scores: np.ndarray, fraud: np.ndarray) -> float:
    """Share of pairs of a fraud and a genuine transaction that the scores rank rightly (no ties expected)."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores)] = np.arange(len(scores))
    frauds = fraud.sum()
    return float((ranks[fraud].sum() - frauds * (frauds - 1) / 2) / (frauds * (~fraud).sum()))


def prior_scores(batch: EventBatch) -> np.ndarray:
    profiles, reputations = ProfileStore(), ReputationStore()
    parts = [batch.take(part) for part in np.array_split(np.arange(len(batch)), len(batch) // 200)]
    rows = [feature_matrix(part, profiles.fold(part), reputations.view(part)).values for part in parts]
    return PriorModel().score(np.concatenate(rows))


def columns_of(payments: Payments) -> EventBatch:
    count = len(payments.second)
    terminals = [f"terminal-{terminal}" for terminal in payments.terminal]
    return EventBatch(
        subjects=[f"card-{customer}" for customer in payments.customer],
        counterparties=terminals,
        times=payments.second.astype(np.float64),
        amounts=payments.amount,
        countries=np.full(count, NO_COUNTRY, dtype=np.uint16),
        id_hashes=np.arange(1, count + 1, dtype=np.uint32),
        content_hashes=np.arange(1, count + 1, dtype=np.uint64),
        counterparty_hashes=short_hashes(stable_hashes(terminals)),
        dimensions=[{}] * count,
        offsets=np.arange(count),
        currencies=np.zeros(count, dtype=np.uint64),
        booked=np.zeros(count, dtype=np.bool_),
        logs=np.zeros(count, dtype=np.int64),
    )


def test_frauds_by_amount_are_ranked_and_the_worst_alerted_on_the_handbooks_bank() -> None:
    payments = draw_payments(Handbook.of_size(300, DAYS, date(2018, 4, 1)))
    scores = prior_scores(columns_of(payments))
    settled = payments.second > LEARNT
    high_amount, abused_card, genuine = (payments.scenario == scenario for scenario in (1, 3, 0))
    for frauds, least in ((high_amount, 0.98), (abused_card, 0.97)):
        compared = settled & (frauds | genuine)
        assert auc(scores[compared], frauds[compared]) > least
    assert (scores[settled & abused_card] >= 0.5).mean() > 0.4
    assert (scores[settled & genuine] >= 0.5).mean() < 0.001


def test_frauds_on_transfers_are_ranked() -> None:
    world = list(TransferWorld(customers=1_000, days=DAYS, start=date(2026, 1, 1), seed=0))
    batch = EventBatch.of([decode_transaction(sent.encode()) for sent in world], range(len(world)))
    fraud = np.array([sent.fraud for sent in world])
    settled = batch.times > batch.times[0] + LEARNT
    scores = prior_scores(batch)
    assert auc(scores[settled], fraud[settled]) > 0.85
    assert (scores[settled & fraud] >= 0.5).mean() > 0.3
    assert (scores[settled & ~fraud] >= 0.5).mean() < 0.08


def test_the_quantiles_that_come_with_the_prior_model_are_still_those_of_the_simulators() -> None:
    table = log_odds_of(pooled_quantiles(seed=3))
    assert np.abs(table - PriorModel().quantiles.log_odds).max() < 0.4
