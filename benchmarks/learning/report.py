"""Results of the learning benchmarks as tables and sentences, targets told to be hit or missed."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.learning.buckets import Buckets
from benchmarks.learning.learners import PEER
from benchmarks.learning.loop import AFTER_SWAP, BEFORE_SWAP
from benchmarks.report import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.learning.results import (
        LabellingRun,
        LearnerRun,
        LearningResults,
        LearnTimes,
        LoopRun,
        SwapRun,
    )

TARGET_SECONDS: Final = 5.0
TARGET_SHARE: Final = 0.99
TARGET_HOLD_MS: Final = 5.0
"""The longest that a snapshot may keep the event loop from transactions: a few milliseconds."""

_WHICH_LABELS: Final = (
    "The bounds are those of the worker's own histogram, fraudstream_time_to_learn_seconds. Labels that were "
    "told before the measurement, those older than the first model among them, are taken off."
)
_AROUND: Final = (
    f"Around a swap: due at most {1e3 * BEFORE_SWAP:.0f} ms before the first score of the new model, or "
    f"{1e3 * AFTER_SWAP:.0f} ms after."
)
_WHAT_LEARNING_IS: Final = (
    "Each row is scored, then learnt; ours also calibrate, measure themselves and know repeats. "
    f"{PEER} has 10 trees and its drift detectors, as it comes, and makes no snapshot."
)


def tables(results: LearningResults) -> Iterator[Table]:
    """Yield a table for each part that was measured."""
    if results.loop:
        yield _time_to_learn(results.loop)
        yield _latency(results.loop)
    if results.swap:
        yield _swap(results.swap)
    if results.learners:
        yield _learners(results.learners)
    if results.labelling:
        yield _labelling(results.labelling)


def machine_lines(results: LearningResults) -> list[str]:
    """Where and when, in lines."""
    machine = results.machine
    lines = [
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB; {machine.system}",
        f"Python {machine.python}, Apache Kafka {machine.kafka} on the same machine, "
        + ", ".join(f"{name} {version}" for name, version in machine.packages.items()),
        f"{results.date}, benchmarks/learning/run.py {results.command}".rstrip(),
        f"Load average {results.load_before:.1f} before the start",
    ]
    if results.loop:
        loads = [run.load_average for run in results.loop]
        lines[-1] += (
            f", {min(loads):.1f} to {max(loads):.1f} with the loop's five processes on {machine.cores} cores"
        )
    lines[-1] += "."
    return lines


def buckets(times: LearnTimes) -> Buckets:
    """The histogram of a run."""
    return Buckets({float(bound): count for bound, count in times.at_most.items()})


def is_learnt_in_time(told: Buckets) -> bool:
    """Whether 99 of 100 labels were learnt within the target."""
    return told.share_within(TARGET_SECONDS) >= TARGET_SHARE


def _time_to_learn(runs: Sequence[LoopRun]) -> Table:
    found = [run.learn for run in runs if run.learn is not None and run.learn.labels]
    rows = [
        _learn_row(f"run {number}", buckets(each), each.sent) for number, each in enumerate(found, start=1)
    ]
    sentences = [
        f"Target: p99 under {TARGET_SECONDS:.0f} s at 1,000 transactions a second.",
        _WHICH_LABELS,
    ]
    if found:
        together = sum((buckets(each) for each in found), start=Buckets({}))
        rows.append(_learn_row("together", together, sum(each.sent for each in found)))
        word = "hit" if is_learnt_in_time(together) else "missed"
        share = together.share_within(TARGET_SECONDS)
        sentences.append(
            f"{share:.1%} of {together.total} labels were learnt within {TARGET_SECONDS:.0f} s: "
            f"the target is {word}."
        )
    return Table(
        f"Time to learn at {runs[0].rate:,.0f} transactions a second: from a label to the first transaction "
        "scored by a model that has learnt it",
        ["", "labels learnt", "labels sent", "p50", "p90", "p99", "within 2 s", "within 5 s"],
        rows,
        sentences,
    )


def _learn_row(name: str, told: Buckets, sent: int) -> list[str]:
    quantiles = ["{:g} to {:g} s".format(*told.quantile(share)) for share in (0.5, 0.9, TARGET_SHARE)]
    shares = [f"{told.share_within(bound):.1%}" for bound in (2.0, TARGET_SECONDS)]
    return [name, str(told.total), str(sent), *quantiles, *shares]


def _latency(runs: Sequence[LoopRun]) -> Table:
    systems = list(dict.fromkeys(run.system for run in runs))
    by_system = {system: [run for run in runs if run.system == system] for system in systems}
    rows = [_latency_row(system, mine) for system, mine in by_system.items()]
    for system, mine in by_system.items():
        near = [run.near_ms for run in mine if run.near_ms is not None]
        if near:
            figures = [median(each.p50 for each in near), median(each.p99 for each in near)]
            figures += [median(each.p999 for each in near), max(each.max for each in near)]
            count = sum(run.near for run in mine)
            rows.append(
                [f"{system}, {count} due around a swap", *(f"{each:.1f}" for each in figures), *[""] * 6]
            )
    sentences = [_AROUND]
    if {"swapping", "held"} <= set(by_system):
        ratios = [
            f"{name} {_middle(by_system['swapping'], name) / _middle(by_system['held'], name):.2f}"
            for name in ("p50", "p99", "p999")
        ]
        sentences.append(f"Swapping divided by held: {', '.join(ratios)}.")
    return Table(
        f"Milliseconds from due to scored at {runs[0].rate:,.0f} transactions a second, a snapshot every 2 s "
        f"against the model held ({runs[0].count:,} in a run, medians of {len(runs) // len(systems)})",
        [
            *("system", "p50", "p99", "p99.9", "max", "swaps", "compile and seal ms", "snapshot kB"),
            *("scorer CPU us an event", "learning worker's cores", "sender late p99"),
        ],
        rows,
        sentences,
    )


def _latency_row(system: str, runs: Sequence[LoopRun]) -> list[str]:
    compiled = [run.snapshot_ms for run in runs if run.snapshot_ms is not None]
    return [
        system,
        *(f"{_middle(runs, name):.1f}" for name in ("p50", "p99", "p999")),
        f"{max(run.ms.max for run in runs):.1f}",
        str(sum(run.swaps for run in runs)),
        f"{median(compiled):.1f}" if compiled else "",
        f"{max(run.snapshot_bytes for run in runs) / 1e3:.0f}",
        f"{median(run.scorer_cpu_us for run in runs):.0f}",
        f"{median(run.learner_cpu for run in runs):.2f}",
        f"{median(run.sender_late_p99_ms for run in runs):.1f}",
    ]


def _middle(runs: Sequence[LoopRun], name: str) -> float:
    return median(float(getattr(run.ms, name)) for run in runs)


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


def _learners(runs: Sequence[LearnerRun]) -> Table:
    peer = next((median(run.rows_per_second) for run in runs if run.learner == PEER), None)
    rows = [
        [
            run.learner,
            f"{median(run.rows_per_second):,.0f}",
            f"{min(run.rows_per_second):,.0f} to {max(run.rows_per_second):,.0f}",
            f"{median(run.rows_per_second) / peer:.2f}" if peer else "",
            f"{median(run.publish_ms):.1f}" if run.publish_ms else "",
            f"{max(run.publish_ms):.1f}" if run.publish_ms else "",
            f"{run.bytes / 1e3:.0f}" if run.bytes else "",
        ]
        for run in runs
    ]
    return Table(
        f"Learning on one core, after {runs[0].grown:,} examples",
        [
            *("learner", "rows/s", "its blocks", f"x {PEER}"),
            *("compile and seal ms", "longest", "snapshot kB"),
        ],
        rows,
        [_WHAT_LEARNING_IS],
    )


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
