"""A transaction on its way from its score to its final outcome: what was scored, and what was said since."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from models.features import NAMES
from models.profile_fold import HIGH_RATIO
from schemas.label import LabelOrigin, Outcome
from schemas.score import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from models.arrays import Singles
    from models.core import Scored
    from schemas.label import Label
    from schemas.score import Score

_SEPARATOR: Final = "\0"
_LAST_MOMENT: Final = 253_402_300_799.0
_AMOUNT_RATIO: Final = NAMES.index("amount_ratio")


@dataclass(frozen=True, slots=True, eq=False)
class ScoredRow:
    """A scored transaction, as far as labelling and learning need it."""

    transaction_id: str
    subject: str
    counterparty: str
    dimensions: Mapping[str, str]
    """What else the transaction names, by kind."""
    event_time: float
    """Seconds since 1970."""
    score: float
    alerted: bool
    """Whether it was not approved."""
    scored_by: str
    features: Singles
    """As they were scored, [k]."""
    features_version: int

    @property
    def key(self) -> str:
        """Names the transaction: its id is unique among those of its subject only."""
        return case_key(self.subject, self.transaction_id)

    @property
    def amount_is_unusual(self) -> bool:
        """Whether the amount was unusually high for who paid."""
        return bool(self.features[_AMOUNT_RATIO] > HIGH_RATIO)

    @classmethod
    def of_score(cls, score: Score) -> ScoredRow:
        """The row that a message of topic `scores` tells of."""
        return cls(
            transaction_id=score.transaction_id,
            subject=score.subject,
            counterparty=score.counterparty,
            dimensions=score.dimensions,
            event_time=score.event_time.timestamp(),
            score=score.score,
            alerted=score.decision is not Decision.APPROVE,
            scored_by=score.scored_by,
            features=np.array(score.features, dtype=np.float32),
            features_version=score.features_version,
        )

    @classmethod
    def of_scored(cls, scored: Scored, features_version: int) -> ScoredRow:
        """The row that the scoring core made, without the way over Kafka."""
        transaction = scored.transaction
        return cls(
            transaction_id=transaction.transaction_id,
            subject=transaction.subject,
            counterparty=transaction.counterparty,
            dimensions=scored.dimensions,
            event_time=transaction.event_timestamp,
            score=scored.score,
            alerted=scored.decision is not Decision.APPROVE,
            scored_by=scored.scored_by,
            features=scored.features,
            features_version=features_version,
        )


@dataclass(frozen=True, slots=True, order=True)
class KnownLabel:
    """What somebody said of a transaction; the greatest is in force, in whatever order they came."""

    time: float
    """When the outcome became known, seconds since 1970."""
    is_fraud: bool
    origin: LabelOrigin
    recorded_at: float
    """Kafka timestamp of the label, seconds since 1970."""

    @classmethod
    def of(cls, label: Label, recorded_at: float) -> KnownLabel:
        """What a message of topic `labels.keyed` says."""
        is_fraud = label.outcome is Outcome.FRAUD
        return cls(label.label_time.timestamp(), is_fraud, label.origin, recorded_at)


@dataclass(slots=True)
class Case:
    """All that is known of one transaction, mutable."""

    row: ScoredRow | None = None
    """None as long as only labels have come."""
    waiting: list[KnownLabel] = field(default_factory=list)
    """Labels whose time has not come, or whose transaction has not."""
    label: KnownLabel | None = None
    """The label in force."""
    learnt: bool | None = None
    """Whether it was last learnt as fraud; None before it was learnt (or left out as one of many genuine)."""
    is_matured: bool = False
    """Whether its horizon has passed."""

    def pack(self) -> bytes:
        """Everything as bytes."""
        head = orjson.dumps(
            {
                "row": _row_fields(self.row) if self.row else None,
                "waiting": [_label_fields(label) for label in self.waiting],
                "label": _label_fields(self.label) if self.label else None,
                "learnt": self.learnt,
                "matured": self.is_matured,
            }
        )
        features = self.row.features.astype("<f4").tobytes() if self.row else b""
        return len(head).to_bytes(4, "little") + head + features

    @classmethod
    def unpack(cls, payload: bytes) -> Case:
        """The case that was packed."""
        end = 4 + int.from_bytes(payload[:4], "little")
        told = orjson.loads(payload[4:end])
        row = told["row"]
        return cls(
            row=ScoredRow(**row, features=np.frombuffer(payload[end:], dtype="<f4")) if row else None,
            waiting=[_label(*fields) for fields in told["waiting"]],
            label=_label(*told["label"]) if told["label"] else None,
            learnt=told["learnt"],
            is_matured=told["matured"],
        )


def case_key(subject: str, transaction_id: str) -> str:
    """The key of a case; neither part can hold the separator."""
    return f"{subject}{_SEPARATOR}{transaction_id}"


def named_by(row: ScoredRow) -> Iterator[tuple[str, str]]:
    """Whatever a transaction names, as (kind, value): its counterparty, then its dimensions."""
    yield "counterparty", row.counterparty
    yield from row.dimensions.items()


def moment(timestamp: float) -> datetime:
    """Seconds since 1970 as a time in UTC; the calendar's last second stands for all after it."""
    return datetime.fromtimestamp(min(timestamp, _LAST_MOMENT), UTC)


def _row_fields(row: ScoredRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ScoredRow.__slots__ if name != "features"}


def _label_fields(label: KnownLabel) -> tuple[float, bool, str, float]:
    return label.time, label.is_fraud, label.origin, label.recorded_at


def _label(time: float, is_fraud: bool, origin: str, recorded_at: float) -> KnownLabel:  # noqa: FBT001
    return KnownLabel(time, is_fraud, LabelOrigin(origin), recorded_at)
