"""Topic `examples`: every row that the model ever learnt, in one ordered log.

A model is a fold of this log, so it can be rebuilt, audited, rolled back or challenged by another learner.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, Strict

from schemas.decoding import decode
from schemas.fields.times import Time
from schemas.fields.tokens import Identifier, Token
from schemas.label import LabelOrigin, Outcome
from schemas.message import MOST_FEATURES, Feature, Message, Probability, Whole


class Maturity(StrEnum):
    """What made a transaction an example."""

    EARLY = "early"
    """A label came before the horizon: a verdict, a customer's report."""
    MATURED = "matured"
    """The horizon passed, so the outcome counts as final."""
    CORRECTED = "corrected"
    """A label said otherwise after the transaction had been learnt."""


class Example(Message):
    """Features as they were scored, with what the transaction turned out to be."""

    transaction_id: Identifier
    """The transaction's own id."""
    subject: Token
    """Card or account that paid."""
    event_time: Time
    """When the transaction happened."""
    score: Probability
    """Score that the transaction was given."""
    scored_by: str = Field(max_length=128)
    """Model that gave it: `prior`, or `name@version`."""
    features: tuple[Feature, ...] = Field(max_length=MOST_FEATURES)
    """Inputs of the model as they were scored, in the order of `features_version`."""
    features_version: Whole
    """Version of the list of features."""
    outcome: Outcome
    """What the transaction turned out to be."""
    maturity: Maturity
    """What made it an example."""
    origin: LabelOrigin | None = None
    """Who said so; absent where no label came by the horizon, which counts as genuine."""
    weight: Annotated[float, Strict(), Field(gt=0.0, le=1e3)]
    """How often the row counts in learning."""
    sampling_rate: Annotated[float, Strict(), Field(ge=1e-6, le=1.0)]
    """Share of rows of this outcome that were kept; the learner corrects its prior by it."""
    learn_time: Time
    """Event-time clock when the row became known to the learner."""
    label_time: Time | None = None
    """When the label was given; absent where none came."""
    label_recorded_at: Time | None = None
    """Kafka timestamp of the label, from which the time to learn is counted; absent where none came."""


def decode_example(data: bytes) -> Example:
    """Decode a value of topic `examples`.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(Example.model_validate, data)
