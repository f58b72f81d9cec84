"""What every measurement starts from: profiles that some weeks left, and the transactions that follow them.

The past is that of the traffic's 5,000 cards; with more cards, their profiles stand for all others too. So
each profile is one that transactions made, full in every field.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from benchmarks import traffic
from benchmarks.growth.cards import card, turns
from benchmarks.peers.job import new_core
from models.profiles.layout import ROW
from models.scoring.state import POLICY_KEY
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.traffic import Message

PAST: Final = 150_000
"""Transactions of the past: about 30 for each of the 5,000 cards, in two and a half weeks."""
LAST_OFFSET: Final = 0
"""Source offset of the last transaction that each profile holds."""
_BATCH: Final = 500


@dataclass(frozen=True)
class Past:
    """Packed profiles as a checkpoint writes them, and messages that come after all that they hold."""

    profiles: Sequence[bytes]
    messages: Sequence[Message]

    @classmethod
    def of(cls, messages: Sequence[Message], past: int) -> Self:
        """Have the first so many make the profiles."""
        return cls(_profiles(messages[:past]), messages[past:])


def draw(count: int, past: int = PAST) -> Past:
    """Draw a past of so many transactions, and `count` that follow it."""
    return Past.of(traffic.draw(past + count), past)


def _profiles(messages: Sequence[Message]) -> list[bytes]:
    """The profiles of the cards that paid, as if their last transaction were the first of its partition."""
    core = new_core()
    state = core.new_state()
    for start in range(0, len(messages), _BATCH):
        some = messages[start : start + _BATCH]
        transactions = [decode_transaction(message.value) for message in some]
        core.process(transactions, range(start, start + len(some)), state)
    packed = b"".join(
        payload for key, payload in state.changes() if payload is not None and key != POLICY_KEY
    )
    rows = np.frombuffer(packed, dtype=ROW).copy()
    rows["offset"] = LAST_OFFSET
    return [row.tobytes() for row in rows]


class Feed:
    """The transactions of so many cards, part after part: none is given twice.

    Args:
        past: whose messages they are, each given to another card.
        cards: how many there are.
    """

    def __init__(self, past: Past, cards: int) -> None:
        numbers = turns(cards, len(past.messages), seed=cards)
        self._messages: Iterator[Message] = map(_paid_by, past.messages, numbers)

    def take(self, count: int) -> list[Message]:
        """The next so many; there must be as many left."""
        taken = list(islice(self._messages, count))
        assert len(taken) == count
        return taken


def _paid_by(message: Message, number: int) -> Message:
    """The same payment, made by another card."""
    key = card(number).encode()
    return message._replace(key=key, value=message.value.replace(message.key, key))
