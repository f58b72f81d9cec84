"""Transactions on their way from score to final outcome: what was scored, and what was said since.

An id names the transactions of a subject that carry it, which may be several: payers choose ids, and some
choose the same again. Each has its own event time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from models.profiles.fold import HIGH_RATIO
from models.scoring.features import FEATURES_VERSION, NAMES
from schemas.errors import ErrorType, InvalidMessage
from schemas.label import LabelOrigin, Outcome
from schemas.score import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from models.arrays import Singles
    from models.scoring.pipeline import Scored
    from schemas.label import Label
    from schemas.score import Score

_SEPARATOR: Final = "\0"
_LAST_MOMENT: Final = 253_402_300_799.0
_AMOUNT_RATIO: Final = NAMES.index("amount_ratio")
_NOWHERE: Final = -1
SAME_TIME: Final = 1e-3
"""Seconds by which two times may differ and still be the same: times are rounded on their way."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredTransaction:
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
    amount_is_unusual: bool
    """Whether the amount was unusually high for who paid."""
    offset: int = _NOWHERE
    """Where its score stood in its partition of `scores`; -1 where that is not known."""

    @property
    def key(self) -> str:
        """Names the transactions of its subject that have its id."""
        return case_key(self.subject, self.transaction_id)

    @classmethod
    def of_score(cls, score: Score, offset: int = _NOWHERE) -> ScoredTransaction:
        """Make the row that a message of topic `scores` at this offset describes.

        Raises:
            InvalidMessage: `INVALID_VALUE`, where its features are not as many as those of its version.
        """
        features, version = np.array(score.features, dtype=np.float32), score.features_version
        if version == FEATURES_VERSION and len(features) != len(NAMES):
            raise InvalidMessage(
                ErrorType.INVALID_VALUE,
                f"the score has {len(features)} features, and version {version} of them has {len(NAMES)}",
                "features",
            )
        return cls(
            transaction_id=score.transaction_id,
            subject=score.subject,
            counterparty=score.counterparty,
            dimensions=score.dimensions,
            event_time=score.event_time.timestamp(),
            score=score.score,
            alerted=score.decision is not Decision.APPROVE,
            scored_by=score.scored_by,
            features=features,
            features_version=version,
            amount_is_unusual=_is_unusual(features, version),
            offset=offset,
        )

    @classmethod
    def of_scored(cls, scored: Scored, features_version: int) -> ScoredTransaction:
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
            amount_is_unusual=_is_unusual(scored.features, features_version),
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
    event_time: float | None = field(default=None, compare=False)
    """When the transaction happened, seconds since 1970; None where the label does not say."""
    offset: int = field(default=_NOWHERE, compare=False)
    """Where the label stood in its partition of `labels.keyed`; -1 where that is not known."""

    @classmethod
    def of(cls, label: Label, recorded_at: float, offset: int = _NOWHERE) -> KnownLabel:
        """Make the label that a message of topic `labels.keyed` at this offset describes."""
        is_fraud = label.outcome is Outcome.FRAUD
        event_time = None if label.event_time is None else label.event_time.timestamp()
        return cls(label.label_time.timestamp(), is_fraud, label.origin, recorded_at, event_time, offset)


@dataclass(slots=True)
class PendingTransaction:
    """All that is known of one transaction, mutable."""

    row: ScoredTransaction
    label: KnownLabel | None = None
    """The label in force."""
    learnt: bool | None = None
    """Whether it was last learnt as fraud; None before it was learnt (or left out as one of many genuine)."""
    is_matured: bool = False
    """Whether its horizon has passed."""


@dataclass(slots=True)
class Cases:
    """The transactions of one subject that have one id, mutable."""

    cases: list[PendingTransaction] = field(default_factory=list)
    """By event time, each of another."""
    waiting: list[KnownLabel] = field(default_factory=list)
    """Labels whose time has not come, or whose transaction has not."""

    def add(self, row: ScoredTransaction) -> bool:
        """Add a scored transaction; false where it is known already."""
        if any(case.row.event_time == row.event_time for case in self.cases):
            return False
        self.cases.append(PendingTransaction(row))
        self.cases.sort(key=lambda case: case.row.event_time)
        return True

    def fitting(self, label: KnownLabel) -> list[PendingTransaction]:
        """Find the transactions that a label may be about.

        A label that names an event time is about the transaction of that time. Another one is about the only
        transaction of the id, or about one that happened before somebody knew what it was.
        """
        if label.event_time is not None:
            named = label.event_time
            return [case for case in self.cases if abs(case.row.event_time - named) <= SAME_TIME]
        earlier = [case for case in self.cases if case.row.event_time <= label.time]
        return earlier or self.cases

    def pack(self) -> bytes:
        """Everything as bytes."""
        head = orjson.dumps(
            {
                "cases": [
                    {
                        "row": _row_fields(case.row),
                        "features": len(case.row.features),
                        "label": _label_fields(case.label) if case.label else None,
                        "learnt": case.learnt,
                        "matured": case.is_matured,
                    }
                    for case in self.cases
                ],
                "waiting": [_label_fields(label) for label in self.waiting],
            }
        )
        features = [case.row.features.astype("<f4").tobytes() for case in self.cases]
        return b"".join([len(head).to_bytes(4, "little"), head, *features])

    @classmethod
    def unpack(cls, payload: bytes) -> Cases:
        """Make the cases that were packed, by this release or by one that knew one transaction of an id."""
        end = 4 + int.from_bytes(payload[:4], "little")
        packed = orjson.loads(payload[4:end])
        features = np.frombuffer(payload[end:], dtype="<f4")
        unpacked = cls(waiting=[_label(*fields) for fields in packed["waiting"]])
        for case in packed.get("cases", [packed] if packed.get("row") else []):
            count = case.get("features", len(features))
            row, features = _row(case["row"], features[:count]), features[count:]
            label = _label(*case["label"]) if case["label"] else None
            unpacked.cases.append(PendingTransaction(row, label, case["learnt"], case["matured"]))
        return unpacked


def case_key(subject: str, transaction_id: str) -> str:
    """The key of the cases of an id; neither part can hold the separator."""
    return f"{subject}{_SEPARATOR}{transaction_id}"


def named_by(row: ScoredTransaction) -> Iterator[tuple[str, str]]:
    """Whatever a transaction names, as (kind, value): its counterparty, then its dimensions."""
    yield "counterparty", row.counterparty
    yield from row.dimensions.items()


def moment(timestamp: float) -> datetime:
    """Seconds since 1970 as a time in UTC; the calendar's last second stands for all after it."""
    return datetime.fromtimestamp(min(timestamp, _LAST_MOMENT), UTC)


def _row_fields(row: ScoredTransaction) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ScoredTransaction.__slots__ if name != "features"}


def _row(fields: dict[str, Any], features: Singles) -> ScoredTransaction:
    if "amount_is_unusual" not in fields:
        fields["amount_is_unusual"] = _is_unusual(features, fields["features_version"])
    return ScoredTransaction(**fields, features=features)


def _is_unusual(features: Singles, version: int) -> bool:
    """Say whether an amount is unusual; one of other features counts as such, so that no payee is blamed."""
    is_known = version == FEATURES_VERSION and len(features) == len(NAMES)
    return not is_known or bool(features[_AMOUNT_RATIO] > HIGH_RATIO)


def _label_fields(label: KnownLabel) -> tuple[Any, ...]:
    return label.time, label.is_fraud, label.origin, label.recorded_at, label.event_time, label.offset


def _label(time: float, is_fraud: bool, origin: str, *others: Any) -> KnownLabel:  # noqa: FBT001
    return KnownLabel(time, is_fraud, LabelOrigin(origin), *others)
