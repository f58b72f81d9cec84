"""The learners' part of the report: rows a second beside River's own forest, and what snapshots cost."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.learning.learners import FOREST, PEER, TWIN
from benchmarks.report import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.learning.results import LearnerRun, SnapshotRun

TARGET_ROWS: Final = 500.0
"""Rows a second that a grown forest of 10 trees learns on one core."""
TARGET_GROWN: Final = 20_000
"""Examples after which a forest counts as grown."""
EQUAL: Final = 0.01
"""By which AUC and average precision may be lower and still count as equal."""

_WHAT_LEARNING_IS: Final = (
    "Each row is scored, then learnt; ours also calibrate, measure themselves and know repeats. Rows/s are "
    "of CPU time. River's forests have 10 trees and make no snapshot; "
    f"{PEER} is as it comes, with drift detectors; the other one has our forest's settings."
)


def learners(runs: Sequence[LearnerRun]) -> Iterator[Table]:
    """Yield a table for each number of examples learnt before."""
    for grown in sorted({run.grown for run in runs}):
        yield _learners([run for run in runs if run.grown == grown])


def _learners(runs: Sequence[LearnerRun]) -> Table:
    by_name = {run.learner: run for run in runs}
    peer = by_name.get(PEER)
    return Table(
        f"Learning on one core, after {runs[0].grown:,} examples",
        [
            *(
                "learner",
                "rows/s",
                "its blocks",
                f"x {PEER}",
                "AUC",
                "average precision",
                "ms a boosted tree",
            ),
            *("compile and seal ms", "longest", "snapshot kB"),
        ],
        [_learner_row(run, peer) for run in runs],
        [_WHAT_LEARNING_IS, *_sentences(by_name)],
    )


def _learner_row(run: LearnerRun, peer: LearnerRun | None) -> list[str]:
    return [
        run.learner,
        f"{_speed(run):,.0f}",
        f"{min(run.rows_per_second):,.0f} to {max(run.rows_per_second):,.0f}",
        f"{_speed(run) / _speed(peer):.2f}" if peer else "",
        f"{run.auc:.3f}",
        f"{run.average_precision:.3f}",
        f"{median(run.tree_ms):.1f}" if run.tree_ms else "",
        f"{median(run.publish_ms):.1f}" if run.publish_ms else "",
        f"{max(run.publish_ms):.1f}" if run.publish_ms else "",
        f"{run.bytes / 1e3:.0f}" if run.bytes else "",
    ]


def _sentences(by_name: dict[str, LearnerRun]) -> Iterator[str]:
    any_run = next(iter(by_name.values()))
    yield (
        f"AUC and average precision are of the scores that the last {any_run.judged:,} examples "
        f"({any_run.frauds:,} frauds) had before they were learnt."
    )
    if any_run.grown >= TARGET_GROWN and {FOREST, PEER, TWIN} <= by_name.keys():
        yield (
            f"Target: the forest learns at least {TARGET_ROWS:.0f} rows/s at equal accuracy: AUC and average "
            f"precision are not below those of River's own by more than {EQUAL}."
        )
        yield from (_verdict(by_name[FOREST], by_name[name]) for name in (TWIN, PEER))


def _verdict(forest: LearnerRun, peer: LearnerRun) -> str:
    auc = round(forest.auc - peer.auc, 3)
    precision = round(forest.average_precision - peer.average_precision, 3)
    is_hit = _speed(forest) >= TARGET_ROWS and min(auc, precision) >= -EQUAL
    return (
        f"{_speed(forest):,.0f} rows/s; against {peer.learner} AUC {auc:+.3f}, average precision "
        f"{precision:+.3f}: {'hit' if is_hit else 'MISS'}."
    )


def _speed(run: LearnerRun) -> float:
    return median(run.rows_per_second)


def snapshots(runs: Sequence[SnapshotRun]) -> Table:
    """What a snapshot costs by number of nodes."""
    return Table(
        "A snapshot by its size, milliseconds (medians)",
        [
            *("learner", "trees", "nodes", "kB", "compile", "sign", "all of it, in the learning worker"),
            *("commit on Kafka", "open in a scorer", "ONNX CPU us a row of 100"),
        ],
        [
            [
                run.algorithm,
                f"{run.trees:,}",
                f"{run.nodes:,}",
                f"{run.bytes / 1e3:,.0f}",
                *(f"{median(each):.1f}" for each in (run.compile_ms, run.seal_ms, run.made_ms)),
                *(f"{median(each):.1f}" for each in (run.publish_ms, run.open_ms)),
                f"{median(run.score_us):.2f}",
            ]
            for run in runs
        ],
        [
            "All of it: calibrate, describe, compile and sign, on the event loop of the learning worker.",
            "A worker commits each 0.2 s by default; the record waits for that besides.",
        ],
    )
