"""One measurement of the loop: what both workers said at its ends, and what that comes to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.learning.results import LearnTimes, LoopRun
from benchmarks.learning.scores import latencies, swap_times
from benchmarks.percentiles import Percentiles, nearest_rank

if TYPE_CHECKING:
    from benchmarks.learning.buckets import Scrape
    from benchmarks.learning.scores import Scoring
    from benchmarks.learning.sender import Sent

BEFORE_SWAP: Final = 0.1
AFTER_SWAP: Final = 0.05
MOST_GROWTH_SECONDS: Final = 1.0
"""By which the lag may grow in a measurement at a rate that is kept."""
_TIME_TO_LEARN: Final = "fraudstream_time_to_learn_seconds"


@dataclass(frozen=True)
class Look:
    """What both workers say at one moment, and the CPU seconds that they have taken.

    Attributes:
        busy: CPU seconds that the whole machine has worked since it started.
        behind: transactions that were sent, and not yet scored and labelled.
    """

    scorer: Scrape
    learner: Scrape
    scorer_cpu: float
    learner_cpu: float
    busy: float
    behind: int


@dataclass(frozen=True)
class Phase:
    """One measurement, before the scores are read."""

    system: str
    rate: float
    sent: Sent
    before: Look
    after: Look
    seconds: float
    load_average: float

    @property
    def is_kept(self) -> bool:
        """Whether sender, scorer and labelling kept the rate."""
        grown = (self.after.behind - self.before.behind) / self.rate
        return is_kept(grown, max(self.sent.late))


def machine_busy() -> float:
    """CPU seconds that all cores have worked, or lost to other guests of their host, since the start."""
    _, *ticks = Path("/proc/stat").read_text().partition("\n")[0].split()
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = map(int, ticks[:8])
    return (user + nice + system + interrupts + soft_interrupts + stolen) / os.sysconf("SC_CLK_TCK")


def is_kept(lag_growth_s: float, sender_late_s: float) -> bool:
    """Whether a rate was kept: neither the lag of scoring and labelling grew, nor the sender fell behind."""
    return max(lag_growth_s, sender_late_s) < MOST_GROWTH_SECONDS


def summary(phase: Phase, scored: dict[str, Scoring]) -> LoopRun:
    """What a phase comes to, given every score of the run."""
    sent, before, after = phase.sent, phase.before, phase.after
    swaps = swap_times(scored[transaction_id] for transaction_id in sent.due)
    every, near = latencies(sent.due, scored, swaps, BEFORE_SWAP, AFTER_SWAP)
    learnt = _since(before.learner, after.learner, "fraudstream_examples_learnt_total")
    late = sorted(sent.late)
    return LoopRun(
        system=phase.system,
        rate=phase.rate,
        count=len(every),
        ms=Percentiles.of(every),
        near_ms=Percentiles.of(near) if near else None,
        near=len(near),
        swaps=len(swaps),
        learn=_learn_times(phase) if swaps else None,
        snapshot_ms=_snapshot_ms(phase),
        snapshot_bytes=int(after.learner.total("fraudstream_snapshot_bytes")),
        examples_per_second=learnt / phase.seconds,
        scorer_cpu_us=1e6 * (after.scorer_cpu - before.scorer_cpu) / len(every),
        learner_cpu=(after.learner_cpu - before.learner_cpu) / phase.seconds,
        sender_late_p99_ms=1e3 * nearest_rank(late, 0.99),
        sender_late_max_ms=1e3 * late[-1],
        busy_cores=(after.busy - before.busy) / phase.seconds,
        lag_before_s=before.behind / phase.rate,
        lag_after_s=after.behind / phase.rate,
        load_average=phase.load_average,
    )


def _learn_times(phase: Phase) -> LearnTimes:
    told = phase.after.scorer.buckets(_TIME_TO_LEARN) - phase.before.scorer.buckets(_TIME_TO_LEARN)
    at_most = {str(bound): count for bound, count in told.at_most.items()}
    return LearnTimes(at_most, told.total, phase.sent.labels)


def _snapshot_ms(phase: Phase) -> float | None:
    before, after = phase.before.learner, phase.after.learner
    count = _since(before, after, "fraudstream_snapshot_seconds_count")
    return 1e3 * _since(before, after, "fraudstream_snapshot_seconds_sum") / count if count else None


def _since(before: Scrape, after: Scrape, name: str) -> float:
    return after.total(name) - before.total(name)
