"""How many transactions a second labelling takes on one partition, on disk and in memory, and their size."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Final

from agents.erasures import Erasures
from agents.labelling.agent import LabellingPartition
from benchmarks.learning.results import LabellingRun
from models.decay import NEVER
from models.labelling.core import LabellingCore, LabellingRules
from models.labelling.store import MemoryPendingStore
from models.quality.live import LiveQuality

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.learning.bank import Batch

COMMIT_ROWS: Final = 500
"""Transactions in a commit: under load, one of several partitions has as many in 0.2 s."""
SOURCE: Final = "scores"


def on_disk(batches: Sequence[Batch], folder: Path) -> LabellingRun:
    """Take everything into a new store: `take_score`, `take_label`, `advance`; `freeze` and `save` a commit.

    Not among it, as the worker's other stages: decoding, sending, and the measures of live quality.
    """
    held = LabellingPartition(LabellingRules(), folder, 0.0, LiveQuality(), Erasures(None))
    held.resume(SOURCE, None, 0)
    examples = rows = unsaved = 0
    began = time.perf_counter()
    for batch in batches:
        examples += take(held.core, batch)
        rows, unsaved = rows + len(batch.rows), unsaved + len(batch.rows)
        if unsaved >= COMMIT_ROWS:
            held.freeze(SOURCE, rows)
            held.rows.save()
            unsaved = 0
    held.freeze(SOURCE, rows)
    held.rows.save()
    seconds, kept = time.perf_counter() - began, len(held.core)
    held.rows.close()
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    shutil.rmtree(folder)
    return LabellingRun("RocksDB", rows, examples, rows / seconds, size / kept)


def in_memory(batches: Sequence[Batch]) -> LabellingRun:
    """The same core without a disk, and so without commits: what the rules themselves cost."""
    core = LabellingCore(LabellingRules(), MemoryPendingStore())
    began = time.perf_counter()
    examples = sum(take(core, batch) for batch in batches)
    seconds, rows = time.perf_counter() - began, sum(len(batch.rows) for batch in batches)
    return LabellingRun("memory", rows, examples, rows / seconds, 0.0)


def take(core: LabellingCore, batch: Batch) -> int:
    """Take a batch and what became due by its end; gives the number of examples."""
    for row in batch.rows:
        core.take_score(row)
    for label in batch.labels:
        core.take_label(label, label.label_time.timestamp())
    clock = max((row.event_time for row in batch.rows), default=NEVER)
    return len(core.advance(clock).examples)
