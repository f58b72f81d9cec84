"""Topic `reputations`: how a counterparty, or whatever else a transaction names, has turned out so far.

Compacted, key `kind:id`; the newest record of a key replaces the older ones. The sums are exponentially
decayed in event time and valid at `as_of`; to bring a sum with time constant tau to a later time t, multiply
it by exp(-(t - as_of) / tau). What matured fades from when it matured, what is known early from when it
happened.
"""

from typing import Annotated

from pydantic import Field, Strict

from schemas.decoding import decode
from schemas.fields.times import Time
from schemas.fields.tokens import Counterparty
from schemas.message import Message

MATURED_DAYS = (1, 3, 7, 14, 28)
"""Time constants, in days, of the sums over transactions whose outcome is final."""

EARLY_DAYS = (7, 28)
"""Time constants, in days, of the sums over what is known before the label horizon, or unexplained."""

COUNTERPARTY = "counterparty"
"""Kind of reputation of who was paid; others are `SUBJECT` and the kinds of `Transaction.dimensions`."""

SUBJECT = "subject"
"""Kind of reputation of who paid: there once a fraud of the card or account is known."""

Kind = Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,31}$")]
Sum = Annotated[float, Strict(), Field(ge=0.0, le=1e15)]


def reputation_key(kind: str, name: str) -> str:
    """Key of a reputation: `kind:id`.

    >>> reputation_key("country", "FR")
    'country:FR'
    """
    return f"{kind}:{name}"


def split_key(key: str) -> tuple[str, str]:
    """Kind and id of a reputation's key.

    >>> split_key("subject:acc:7")
    ('subject', 'acc:7')
    """
    kind, _, name = key.partition(":")
    return kind, name


class Reputation(Message):
    """Decayed counts of what came of one counterparty, merchant category, country ..."""

    kind: Kind
    """`counterparty`, `merchant-category`, `country`, `channel`, `payment-type` ..."""
    id: Counterparty
    """Value of that kind."""
    as_of: Time
    """Event time at which the sums are valid."""
    matured: Annotated[tuple[Sum, ...], Field(min_length=5, max_length=5)]
    """Transactions whose outcome is final, one sum for each of 1, 3, 7, 14 and 28 days."""
    matured_frauds: Annotated[tuple[Sum, ...], Field(min_length=5, max_length=5)]
    """Frauds among them, for the same days."""
    early_frauds: Annotated[tuple[Sum, ...], Field(min_length=2, max_length=2)]
    """Frauds known early by a label, for 7 and 28 days."""
    unexplained_frauds: Annotated[tuple[Sum, ...], Field(min_length=2, max_length=2)] = (0.0, 0.0)
    """Matured frauds whose amount was not unusual for who paid, for 7 and 28 days."""
    early_unexplained: Annotated[tuple[Sum, ...], Field(min_length=2, max_length=2)] = (0.0, 0.0)
    """The same of frauds known early, for 7 and 28 days."""
    early_genuine: Annotated[tuple[Sum, ...], Field(min_length=2, max_length=2)] = (0.0, 0.0)
    """Transactions called genuine early, for 7 and 28 days."""
    last_matured_fraud: Time | None = None
    """Event time of the latest fraud whose outcome is final."""
    last_matured_genuine: Time | None = None
    """Event time of the latest transaction that is finally genuine."""
    last_unexplained_fraud: Time | None = None
    """Event time of the latest of the unexplained frauds."""
    last_early_fraud: Time | None = None
    """Event time of the latest fraud known early."""
    last_early_unexplained: Time | None = None
    """Event time of the latest of the unexplained frauds known early."""
    last_early_genuine: Time | None = None
    """Event time of the latest transaction called genuine early."""

    @property
    def key(self) -> str:
        """Key of the record."""
        return reputation_key(self.kind, self.id)


def decode_reputation(data: bytes) -> Reputation:
    """Decode a value of topic `reputations`.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(Reputation.model_validate, data)
