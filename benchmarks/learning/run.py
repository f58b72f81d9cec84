"""Measures how soon labels are learnt, what hot swaps cost, and how fast learners and labelling are.

    make bench-learning ARGS="--out benchmarks/results/2026-01-31-learning-two-core-vm.json"
    make bench-learning ARGS="--only store --rows 10000000 --minutes 45"

Nothing needs to run: it starts a Kafka and workers of its own, on loopback, and stops them. The README.md of
the benchmarks says what each figure means.
"""

from __future__ import annotations

import argparse
import gc
import shlex
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from benchmarks import program
from benchmarks.learning import bank, labelling, learners, loop, snapshots, store, swap
from benchmarks.learning.report import machine_lines, tables
from benchmarks.learning.results import LabellingRun, LearningResults, LoopRun, SnapshotRun
from benchmarks.machine import describe, load_average
from benchmarks.show import markdown_tables, show_tables
from fraudstream.local.broker import LocalKafka

PARTS: Final = ("loop", "rates", "swap", "learners", "snapshot", "labelling", "store")
_PACKAGES = ("river", "onnx", "onnxruntime", "rocksdict")
_SWAP_EXAMPLES: Final = 8_000
_OF_THE_BANK: Final = {"swap", "learners", "snapshot", "labelling", "store"}


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        loop: how long the loop.
        parts: which.
        transactions: of the bank that all but the loop work on.
        more_transactions: of the same bank, where the learners' last stage is to be reached.
        stages: examples that learners have learnt before they are timed.
        rows: examples that they are timed on.
        swaps: snapshots taken over.
        sizes: nodes of the snapshots.
        rounds: times that labelling is measured on each store.
        store: how far labelling's store grows.
    """

    loop: loop.Plan
    parts: tuple[str, ...] = PARTS
    transactions: int = 120_000
    more_transactions: int = 650_000
    stages: tuple[learners.Stage, ...] = (
        learners.Stage(4_000),
        learners.Stage(20_000),
        learners.Stage(60_000, (learners.BOOST,)),
    )
    rows: int = 2_000
    swaps: int = 100
    sizes: tuple[int, ...] = snapshots.SIZES
    rounds: int = 2
    store: store.Plan = field(default_factory=store.Plan)


def measure(plan: Plan) -> LearningResults:
    """Measure everything that the plan asks for.

    Raises:
        BenchmarkFailed: a worker did not start, or no model came of the backlog in time.
        FraudstreamError: there is no Kafka.
    """
    results = LearningResults(
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=shlex.join(sys.argv[1:]),
        machine=describe(*_PACKAGES),
        load_before=load_average(),
    )
    with tempfile.TemporaryDirectory(prefix="fraudstream-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if {"loop", "rates"} & set(plan.parts):
            results.loop += _loop(plan, folder)
        if _OF_THE_BANK & set(plan.parts):
            _of_the_bank(plan, folder, results)
    return results


def _loop(plan: Plan, folder: Path) -> list[LoopRun]:
    with LocalKafka.start(folder / "kafka", announce=program.tell) as kafka:
        program.tell("the loop: with snapshots and without in turns, then rate after rate")
        return loop.measure(plan.loop, kafka.bootstrap_servers, folder)


def _of_the_bank(plan: Plan, folder: Path, results: LearningResults) -> None:
    """The parts that need no workers, on one simulated bank."""
    program.tell("drawing a bank")
    count = plan.more_transactions if "learners" in plan.parts else plan.transactions
    found = bank.simulate(count, plan.transactions)
    gc.freeze()  # else the collector looks through all that was drawn while others are timed
    if "swap" in plan.parts:
        program.tell("taking snapshots over")
        examples = found.examples[:_SWAP_EXAMPLES]
        model = learners.grown(learners.BOOST, examples[: -plan.swaps])
        results.swap = swap.measure(model, examples[-plan.swaps :])
    if "learners" in plan.parts:
        program.tell("learners")
        results.learners += learners.measure(found.examples, plan.stages, plan.rows)
    if "snapshot" in plan.parts:
        results.snapshots += _snapshots(plan, found, folder)
    if "labelling" in plan.parts:
        results.labelling += _labelling(plan, found, folder)
    if "store" in plan.parts:
        program.tell(f"labelling's store growing to {plan.store.rows:,}")
        results.store = store.measure(found.batches, plan.store, folder / "store", program.tell)


def _snapshots(plan: Plan, found: bank.Simulated, folder: Path) -> list[SnapshotRun]:
    with LocalKafka.start(folder / "kafka-of-snapshots", announce=program.tell) as kafka:
        program.tell("snapshots of several sizes")
        return snapshots.measure(found.examples, plan.sizes, kafka.bootstrap_servers)


def _labelling(plan: Plan, found: bank.Simulated, folder: Path) -> list[LabellingRun]:
    runs = []
    for number in range(plan.rounds):
        program.tell(f"labelling, round {number + 1}")
        runs += [
            labelling.on_disk(found.batches, folder / f"labelling-{number}"),
            labelling.in_memory(found.batches),
        ]
    return runs


def plan_and_out(arguments: list[str] | None = None) -> tuple[Plan, Path | None]:
    """Read the command line."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--rows", type=int, default=store.Plan.rows)
    own.add_argument("--minutes", type=float, default=store.Plan.minutes)
    of_store, rest = own.parse_known_args(arguments)
    options = program.options(__doc__, PARTS, 2, "turns of each system in the loop", rest)
    parts = tuple(options.only or PARTS)
    growing = store.Plan(of_store.rows, of_store.minutes)
    rounds = options.rounds if "loop" in parts else 0
    rates = loop.Plan.rates if "rates" in parts else ()
    if options.quick:
        small = loop.Plan(min(rounds, 1), rates[:2], settle=5.0, seconds=5.0)
        stages = (learners.Stage(1_000), learners.Stage(2_500, (learners.BOOST,)))
        return Plan(
            *(small, parts, 90_000, 90_000, stages),
            rows=400,
            sizes=snapshots.SIZES[:2],
            rounds=1,
            store=store.Plan(min(growing.rows, 50_000)),
        ), options.out
    return Plan(loop.Plan(rounds, rates), parts, store=growing), options.out


def main() -> None:
    """Measure, print, write."""
    plan, out = plan_and_out()
    results = program.measured(lambda: measure(plan))
    lines, found = machine_lines(results), list(tables(results))
    show_tables(lines, found)
    title = "Learning: benchmark results"
    program.write(results, out, lambda raw: markdown_tables(title, raw, lines, found))


if __name__ == "__main__":
    main()
