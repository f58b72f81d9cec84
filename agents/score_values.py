"""The values of the records that a scored transaction becomes: its score, and its alert where one is due."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

from models.scoring.features import FEATURES_VERSION
from schemas.alert import Alert, alert_id
from schemas.score import Source, encode_score

if TYPE_CHECKING:
    from datetime import datetime

    from agents.dead_letters import KafkaRecord
    from models.scoring.pipeline import Scored


def score_value(scored: Scored, record: KafkaRecord, scored_at: datetime) -> bytes:
    """Encode the score of the transaction that this record holds."""
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
        policy_version=scored.policy_version,
        features=scored.features,
        features_version=FEATURES_VERSION,
        features_complete=scored.complete,
        source=_source(record),
        scored_at=scored_at,
    )


def alert_value(scored: Scored, record: KafkaRecord, scored_at: datetime) -> bytes:
    """Encode the alert of the transaction that this record holds, which was not approved."""
    return Alert(
        alert_id=alert_id(scored.transaction.transaction_id, scored.policy_version, _basis(scored, record)),
        decision=scored.decision,
        score=scored.score,
        threshold=scored.threshold,
        reasons=tuple(scored.reasons),
        transaction=scored.transaction,
        scored_by=scored.scored_by,
        policy_version=scored.policy_version,
        features_version=FEATURES_VERSION,
        features_complete=scored.complete,
        source=_source(record),
        scored_at=scored_at,
    ).to_json()


def _basis(scored: Scored, record: KafkaRecord) -> bytes:
    """What an alert follows from, beside its transaction and policy."""
    said = (scored.scored_by, scored.threshold, scored.complete, *astuple(_source(record)))
    return repr(said).encode() + scored.features.tobytes()


def _source(record: KafkaRecord) -> Source:
    return Source(record.topic(), record.partition(), record.offset())
