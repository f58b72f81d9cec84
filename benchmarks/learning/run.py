"""Measures how soon labels are learnt, what hot swaps cost, and how fast learners and labelling are.

    make bench-learning ARGS="--out benchmarks/results/2026-01-31-learning-two-core-vm.json"

Nothing needs to run: it starts a Kafka and workers of its own, on loopback, and stops them. The README.md of
the benchmarks says what each figure means.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks import program
from benchmarks.learning import bank, labelling, learners, loop, swap
from benchmarks.learning.report import machine_lines, tables
from benchmarks.learning.results import LabellingRun, LearnerRun, LearningResults, LoopRun, SwapRun
from benchmarks.machine import describe, load_average
from benchmarks.show import markdown_tables, show_tables
from fraudstream.local_kafka import LocalKafka

PARTS = ("loop", "swap", "learners", "labelling")
_PACKAGES = ("river", "onnx", "onnxruntime", "rocksdict")


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        loop: how long the loop.
        parts: which.
        transactions: of the bank that all but the loop work on.
        grow: examples that every learner has learnt before it is timed.
        rows: examples that it is timed on.
        swaps: snapshots taken over.
        rounds: times that labelling is measured on each store.
    """

    loop: loop.Plan
    parts: tuple[str, ...] = PARTS
    transactions: int = 120_000
    grow: int = 4_000
    rows: int = 2_000
    swaps: int = 100
    rounds: int = 2


def measure(plan: Plan) -> LearningResults:
    """Measure everything that the plan asks for.

    Raises:
        BenchmarkFailed: a worker did not start, or no model came of the backlog in time.
        FraudstreamError: there is no Kafka.
    """
    started, before = datetime.now().astimezone(), load_average()
    with tempfile.TemporaryDirectory(prefix="fraudstream-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        runs = _loop(plan, folder) if "loop" in plan.parts else []
        swapping, learning, labelled = _alone(plan, folder)
    return LearningResults(
        date=started.isoformat(timespec="seconds"),
        command=shlex.join(sys.argv[1:]),
        machine=describe(*_PACKAGES),
        load_before=before,
        loop=runs,
        swap=swapping,
        learners=learning,
        labelling=labelled,
    )


def _loop(plan: Plan, folder: Path) -> list[LoopRun]:
    with LocalKafka.start(folder / "kafka", announce=program.tell) as kafka:
        program.tell("the loop, with snapshots and without in turns")
        return loop.measure(plan.loop, kafka.bootstrap_servers, folder)


def _alone(plan: Plan, folder: Path) -> tuple[SwapRun | None, list[LearnerRun], list[LabellingRun]]:
    """The parts that need no Kafka, on one simulated bank."""
    if not {"swap", "learners", "labelling"} & set(plan.parts):
        return None, [], []
    program.tell("drawing a bank")
    found = bank.simulate(plan.transactions)
    swapping, learning, labelled = None, list[LearnerRun](), list[LabellingRun]()
    if "swap" in plan.parts:
        program.tell("taking snapshots over")
        model = learners.grown("boost", found.examples[: -plan.swaps])
        swapping = swap.measure(model, found.examples[-plan.swaps :])
    if "learners" in plan.parts:
        program.tell("learners")
        learning = learners.measure(found.examples, plan.grow, plan.rows)
    for number in range(plan.rounds if "labelling" in plan.parts else 0):
        program.tell(f"labelling, round {number + 1}")
        labelled += [
            labelling.on_disk(found.batches, folder / f"labelling-{number}"),
            labelling.in_memory(found.batches),
        ]
    return swapping, learning, labelled


def plan_and_out(arguments: list[str] | None = None) -> tuple[Plan, Path | None]:
    """Read the command line."""
    options = program.options(__doc__, PARTS, 2, "turns of each system in the loop", arguments)
    parts = tuple(options.only or PARTS)
    if options.quick:
        small = loop.Plan(1, settle=5.0, seconds=5.0)
        return Plan(small, parts, 90_000, grow=1_000, rows=400, rounds=1), options.out
    return Plan(loop.Plan(options.rounds), parts), options.out


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
