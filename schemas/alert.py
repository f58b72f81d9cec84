"""Topic `alerts`: what an analyst sees of a transaction that was not approved, with the reasons."""

from hashlib import blake2b
from typing import Literal

from pydantic import Field

from schemas.decoding import decode
from schemas.fields.times import Time
from schemas.fields.tokens import Code
from schemas.message import Message, Number, Probability, Record, Whole
from schemas.score import Decision, Source
from schemas.transaction import Transaction


class Reason(Record):
    """One cause of a high score."""

    code: Code
    """Stable code of the cause, the name of a feature."""
    text: str = Field(max_length=280)
    """A sentence for the analyst."""
    contribution: Number
    """How much it raised the score, in the unit of the model's own sum."""
    value: Number
    """What was seen; amounts in the currency of the account."""
    normal_for_subject: Number | None = None
    """What this card or account usually shows, where that is known."""


class Alert(Message):
    """A transaction to look at."""

    alert_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    """Derived from all that is said but `scored_at`: what has the same id says the same."""
    decision: Literal[Decision.REVIEW, Decision.DECLINE]
    """What the service advises."""
    score: Probability
    """Calibrated probability of fraud."""
    threshold: Probability
    """Score from which the policy asks for a review."""
    reasons: tuple[Reason, ...]
    """Causes, the weightiest first."""
    transaction: Transaction
    """The transaction as it came, without fields that the contract does not know."""
    scored_by: str = Field(max_length=128)
    """`prior`, or the model as `name@version`."""
    policy_version: str = Field(max_length=128)
    """Decision policy that chose the threshold."""
    features_version: Whole | None = None
    """Version of the list of features that was scored; absent in alerts of releases that did not say so."""
    features_complete: bool
    """False where something stood in for what was not known: an amount that no rate brings to the currency of
    the account, a reputation that could not be read, a profile under another key."""
    source: Source
    """Where the transaction stood."""
    scored_at: Time
    """When the service scored it."""


def alert_id(transaction_id: str, policy_version: str, basis: bytes) -> str:
    """Derive the id of an alert: 128 bits of BLAKE2b in hexadecimal.

    A repeat has the same id. A transaction that is judged anew after a crash, when its model or a reputation
    has moved on, has another one, so that no reader takes one judgement for the other.

    Args:
        transaction_id: whose alert it is.
        policy_version: that decided.
        basis: all else that the judgement follows from.
    """
    named = f"{policy_version}\0{transaction_id}\0".encode() + basis
    return blake2b(named, digest_size=16).hexdigest()


def decode_alert(data: bytes) -> Alert:
    """Decode a value of topic `alerts`.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(Alert.model_validate, data)
