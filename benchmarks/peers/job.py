"""The worker's job without the worker: decode, score by the same core, encode; nothing is checked or kept."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from models.core import Scored, ScoringCore
from models.features import FEATURES_VERSION
from models.policy import FixedThreshold
from models.prior import PriorModel
from models.reputation import ReputationStore
from schemas.alert import Alert, alert_id
from schemas.score import Decision, Source, encode_score
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Message

REVIEW, DECLINE = 0.5, 0.9
"""The worker's default thresholds."""


def new_core() -> ScoringCore:
    """The core as a worker with default settings has it."""
    return ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThreshold(REVIEW, DECLINE))


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
                source = Source(record.topic(), record.partition(), record.offset())
                yield record, score_value(result, source, now), alert_value(result, source, now)


def score_value(scored: Scored, source: Source, now: datetime) -> bytes:
    """Encode a score."""
    transaction = scored.transaction
    return encode_score(
        transaction_id=transaction.transaction_id,
        event_time=transaction.event_time,
        subject=transaction.subject,
        counterparty=transaction.counterparty,
        dimensions=scored.dimensions,
        score=scored.score,
        decision=scored.decision,
        threshold=scored.threshold,
        scored_by=scored.scored_by,
        features=scored.features,
        features_version=FEATURES_VERSION,
        features_complete=scored.complete,
        source=source,
        scored_at=now,
    )


def alert_value(scored: Scored, source: Source, now: datetime) -> bytes | None:
    """Encode the alert of a transaction that is not approved."""
    if scored.decision is Decision.APPROVE:
        return None
    return Alert(
        alert_id=alert_id(scored.transaction.transaction_id, scored.policy_version),
        decision=scored.decision,
        score=scored.score,
        threshold=scored.threshold,
        reasons=tuple(scored.reasons),
        transaction=scored.transaction,
        scored_by=scored.scored_by,
        policy_version=scored.policy_version,
        features_complete=scored.complete,
        source=source,
        scored_at=now,
    ).to_json()
