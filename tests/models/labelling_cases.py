"""Scored rows and labels for the tests of labelling."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from models.decay import DAY
from models.labelling.core import LabellingCore, LabellingRules
from models.labelling.pending import ScoredTransaction
from models.labelling.store import MemoryPendingStore
from models.profiles.fold import HIGH_RATIO
from models.scoring.features import FEATURES_VERSION, NAMES
from schemas.label import Label, LabelOrigin, Outcome

START = 1_800_000_000.0
HORIZON = 7 * DAY
RULES = LabellingRules(horizon=HORIZON, keep=30 * DAY, genuine_share=1.0, examples_per_second=1e9)


def core(rules: LabellingRules = RULES) -> LabellingCore:
    return LabellingCore(rules, MemoryPendingStore())


def row(
    name: str = "t1",
    day: float = 0.0,
    subject: str = "card_a",
    *,
    alerted: bool = False,
    amount_ratio: float = 1.0,
) -> ScoredTransaction:
    features = np.ones(len(NAMES), dtype=np.float32)
    features[NAMES.index("amount_ratio")] = amount_ratio
    return ScoredTransaction(
        transaction_id=name,
        subject=subject,
        counterparty="terminal_a",
        dimensions={"country": "FR"},
        event_time=START + day * DAY,
        score=0.25,
        alerted=alerted,
        scored_by="prior",
        features=features,
        features_version=FEATURES_VERSION,
        amount_is_unusual=amount_ratio > HIGH_RATIO,
    )


def label(
    name: str = "t1",
    day: float = 1.0,
    outcome: Outcome = Outcome.FRAUD,
    subject: str = "card_a",
    origin: LabelOrigin = LabelOrigin.CUSTOMER,
    happened: float | None = None,
) -> Label:
    """The label of a transaction; `happened` is the day of the transaction, if the label says it."""
    return Label(
        transaction_id=name,
        subject=subject,
        outcome=outcome,
        origin=origin,
        label_time=datetime.fromtimestamp(START + day * DAY, UTC),
        event_time=None if happened is None else datetime.fromtimestamp(START + happened * DAY, UTC),
    )
