"""The report on labelling's store as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report import Table
from models.labelling.core import LabellingRules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.learning.results import StoreRun, StoreStep


def store(run: StoreRun) -> Table:
    """What a transaction costs at each size of the store."""
    last = run.steps[-1]
    seconds, bytes_each = run.compact_seconds, run.compacted_bytes / last.kept
    sentences = [
        "CPU is of all threads, RocksDB's own included, without making the transactions; a commit every 500.",
        f"Compacted at the end, in {seconds:.0f} s, a transaction kept takes {bytes_each:.0f} bytes on disk.",
        *_growth([step for step in run.steps if step.rows <= run.planned], run.planned),
    ]
    if last.rows < run.planned:
        sentences.append(f"Time was up at {last.rows:,} of {run.planned:,}.")
    return Table(
        f"Labelling as its store grows: {run.planned:,} transactions in 45 days of event time, one partition",
        [
            *("taken", "kept", "CPU us each", "rows/s of a core", "rows/s by the clock"),
            *("bytes each on disk", "store MB", "memory MiB", "examples"),
        ],
        [_row(step, before) for before, step in _with_before(run.steps)],
        sentences,
    )


def _growth(filling: Sequence[StoreStep], planned: int) -> Iterator[str]:
    """Compare the last step that fills the store with the first whose transactions mature throughout."""
    rules = LabellingRules()
    matures = planned * rules.horizon / rules.keep
    whole = [step for before, step in _with_before(filling) if before >= matures]
    if whole:
        yield (
            f"From {whole[0].kept:,} to {whole[-1].kept:,} kept, CPU goes from {whole[0].cpu_us:.1f} to "
            f"{whole[-1].cpu_us:.1f} us each: {whole[-1].cpu_us / whole[0].cpu_us:.2f} times."
        )


def _with_before(steps: Sequence[StoreStep]) -> Iterator[tuple[int, StoreStep]]:
    """Steps with the transactions taken before each."""
    return zip([0, *(step.rows for step in steps)], steps, strict=False)


def _row(step: StoreStep, before: int) -> list[str]:
    return [
        f"{step.rows:,}",
        f"{step.kept:,}",
        f"{step.cpu_us:.1f}",
        f"{1e6 / step.cpu_us:,.0f}",
        f"{(step.rows - before) / step.wall_seconds:,.0f}",
        f"{step.disk_bytes / step.kept:.0f}",
        f"{step.disk_bytes / 1e6:,.0f}",
        f"{step.resident_mib:,.0f}",
        f"{step.examples:,}",
    ]
