"""The bank that all parts share: card payments of the Handbook's world, its frauds, and their late labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Final

from fraudstream.backtest.candidates.loop import Loop
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from fraudstream.simulate.stream import RecordKind, StreamRecord, stream
from models.labelling.core import LabellingRules
from models.labelling.pending import ScoredTransaction
from models.scoring.features import FEATURES_VERSION
from models.scoring.pipeline import Scored
from schemas.label import Label, decode_label
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from schemas.example import Example
    from schemas.transaction import Transaction

CARDS: Final = 3_000
"""At 1,000 transactions a second a day of this bank takes about 6 seconds."""
SEED: Final = 1
BATCH: Final = 100
_LEAST_A_CARD_A_DAY: Final = 1.7


def draw(count: int) -> Iterator[StreamRecord]:
    """Draw so many transactions and the labels that come among them; they end before today."""
    days = 1 + ceil(count / (CARDS * _LEAST_A_CARD_A_DAY))
    first_day = datetime.now(UTC).date() - timedelta(days=days + 1)
    world = CardWorld(Handbook.of_size(CARDS, days, first_day, SEED))
    return stream(islice(world, count), SEED)


@dataclass
class Batch:
    """Scored transactions, and the labels that came among them."""

    rows: list[ScoredTransaction]
    labels: list[Label]


@dataclass
class Simulated:
    """What the loop makes of the bank in one process, the prior model scoring.

    Attributes:
        batches: the first ones, in order of time.
        examples: that labelling made of all transactions, in its order.
    """

    batches: list[Batch] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)


def simulate(count: int, kept: int) -> Simulated:
    """Score and label so many transactions; batches are kept of the first `kept` of them."""
    loop, found, offset = Loop(LabellingRules(), None), Simulated(), 0
    for transactions, labels in _batches(draw(count)):
        results = loop.score(transactions, range(offset, offset + len(transactions)))
        offset += len(transactions)
        loop.label(labels)
        found.examples += loop.advance(transactions[-1].event_timestamp).examples
        if offset <= kept:
            rows = [
                ScoredTransaction.of_scored(each, FEATURES_VERSION)
                for each in results
                if isinstance(each, Scored)
            ]
            found.batches.append(Batch(rows, labels))
    return found


def _batches(records: Iterable[StreamRecord]) -> Iterator[tuple[list[Transaction], list[Label]]]:
    transactions: list[Transaction] = []
    labels: list[Label] = []
    for record in records:
        if record.kind is RecordKind.LABEL:
            labels.append(decode_label(record.value))
            continue
        transactions.append(decode_transaction(record.value))
        if len(transactions) == BATCH:
            yield transactions, labels
            transactions, labels = [], []
