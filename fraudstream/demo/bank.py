"""What the demo sends: a bank's card payments and transfers in one stream, as time would bring them.

The Handbook's world of cards and the world of transfers are merged by event time; labels come late; now and
then a message is malformed, or a transaction is sent again by a sender that missed the answer.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from heapq import merge
from itertools import dropwhile, islice
from math import ceil
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from fraudstream.simulate.stream import RecordKind, stream
from fraudstream.simulate.world import WorldName
from fraudstream.simulate.worlds import make_world

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from fraudstream.simulate.stream import StreamRecord

CUSTOMERS: Final = 600
"""Customers of either world: few, so that a minute shows weeks of each card and account."""
DAYS_BEFORE: Final = 28
"""Days of the bank's life before the stream begins, in which criminals settle in: a terminal of the Handbook
stays compromised for so long, so from then on as many are found out as fall."""

_FEWEST_A_DAY: Final = 1_380  # they make about 1,580 together
_SEED: Final = 3
_MALFORMED_SHARE: Final = 0.001
_REPEAT_EVERY: Final = 2_000


def bank_records(transactions: int, today: date) -> Iterator[StreamRecord]:
    """Yield the records of so many transactions, in order of simulated time, from a midnight on.

    Args:
        transactions: how many, repeats and malformed messages not counted.
        today: the simulated days end before it, since the service refuses the future.
    """
    days = ceil(transactions / _FEWEST_A_DAY) + 1
    first_day = today - timedelta(days=days)
    birth = first_day - timedelta(days=DAYS_BEFORE)
    start = datetime.combine(first_day, time(), UTC).timestamp()
    worlds = [make_world(name, CUSTOMERS, DAYS_BEFORE + days, birth, _SEED) for name in WorldName]
    life = merge(*worlds, key=attrgetter("event_time"))
    bank = dropwhile(lambda transaction: transaction.event_time < start, life)
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
