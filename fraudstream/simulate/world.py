"""What every simulated world yields: transactions with their truth kept beside the message, never inside.

A world is an iterable of `SimulatedTransaction` in order of event time, the same one for the same parameters.
Its identifiers are digests in letters: they tell nothing, and no run of digits can look like a card number.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


class WorldName(StrEnum):
    """The simulated banks: the Handbook's card payments, and account transfers of our own design."""

    HANDBOOK = "handbook"
    TRANSFERS = "transfers"


class SimulatedTransaction(NamedTuple):
    """One transaction of a world, ready to be written.

    Attributes:
        event_time: when it happened, in seconds since the epoch.
        transaction_id: its identifier, also in the message.
        subject: the card or debtor account token, also in the message: the key of the Kafka record.
        fraud: the truth, known to the world alone.
        message: the message's fields but ``event_time``.
    """

    event_time: float
    transaction_id: str
    subject: str
    fraud: bool
    message: Mapping[str, str | bool | int]

    def encode(self) -> bytes:
        """Return the message as JSON."""
        return orjson.dumps({**self.message, "event_time": rfc3339(self.event_time)})


def rfc3339(timestamp: float) -> str:
    """Write seconds since the epoch as a time in UTC, to the millisecond.

    >>> rfc3339(1_522_540_831.25)
    '2018-04-01T00:00:31.250+00:00'
    """
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds")


def token(kind: str, *parts: str | int) -> str:
    """Return the token of a thing of some kind that ``parts`` name, 16 letters after the kind.

    >>> token("card", 0, 17)
    'card_eidbnejmmfcolpce'
    """
    digest = blake2b(repr((kind, *parts)).encode(), digest_size=8).hexdigest()
    return f"{kind}_{digest.translate(_LETTERS)}"
