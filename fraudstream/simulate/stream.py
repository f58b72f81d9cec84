"""One stream of records out of a world: its transactions, their late labels, a few malformed messages.

Records come in the order of simulated time. A label whose time lies after the stream's last transaction is
not in it: by then nobody knows it yet. Event times are the world's own; a world that ends before now (see
`worlds`) therefore has no event in the future of its Kafka record, however fast the stream is sent.
"""

from __future__ import annotations

from enum import StrEnum
from heapq import heappop, heappush
from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from fraudstream.simulate.labels import draw_label
from fraudstream.simulate.malformed import FAULTS, malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fraudstream.simulate.world import SimulatedTransaction
    from schemas.errors import ErrorType
    from schemas.label import Label


class RecordKind(StrEnum):
    """What a record of the stream is."""

    TRANSACTION = "transaction"
    LABEL = "label"
    MALFORMED = "malformed"


class StreamRecord(NamedTuple):
    """One record to send.

    Attributes:
        kind: a malformed record goes where transactions go.
        time: simulated time, in seconds since the epoch.
        key: the subject token; malformed records may have any.
        value: the message.
        fraud: the truth about a transaction, for whoever counts; False for other records.
    """

    kind: RecordKind
    time: float
    key: bytes
    value: bytes
    fraud: bool = False


def stream(
    world: Iterable[SimulatedTransaction], seed: int, malformed_share: float = 0.0
) -> Iterator[StreamRecord]:
    """Yield a world's records in order of simulated time.

    Args:
        world: transactions in order of event time.
        seed: of the labels, and of the places of the malformed messages.
        malformed_share: malformed messages for each transaction; the faults take turns.
    """
    label_draws, malformed_draws = Random(f"labels {seed}"), Random(f"malformed {seed}")  # noqa: S311
    faults = cycle(FAULTS)
    awaited: list[tuple[float, int, Label]] = []
    for number, transaction in enumerate(world):
        yield from _due(awaited, transaction.event_time)
        yield _transaction_record(transaction)
        if label := draw_label(transaction, label_draws):
            heappush(awaited, (label.label_time.timestamp(), number, label))
        if malformed_draws.random() < malformed_share:
            yield _malformed_record(transaction, next(faults))


def _due(awaited: list[tuple[float, int, Label]], now: float) -> Iterator[StreamRecord]:
    """Take the labels that are known by now."""
    while awaited and awaited[0][0] <= now:
        time, _, label = heappop(awaited)
        yield StreamRecord(RecordKind.LABEL, time, label.subject.encode(), label.to_json())


def _transaction_record(transaction: SimulatedTransaction) -> StreamRecord:
    key, value = transaction.subject.encode(), transaction.encode()
    return StreamRecord(RecordKind.TRANSACTION, transaction.event_time, key, value, transaction.fraud)


def _malformed_record(transaction: SimulatedTransaction, error_type: ErrorType) -> StreamRecord:
    copy = malformed(transaction, error_type)
    return StreamRecord(RecordKind.MALFORMED, transaction.event_time, copy.key, copy.value)
