"""What labelling costs as its store grows: CPU microseconds a transaction and bytes on disk, step after step.

Transactions come at the even pace that fills the store in the time for which each is kept (45 days), so they
mature after the horizon as in a bank, and nothing is forgotten before the store is full. In a last step as
many are forgotten as come. Their makings, a pool of rows that the bank's own transactions were scored as, are
shuffled over many cards; the labels are drawn as the simulated bank's are.
"""

from __future__ import annotations

import random
import resource
import shutil
import time
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rocksdict import Options, Rdict

from agents.erasures import Erasures
from agents.labelling.agent import LabellingPartition
from benchmarks.learning.bank import BATCH, SEED, Batch
from benchmarks.learning.labelling import COMMIT_ROWS, SOURCE, take
from benchmarks.learning.results import StoreRun, StoreStep
from fraudstream.simulate.labels import draw_label
from fraudstream.simulate.world import SimulatedTransaction, token
from models.labelling.core import LabellingRules
from models.labelling.pending import ScoredTransaction
from models.quality.live import LiveQuality

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from schemas.label import Label

STEPS: Final = 10
FRAUD_SHARE: Final = 0.008
_ROWS_A_CARD: Final = 85
"""In 45 days, of a card of the simulated bank."""
_START: Final = 1.75e9


@dataclass(frozen=True)
class Plan:
    """How far the store grows.

    Attributes:
        rows: transactions that fill it.
        minutes: after which no further step is begun.
    """

    rows: int = 1_000_000
    minutes: float = 45.0


class Flow:
    """Scored transactions without end, with the labels that come among them.

    Args:
        pool: rows to make them of.
        rows: how many come in `keep`.
        keep: seconds for which labelling keeps a transaction.
    """

    def __init__(self, pool: Sequence[ScoredTransaction], rows: int, keep: float) -> None:
        self._pool = pool
        self._cards = [token("card", number) for number in range(max(1, rows // _ROWS_A_CARD))]
        self._pace = keep / rows
        self._draws = random.Random(SEED)
        self._made = 0
        self._awaited: list[tuple[float, int, Label]] = []

    def batch(self) -> Batch:
        """The next transactions, and the labels that are known by the last of them."""
        rows = [self._row() for _ in range(BATCH)]
        labels = []
        while self._awaited and self._awaited[0][0] <= rows[-1].event_time:
            labels.append(heappop(self._awaited)[2])
        return Batch(rows, labels)

    def _row(self) -> ScoredTransaction:
        like = self._pool[self._made % len(self._pool)]
        self._made += 1
        row = ScoredTransaction(
            transaction_id=token("payment", self._made),
            subject=self._draws.choice(self._cards),
            counterparty=like.counterparty,
            dimensions=like.dimensions,
            event_time=round(_START + self._made * self._pace, 3),
            score=like.score,
            alerted=like.alerted,
            scored_by=like.scored_by,
            features=like.features,
            features_version=like.features_version,
            amount_is_unusual=like.amount_is_unusual,
        )
        is_fraud = self._draws.random() < FRAUD_SHARE
        truth = SimulatedTransaction(row.event_time, row.transaction_id, row.subject, is_fraud, {})
        if label := draw_label(truth, self._draws):
            heappush(self._awaited, (label.label_time.timestamp(), self._made, label))
        return row


class Growing:
    """A store that takes a flow, and what that costs."""

    def __init__(self, flow: Flow, rules: LabellingRules, folder: Path) -> None:
        self._flow = flow
        self._folder = folder
        self._held = LabellingPartition(rules, folder, 0.0, LiveQuality(), Erasures(None))
        self._held.resume(SOURCE, None, 0)
        self._rows = 0

    def step(self, rows: int) -> StoreStep:
        """Take so many transactions, in whole batches, a commit every 500, and look at the store."""
        began, cpu, before, made, examples = time.perf_counter(), time.process_time(), self._rows, 0.0, 0
        for number in range(0, rows, BATCH):
            making = time.thread_time()
            batch = self._flow.batch()
            made += time.thread_time() - making
            examples += take(self._held.core, batch)
            self._rows += len(batch.rows)
            if (number + BATCH) % COMMIT_ROWS == 0:
                self._commit()
        self._commit()
        cpu = time.process_time() - cpu - made
        return StoreStep(
            rows=self._rows,
            kept=len(self._held.core),
            cpu_us=1e6 * cpu / (self._rows - before),
            wall_seconds=time.perf_counter() - began,
            disk_bytes=disk_bytes(self._folder),
            resident_mib=_resident_mib(),
            examples=examples,
        )

    def close(self) -> None:
        """Let go of the store."""
        self._held.rows.close()

    def _commit(self) -> None:
        self._held.freeze(SOURCE, self._rows)
        self._held.rows.save()


def measure(pool: Sequence[Batch], plan: Plan, folder: Path, tell: Callable[[str], None]) -> StoreRun:
    """Let a store grow, and tell of each step as soon as it is over, since all of them may take long."""
    rules = LabellingRules()
    rows = [row for batch in pool for row in batch.rows]
    growing = Growing(Flow(rows, plan.rows, rules.keep), rules, folder)
    until = time.monotonic() + 60.0 * plan.minutes
    steps: list[StoreStep] = []
    while not steps or (len(steps) <= STEPS and time.monotonic() < until):
        steps.append(growing.step(plan.rows // STEPS))
        tell(sentence(steps[-1]))
    growing.close()
    began = time.perf_counter()
    _compact(folder)
    run = StoreRun(plan.rows, steps, time.perf_counter() - began, disk_bytes(folder))
    shutil.rmtree(folder)
    return run


def sentence(step: StoreStep) -> str:
    """A step in words."""
    return (
        f"{step.rows:,} taken, {step.kept:,} kept: {step.cpu_us:.1f} CPU us each, "
        f"{step.disk_bytes / step.kept:.0f} bytes each on disk, {step.resident_mib:,.0f} MiB of memory"
    )


def disk_bytes(folder: Path) -> int:
    """Size of the files in a folder, while another thread may take some away."""
    total = 0
    for file in folder.iterdir():
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _compact(folder: Path) -> None:
    """Write all that a closed store holds anew, without what was replaced or deleted."""
    database = Rdict(str(folder), Options(raw_mode=True))
    database.flush()
    database.compact_range(None, None)
    database.close()


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
