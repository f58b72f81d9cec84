"""CPU microseconds per event to decode a transaction and to encode a score, at several batch sizes.

    python benchmarks/stages/wire.py

The messages are the Handbook's world's. `decode` is the validated decoding that the worker uses, record by
record as it does; `encode` is of scores alone, as alerts are few. Each figure is the best of a few rounds.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from confluent_kafka import Message

from agents.scoring import score_value
from benchmarks import traffic
from benchmarks.peers.job import new_core
from models.scoring.pipeline import Scored
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    Item = TypeVar("Item")

BATCH_SIZES = (1, 8, 32, 100, 500)
EVENTS = 8_000
ROUNDS = 5
_RECORD = Message("transactions", 0, 0)


def measure() -> dict[str, dict[str, float]]:
    """CPU microseconds an event by stage, then by batch size."""
    values = [message.value for message in traffic.draw(EVENTS)]
    core = new_core()
    transactions = [decode_transaction(value) for value in values]
    results = core.process(transactions, range(EVENTS), core.new_state())
    scored = [result for result in results if isinstance(result, Scored)]
    return {
        "decode": {str(size): best(_decode, values, size) for size in BATCH_SIZES},
        "encode": {str(size): best(_encode, scored, size) for size in BATCH_SIZES},
    }


def best(stage: Callable[[Sequence[Item]], object], items: Sequence[Item], size: int) -> float:
    """Microseconds an item, of the best round."""
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    return min(_round(stage, batches) for _ in range(ROUNDS)) / len(items) * 1e6


def _round(stage: Callable[[Sequence[Item]], object], batches: Sequence[Sequence[Item]]) -> float:
    start = time.process_time()
    for batch in batches:
        stage(batch)
    return time.process_time() - start


def _decode(values: Sequence[bytes]) -> object:
    return [decode_transaction(value) for value in values]


def _encode(scored: Sequence[Scored]) -> object:
    now = datetime.now(UTC)
    return [score_value(each, _RECORD, now) for each in scored]


def main() -> None:
    """Measure and print."""
    print("CPU us per event" + "".join(f"{size:>10}" for size in BATCH_SIZES))
    for stage, costs in measure().items():
        print(f"{stage:<16}" + "".join(f"{cost:>10.2f}" for cost in costs.values()))


if __name__ == "__main__":
    main()
