"""What taking a snapshot over costs the event loop that scores: by itself, without Kafka or transactions.

A snapshot is opened and made ready in a thread, as in a worker. The thread that spins beside it stands for
the event loop; its longest pause is how long Python's interpreter lock, or the machine, kept it from running.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from agents.broadcast import SnapshotHandler
from benchmarks.learning.learners import KEY
from benchmarks.learning.results import SwapRun
from models.reputations.store import ReputationStore
from models.scoring.features import FEATURES_VERSION
from models.scoring.pipeline import ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from models.snapshots.selector import ModelSelector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.learning.learners import Ours
    from models.arrays import Singles
    from schemas.example import Example

    Result = TypeVar("Result")

_BATCH = 100


def measure(model: Ours, more: Sequence[Example]) -> SwapRun:
    """Take over one snapshot after each of `more` examples, which the grown model learns.

    Args:
        model: a boosted model, grown.
        more: at least 100 of them, which are also the rows that are scored.
    """
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))
    shelf = ModelSelector(model.model.name, core.use_scorer)
    handler = SnapshotHandler(shelf, KEY, FEATURES_VERSION)
    rows = np.array([example.features for example in more[:_BATCH]], dtype=np.float32)
    prepare, pause, idle, put, first, later = columns = tuple[list[float], ...]([] for _ in range(6))
    size = 0
    with ThreadPoolExecutor(1) as thread:
        for example in more:
            model.fold_all([example])
            key, value, _ = model.publish()
            size = max(size, len(value))
            (take, seconds), longest = spin(thread, lambda: timed(lambda: handler.prepare(key, value)))  # noqa: B023
            _, idle_longest = spin(thread, lambda: time.sleep(seconds))  # noqa: B023
            times = (seconds, longest, idle_longest, timed(take)[1], *_score_twice(core, rows))
            for column, spent in zip(columns, times, strict=True):
                column.append(1e3 * spent)
    trees = len(model.learner.boost.trees)
    return SwapRun(trees, size, prepare, pause, idle, put, first, later)


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    """What a call returns, and the seconds that it takes."""
    began = time.perf_counter()
    result = call()
    return result, time.perf_counter() - began


def spin(thread: ThreadPoolExecutor, call: Callable[[], Result]) -> tuple[Result, float]:
    """Make a call in the thread; gives what it returns, and the longest pause of this thread meanwhile."""
    longest, last = 0.0, time.perf_counter()
    pending = thread.submit(call)
    while not pending.done():
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return pending.result(), max(longest, time.perf_counter() - last)


def _score_twice(core: ScoringCore, rows: Singles) -> tuple[float, float]:
    """Seconds to score a batch for the first time, and once more."""
    return timed(lambda: core.scorer.score(rows))[1], timed(lambda: core.scorer.score(rows))[1]
