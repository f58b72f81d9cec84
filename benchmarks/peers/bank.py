"""The transactions of the comparison, and the alerts that they must come to.

Everybody is measured on the same transactions. Who needs a longer warm-up first works for another bank: its
cards do not come again, so the profiles that count are as young as everybody else's.
"""

from __future__ import annotations

import gc
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks import traffic
from benchmarks.peers.forest import features, score
from benchmarks.traffic import Message
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers.forest import Forest
    from models.arrays import Integers

_OTHER_SEED: Final = 2
_FREE: Final = "0.00"
_LEAST_A_DAY: Final = 8_500
"""Transactions of 5,000 cards."""


class Bank:
    """Transactions by number, drawn once; what must come of them by the core and plain arrays of trees.

    Args:
        forest: the model.
        size: transactions that are measured or directly warm what is.
        others: of the other bank.
    """

    def __init__(self, forest: Forest, size: int, others: int) -> None:
        self._forest, self._others = forest, others
        self.messages: Final = traffic.draw(size)

    def before(self, others: int, warm: int) -> list[Message]:
        """What warms a system: so many of the other bank, then the first of this one."""
        return [*(self._other_messages[:others] if others else ()), *self.messages[:warm]]

    def alerts(self, others: int, count: int) -> int:
        """How many alerts must come of so many of the other bank and the first `count` of this one."""
        return int((self._other_alerts[others] if others else 0) + self._alerts[count])

    @cached_property
    def _alerts(self) -> Integers:
        return self._count(self.messages)

    @cached_property
    def _other_alerts(self) -> Integers:
        return self._count(self._other_messages)

    @cached_property
    def _other_messages(self) -> list[Message]:
        days = 1 + -(-self._others // _LEAST_A_DAY)
        world = CardWorld(Handbook.of_size(traffic.CARDS, days, traffic.FIRST_DAY, _OTHER_SEED))
        paid = (each for each in world if each.message["amount"] != _FREE)
        drawn = [
            Message(each.transaction_id, each.subject.encode(), _compact(each.encode()))
            for each in islice(paid, self._others)
        ]
        assert len(drawn) == self._others
        gc.freeze()  # else the collector looks through all of them again and again
        return drawn

    def _count(self, messages: Sequence[Message]) -> Integers:
        """Alerts among the first n messages, for every n from 0."""
        scores = score(self._forest.table, features([message.value for message in messages]))
        return np.concatenate([[0], np.cumsum(scores >= self._forest.review)])


def _compact(value: bytes) -> bytes:
    """The same bytes without the room that orjson wrote them in, ten times as much."""
    return memoryview(value).tobytes()
