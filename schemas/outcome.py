"""Topic `outcomes`: what came of transactions, on its way to the reputations of whatever they name.

Key `kind:id`. For this service alone; the sums that follow from it are public on `reputations`.
"""

from typing import Annotated, NamedTuple

from pydantic import Field, Strict

from schemas.decoding import decode
from schemas.fields.tokens import Counterparty
from schemas.message import Message
from schemas.reputation import Kind, reputation_key

_Instant = Annotated[float, Strict(), Field(ge=0.0, lt=1e12)]
"""Seconds since 1970; a horizon past the last year of the calendar is still one, and 1e300 is not."""
_Once = Annotated[int, Strict(), Field(ge=0, le=1)]
_Change = Annotated[int, Strict(), Field(ge=-1, le=1)]
"""What one transaction adds, or its correction takes away."""


class OutcomeEvent(NamedTuple):
    """What one transaction adds to a reputation; a correction takes away what was added before."""

    time: _Instant
    """Event time from which it fades, s since 1970: its own, and where it matured, when it did."""
    happened: _Instant
    """Event time of the transaction, s since 1970."""
    matured: _Once
    """Transactions whose outcome is final."""
    frauds: _Change
    """Frauds among them."""
    early_frauds: _Change
    """Frauds known before the horizon."""
    unexplained_frauds: _Change
    """Matured frauds whose amount was not unusual for who paid: something is wrong with who was paid."""
    early_unexplained: _Change = 0
    """The same of frauds known before the horizon."""
    early_genuine: _Change = 0
    """Transactions that a label called genuine before the horizon."""


class Outcomes(Message):
    """What came of some transactions with one counterparty, merchant category, country ..., in order."""

    kind: Kind
    """`counterparty`, `subject`, `merchant-category`, `country` ..."""
    id: Counterparty
    """Value of that kind."""
    events: tuple[OutcomeEvent, ...]
    """One for each transaction, in the order in which they became known."""

    @property
    def key(self) -> str:
        """Key of the record."""
        return reputation_key(self.kind, self.id)


def decode_outcomes(data: bytes) -> Outcomes:
    """Decode a value of topic `outcomes`.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(Outcomes.model_validate, data)
