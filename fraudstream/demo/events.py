"""What happens in a demo, as its parts tell it. Times are in seconds since the epoch, by one clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.alert import Alert


class TransactionSent(NamedTuple):
    """A transaction is handed to the producer, which stamps its Kafka record now; `fraud` is the truth."""

    transaction_id: str
    at: float
    simulated_time: float
    fraud: bool


class LabelSent(NamedTuple):
    """A label is handed to the producer."""


class MalformedSent(NamedTuple):
    """A message that the service must refuse is handed to the producer."""


class ScoreRead(NamedTuple):
    """The reader has the score of a transaction in hands."""

    transaction_id: str
    at: float
    scored_by: str


class AlertRead(NamedTuple):
    """The reader has an alert in hands."""

    alert: Alert


class DeadLetterRead(NamedTuple):
    """The reader has a dead letter in hands."""

    error_type: str


class LabelRead(NamedTuple):
    """The reader has a label in hands that was validated and keyed."""


class WorkerScraped(NamedTuple):
    """What a worker that scores says of itself, since its start.

    Attributes:
        slot: the worker's name.
        at: when it said so.
        scored: transactions scored.
        repeats: transactions skipped since their id had been seen.
        arrival_to_score: how many scores were handed to the producer within so many seconds of the arrival of
            their transaction; cumulative, ascending, the last bound infinite.
        time_to_learn: how many labels told within so many seconds of their own arrival, alike.
    """

    slot: str
    at: float
    scored: int
    repeats: int
    arrival_to_score: Mapping[float, int]
    time_to_learn: Mapping[float, int]


class LearnerScraped(NamedTuple):
    """What the worker that learns says of itself, since its start.

    Attributes:
        examples: that it learnt.
        frauds: among these.
    """

    examples: int
    frauds: int


Event: TypeAlias = (
    TransactionSent
    | LabelSent
    | MalformedSent
    | ScoreRead
    | AlertRead
    | DeadLetterRead
    | LabelRead
    | WorkerScraped
    | LearnerScraped
)
