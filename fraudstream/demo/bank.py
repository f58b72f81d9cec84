"""What the demo sends: a bank's card payments and transfers in one stream, as time would bring them.

The Handbook's world of cards and the world of transfers are merged by event time; labels come late; now and
then a message is malformed, or a transaction is sent again by a sender that missed the answer.
"""

from __future__ import annotations

from datetime import timedelta
from heapq import merge
from itertools import islice
from math import ceil
from operator import attrgetter
from typing import TYPE_CHECKING

from fraudstream.simulate.stream import RecordKind, stream
from fraudstream.simulate.world import WorldName
from fraudstream.simulate.worlds import make_world

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from fraudstream.simulate.stream import StreamRecord

CUSTOMERS = 300
"""Customers of either world: few, so that a minute shows weeks of each card and account."""

_FEWEST_A_DAY = 690  # they make about 810 together
_SEED = 3
_MALFORMED_SHARE = 0.001
_REPEAT_EVERY = 2_000


def bank_records(transactions: int, today: date) -> Iterator[StreamRecord]:
    """Yield the records of so many transactions, in order of simulated time.

    Args:
        transactions: how many, repeats and malformed messages not counted.
        today: the simulated days end before it, since the service refuses the future.
    """
    days = ceil(transactions / _FEWEST_A_DAY) + 1
    first_day = today - timedelta(days=days)
    worlds = [make_world(name, CUSTOMERS, days, first_day, _SEED) for name in WorldName]
    bank = merge(*worlds, key=attrgetter("event_time"))
    return with_repeats(stream(islice(bank, transactions), _SEED, _MALFORMED_SHARE), _REPEAT_EVERY)


def with_repeats(records: Iterable[StreamRecord], every: int) -> Iterator[StreamRecord]:
    """Yield the records, each `every`-th transaction twice in a row."""
    transactions = 0
    for record in records:
        yield record
        if record.kind is RecordKind.TRANSACTION:
            transactions += 1
            if transactions % every == 0:
                yield record
