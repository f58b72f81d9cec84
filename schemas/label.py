"""Topics `labels` and `labels.keyed`: what somebody found out about a transaction, usually days later.

A later label on the same transaction corrects the earlier one.
"""

from enum import StrEnum

from schemas.decoding import decode
from schemas.fields.times import Time
from schemas.fields.tokens import Identifier, Text, Token
from schemas.message import Message
from schemas.privacy import NETWORKS_ONLY, Privacy


class Outcome(StrEnum):
    """What a transaction turned out to be."""

    FRAUD = "fraud"
    GENUINE = "genuine"


class LabelOrigin(StrEnum):
    """Who says so."""

    ANALYST = "analyst"
    CHARGEBACK = "chargeback"
    CUSTOMER = "customer"
    ISSUER = "issuer"


class Label(Message):
    """The outcome of one transaction, as far as its origin knows."""

    transaction_id: Identifier
    """The transaction's own id (for a transfer its end-to-end id)."""
    subject: Token
    """Card or account token of the transaction."""
    outcome: Outcome
    """What the transaction turned out to be."""
    origin: LabelOrigin
    """Who says so."""
    label_time: Time
    """When the outcome became known; at most a day ahead of the service's clock."""
    event_time: Time | None = None
    """When the transaction happened, as it said; needed where several of the subject have this id."""
    reason: Text | None = None
    """A chargeback's reason code, an analyst's remark."""


def decode_label(data: bytes, privacy: Privacy = NETWORKS_ONLY) -> Label:
    """Decode a value of topic `labels` or `labels.keyed`.

    Args:
        data: the value.
        privacy: how card numbers are looked for.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(Label.model_validate, data, privacy=privacy)
