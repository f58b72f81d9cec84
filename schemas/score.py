"""Topic `scores`: one message for each transaction that was scored.

The worker writes them by `encode_score`, without a model object: the fields are computed by this service and
need no second check. A test holds what it writes to the schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from pydantic import Field

from schemas.decoding import decode
from schemas.fields.times import Time
from schemas.fields.tokens import Counterparty, Identifier, Token
from schemas.message import MOST_FEATURES, Feature, Message, Probability, Whole
from schemas.reputation import Kind


class Decision(StrEnum):
    """What the service advises."""

    APPROVE = "approve"
    REVIEW = "review"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a transaction stood in Kafka."""

    topic: str
    partition: Whole
    offset: Whole


class Score(Message):
    """A scored transaction, with the row that it was scored on."""

    transaction_id: Identifier
    """The transaction's own id."""
    event_time: Time
    """When the transaction happened."""
    subject: Token
    """Card or account that paid."""
    counterparty: Counterparty
    """Terminal, merchant or account that was paid."""
    dimensions: dict[Kind, Counterparty] = Field(default_factory=dict, max_length=16)
    """What else the transaction names: merchant, merchant category, country, channel, payment type ..."""
    score: Probability
    """Calibrated probability of fraud."""
    decision: Decision
    """What the service advises."""
    threshold: Probability
    """Score from which the decision would have been `review`."""
    scored_by: str = Field(max_length=128)
    """`prior`, or the model as `name@version`."""
    policy_version: str | None = Field(default=None, max_length=128)
    """Decision policy that chose the threshold; absent in scores of releases that did not say so."""
    features: tuple[Feature, ...] = Field(max_length=MOST_FEATURES)
    """Inputs of the model, in the order of `features_version`."""
    features_version: Whole
    """Version of the list of features."""
    features_complete: bool
    """False where something stood in for what was not known: an amount that no rate brings to the currency of
    the account, a reputation that could not be read, a profile under another key."""
    source: Source
    """Where the transaction stood."""
    scored_at: Time
    """When the service scored it."""


def encode_score(
    *,
    transaction_id: str,
    event_time: datetime,
    subject: str,
    counterparty: str,
    dimensions: Mapping[str, str],
    score: float,
    decision: Decision,
    threshold: float,
    scored_by: str,
    policy_version: str,
    features: Sequence[float] | Any,
    features_version: int,
    features_complete: bool,
    source: Source,
    scored_at: datetime,
) -> bytes:
    """Encode the value of a `scores` record from the fields of `Score`.

    `features` is any sequence of finite numbers; a contiguous numpy row of float32 or float64 is the fast
    form.
    """
    return orjson.dumps(
        {
            "schema_version": 1,
            "transaction_id": transaction_id,
            "event_time": event_time,
            "subject": subject,
            "counterparty": counterparty,
            "dimensions": dimensions,
            "score": score,
            "decision": decision,
            "threshold": threshold,
            "scored_by": scored_by,
            "policy_version": policy_version,
            "features": features,
            "features_version": features_version,
            "features_complete": features_complete,
            "source": {"topic": source.topic, "partition": source.partition, "offset": source.offset},
            "scored_at": scored_at,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def decode_score(data: bytes) -> Score:
    """Decode a value of topic `scores`.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(Score.model_validate, data)
