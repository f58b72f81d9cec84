"""The worker's job without the worker: decode, score by the same core, encode; nothing is checked or kept."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agents.scoring import alert_value, score_value
from models.reputations.store import ReputationStore
from models.scoring.pipeline import Scored, ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from schemas.score import Decision
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Message

REVIEW, DECLINE = 0.5, 0.9
"""The worker's default thresholds."""


def new_core() -> ScoringCore:
    """The core as a worker with default settings has it."""
    return ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(REVIEW, DECLINE))


class Job:
    """Scores batches of records and remembers the profiles in memory."""

    def __init__(self) -> None:
        self._core = new_core()
        self._state = self._core.new_state()

    def score(self, records: Sequence[Message]) -> Iterator[tuple[Message, bytes, bytes | None]]:
        """Give each record with its encoded score and, where one is due, its encoded alert."""
        transactions = [decode_transaction(record.value()) for record in records]
        results = self._core.process(transactions, [record.offset() for record in records], self._state)
        now = datetime.fromtimestamp(time.time(), UTC)
        for record, result in zip(records, results, strict=True):
            if isinstance(result, Scored):
                is_alert = result.decision is not Decision.APPROVE
                alert = alert_value(result, record, now) if is_alert else None
                yield record, score_value(result, record, now), alert
