"""Results of the learning benchmarks as tables and sentences, targets told to be hit or missed."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.learning.report_learners import learners, snapshots
from benchmarks.learning.report_loop import latency, rates, time_to_learn
from benchmarks.learning.report_store import store
from benchmarks.learning.results import RISING
from benchmarks.report import Table, where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.learning.results import LabellingRun, LearningResults, SwapRun

TARGET_HOLD_MS: Final = 5.0
"""The longest that a snapshot may keep the event loop from transactions: a few milliseconds."""


def tables(results: LearningResults) -> Iterator[Table]:
    """Yield a table for each part that was measured."""
    in_turns = [run for run in results.loop if run.system != RISING]
    if in_turns:
        yield time_to_learn(in_turns)
        yield latency(in_turns)
    if rising := [run for run in results.loop if run.system == RISING]:
        yield rates(rising, results.machine.cores)
    if results.swap:
        yield _swap(results.swap)
    yield from learners(results.learners)
    if results.snapshots:
        yield snapshots(results.snapshots)
    if results.labelling:
        yield _labelling(results.labelling)
    if results.store:
        yield store(results.store)


def machine_lines(results: LearningResults) -> list[str]:
    """Where and when, in lines."""
    machine = results.machine
    lines = [
        *where(machine, results.date, f"benchmarks/learning/run.py {results.command}"),
        f"Load average {results.load_before:.1f} before the start",
    ]
    if results.loop:
        loads = [run.load_average for run in results.loop]
        lines[-1] += (
            f", {min(loads):.1f} to {max(loads):.1f} with the loop's five processes on {machine.cores} cores"
        )
    lines[-1] += "."
    return lines


def _swap(run: SwapRun) -> Table:
    rows = [
        ["made ready, in a thread", *_spread(run.prepare_ms)],
        ["longest pause of a spinning thread meanwhile", *_spread(run.pause_ms)],
        ["the same beside a sleeping thread", *_spread(run.idle_pause_ms)],
        ["put in force, on the event loop", *_spread(run.put_ms)],
        ["its first batch of 100", *_spread(run.first_batch_ms)],
        ["a later batch of 100", *_spread(run.later_batch_ms)],
    ]
    holds = [sum(each) for each in zip(run.pause_ms, run.put_ms, strict=True)]
    word = "hit" if max(holds) < TARGET_HOLD_MS else "missed"
    return Table(
        f"Taking over a snapshot of {run.trees} boosted trees ({run.bytes / 1e3:.0f} kB), milliseconds, "
        f"{len(run.put_ms)} times",
        ["", "median", "90 of 100 within", "longest"],
        rows,
        [
            f"Target: no transaction waits more than a few milliseconds, taken as {TARGET_HOLD_MS:.0f}.",
            f"Pause and putting in force: median {median(holds):.2f} ms, longest {max(holds):.2f} ms.",
            f"The target is {word}.",
        ],
    )


def _spread(values: Sequence[float]) -> list[str]:
    ordered = sorted(values)
    return [f"{each:.3f}" for each in (median(ordered), ordered[int(0.9 * (len(ordered) - 1))], ordered[-1])]


def _labelling(runs: Sequence[LabellingRun]) -> Table:
    stores = list(dict.fromkeys(run.store for run in runs))
    by_store = {store: [run for run in runs if run.store == store] for store in stores}
    memory = median(run.rows_per_second for run in by_store["memory"])
    rows = [
        [
            store,
            f"{median(run.rows_per_second for run in mine):,.0f}",
            f"{median(run.rows_per_second for run in mine) / memory:.2f}",
            f"{median(run.bytes_per_row for run in mine):.0f}" if mine[0].bytes_per_row else "",
            f"{mine[0].examples:,}",
        ]
        for store, mine in by_store.items()
    ]
    return Table(
        f"Labelling {runs[0].rows:,} transactions of one partition on one core",
        ["store", "rows/s", "x memory", "bytes a row on disk", "examples"],
        rows,
    )
