"""Makes the table of the cold-start scorecard's quantiles: `python -m tests.models.prior_quantiles`."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np

from fraudstream.simulate.world import WorldName
from fraudstream.simulate.worlds import make_world
from models.reputations.store import ReputationStore
from models.scoring.pipeline import PartitionBatch, ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from schemas.snapshot import QUANTILE_SHARES
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from models.arrays import Floats

CUSTOMERS: Final = 2_500
DAYS: Final = 7
_BATCH: Final = 200


def first_scores(world: WorldName, seed: int) -> Floats:
    """Scores [n] of a simulated bank's first days, of which nothing is known before and no label comes."""
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(1.0, 1.0))
    sent = make_world(world, CUSTOMERS, DAYS, date(2026, 1, 1), seed)
    transactions = [decode_transaction(each.encode()) for each in sent]
    state, scores = core.new_state(), []
    for start in range(0, len(transactions), _BATCH):
        part = transactions[start : start + _BATCH]
        times = [each.event_timestamp for each in part]
        judged = core.judge([PartitionBatch(part, range(start, start + len(part)), state, times)]).judged
        assert judged is not None, "no simulated transaction repeats"
        scores.append(judged.scores)
    return np.concatenate(scores)


def pooled_quantiles(seed: int) -> Floats:
    """Scores that each of `QUANTILE_SHARES` reaches, of the simulated banks in equal parts."""
    banks = [first_scores(world, seed) for world in WorldName]
    scores = np.concatenate(banks)
    weights = np.concatenate([np.full(len(bank), 1.0 / len(bank)) for bank in banks])
    order = np.argsort(-scores)
    above = np.cumsum(weights[order]) / weights.sum()
    table: Floats = np.interp(QUANTILE_SHARES, above, scores[order])
    return table


if __name__ == "__main__":
    table = pooled_quantiles(seed=0)
    print(", ".join(f"{score:.4g}" for score in table))  # noqa: T201 - its output
