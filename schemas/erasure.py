"""An erasure: a message by which the service forgets what it keeps on a card or an account.

It goes the way that the data went, behind the last of them: `transactions`, `scores`, `outcomes`, `examples`;
and `labels.keyed`. What an agent remembers is a fold of its log, so an erasure that stands in the log is kept
to by every worker that reads it, now or after any restart. The header `fraudstream-erasure` tells it from the
topic's own messages and holds its signature.
"""

from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Final

from pydantic import Field, Strict

from schemas.decoding import decode
from schemas.fields.times import Time
from schemas.fields.tokens import Token
from schemas.message import Message

HEADER: Final = "fraudstream-erasure"
"""Header with the signature: HMAC-SHA256 in hexadecimal."""

_Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Entry(StrEnum):
    """Where an erasure may be sent to; agents pass it on from there."""

    TRANSACTIONS = "transactions"
    LABELS = "labels"


class Erasure(Message):
    """Forget a card or an account, up to here."""

    erasure_id: _Id
    """Names the erasure in its certificate."""
    subject: Token
    """Whom to forget."""
    issued_at: Time
    """When it was asked for."""
    entry: Entry
    """Which topic it was sent to: sent again to the other one, it is refused."""
    partition: Annotated[int, Strict(), Field(ge=0)]
    """Partition of that topic, likewise."""


class ExamplesErasure(Message):
    """Learn none of the examples of a card or an account that stand before here; on `examples`."""

    erasure_id: _Id
    """Names the erasure in its certificate."""
    subject_digest: _Id
    """`subject_digest` of whom to forget: this log is kept for long, and need not name them again."""
    issued_at: Time
    """When it was asked for."""


def subject_digest(token: str) -> str:
    """What stands for a token on `examples`: no key is in it, so a new signing key brings nothing back.

    >>> subject_digest("card_a")
    'd7c524637d29d52274a332368242664a'
    """
    return blake2b(token.encode(), digest_size=16).hexdigest()


def decode_erasure(data: bytes) -> Erasure:
    """Decode an erasure on any topic but `examples`.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(Erasure.model_validate, data)


def decode_examples_erasure(data: bytes) -> ExamplesErasure:
    """Decode an erasure on `examples`.

    Raises:
        InvalidMessage: for whatever is wrong with it.
    """
    return decode(ExamplesErasure.model_validate, data)
