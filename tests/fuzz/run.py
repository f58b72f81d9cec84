"""Sends mutated messages through all that a worker reads, and accounts for each of them.

    make fuzz ARGS="--messages 1000000 --out tests/fuzz/results/DAY-fuzz.json"

Most go through the agents as a worker runs them, with an outbox in memory in the place of Kafka:
transactions, labels, and the records of the service's own topics (`inner.py`). Some go through a real worker
on a real Kafka, which this program starts and stops. A broken rule ends it with a traceback, a difference
with exit status 1.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from benchmarks import program
from benchmarks.machine import Machine, describe
from fraudstream.local.broker import LocalKafka
from tests.fuzz.inner import through_their_readers
from tests.fuzz.loop import Run, forest, thresholds
from tests.fuzz.on_kafka import through_a_worker
from tests.fuzz.samples import labels, transactions
from tests.fuzz.structure import mutated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.fuzz.ledger import Ledger
    from tests.fuzz.structure import FuzzRecord

_LABELS = 0.2
"""Share of the messages that are labels."""
_INNER = 0.3
"""Share of those that the service wrote itself, the same of each of its topics."""
_STEP = 25_000


@dataclass(frozen=True)
class Results:
    """What a run found.

    Attributes:
        started_at: when.
        messages: mutated messages in all.
        seed: of the mutations.
        seconds: that it took.
        machine: where.
        ledgers: what became of the messages, by agent.
    """

    started_at: str
    messages: int
    seed: int
    seconds: float
    machine: Machine
    ledgers: list[dict[str, Any]]

    def to_json(self) -> bytes:
        """The JSON form."""
        return orjson.dumps(self, option=orjson.OPT_INDENT_2) + b"\n"


def run(options: argparse.Namespace) -> Results:
    """Send all and account for each batch.

    Raises:
        AssertionError: a rule was broken.
        FraudstreamError: there is no Kafka.
    """
    began, started = time.monotonic(), datetime.now().astimezone()
    payments = transactions()
    on_kafka = min(options.on_kafka, options.messages)
    of_labels, of_inner = (int((options.messages - on_kafka) * share) for share in (_LABELS, _INNER))
    ledgers = []
    if on_kafka:
        program.tell(f"{on_kafka:,} through a worker on Kafka")
        ledgers.append(_on_kafka(mutated(payments, on_kafka, options.seed + 2)))
    inner = _take_inner(of_inner, options.seed + 3)
    done = on_kafka + of_labels + sum(ledger.taken for ledger in inner)
    ledgers.append(_score(payments, options.messages - done, options.seed))
    ledgers.append(_take_in(labels(payments), of_labels, options.seed + 1))
    ledgers += inner
    return Results(
        started_at=started.isoformat(timespec="seconds"),
        messages=sum(ledger.taken for ledger in ledgers),
        seed=options.seed,
        seconds=round(time.monotonic() - began, 1),
        machine=describe("hypothesis"),
        ledgers=[ledger.told() for ledger in ledgers],
    )


def _on_kafka(records: Iterable[FuzzRecord]) -> Ledger:
    with (
        tempfile.TemporaryDirectory(prefix="fraudstream-fuzz-", ignore_cleanup_errors=True) as folder,
        LocalKafka.start(Path(folder) / "kafka", announce=program.tell) as kafka,
    ):
        return through_a_worker(kafka.bootstrap_servers, Path(folder), records)


def _score(values: list[bytes], count: int, seed: int) -> Ledger:
    """The first half by the prior model and an alert budget, the second by a forest and fixed thresholds."""
    scoring = Run("scoring", seed)
    for start in range(0, count, _STEP):
        if start <= count // 2 < start + _STEP:
            scoring.core.use_scorer(forest(seed))
            scoring.core.use_policy(thresholds)
        asyncio.run(scoring.take(mutated(values, min(_STEP, count - start), seed * 1_000_003 + start)))
        program.tell(f"{scoring.ledger.taken:,} of {count:,} scored, refused or known")
    return scoring.ledger


def _take_in(values: list[bytes], count: int, seed: int) -> Ledger:
    intake = Run("intake", seed)
    asyncio.run(intake.take(mutated(values, count, seed)))
    program.tell(f"{intake.ledger.taken:,} labels taken in or refused")
    return intake.ledger


def _take_inner(count: int, seed: int) -> list[Ledger]:
    ledgers = list(through_their_readers(count, seed))
    program.tell(f"{sum(each.taken for each in ledgers):,} of the service's own taken or refused")
    return ledgers


def table(results: Results) -> list[str]:
    """The accounts in lines: in = passed + repeats + dead letters by type, difference 0."""
    names = [ledger["agent"] for ledger in results.ledgers]
    rows = [
        (name, [ledger[name] for ledger in results.ledgers])
        for name in ("taken", "passed", "repeats", "dead_letters", "difference", "alerts", "batches")
    ]
    types = sorted({each for ledger in results.ledgers for each in ledger["refused"]})
    rows += [(f"  {each}", [ledger["refused"].get(each, 0) for ledger in results.ledgers]) for each in types]
    head = f"{'':<18}" + "".join(f"{name:>20}" for name in names)
    return [head, *(f"{name:<18}" + "".join(f"{count:>20,}" for count in counts) for name, counts in rows)]


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000, help="mutated messages in all (100,000)")
    parser.add_argument("--on-kafka", type=int, default=20_000, help="how many of them on Kafka (20,000)")
    parser.add_argument("--seed", type=int, default=1, help="each number is another run (1)")
    parser.add_argument("--out", type=Path, help="JSON file for the accounts")
    return parser.parse_args(arguments)


def main() -> None:
    """Send, print, write."""
    options = read_options()
    results = program.measured(lambda: run(options))
    sys.stdout.write(
        "\n".join(table(results)) + f"\n{results.messages:,} messages in {results.seconds:,.0f} s\n"
    )
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_bytes(results.to_json())
    sys.exit(any(ledger["difference"] for ledger in results.ledgers))


if __name__ == "__main__":
    main()
