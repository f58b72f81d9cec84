"""Measures how well default settings keep to the alert budget: `python -m tests.models.alert_share [SCALE]`.

The service's own loop scores, labels and learns a simulated bank, from nothing, in 1, 4 or 16 partitions. A
model is published every two hours of event time, and two thirds through an operator doubles the budget.

* **Windows** are runs of transactions in which the budget is `WINDOW_ALERTS` alerts, one after the other. The
  first begins `SETTLED` transactions after the start, and again after the new budget; the model changes often
  within each. 500 transactions alone, with 2.5 alerts due, would measure chance.
* **Days** are days of event time after the first, compared with the budget of their transactions.
* **Caught** frauds are those alerted, or of a subject alerted in the 24 hours before, on which the policy
  holds further alerts back. The yardstick is the best fixed threshold of each day: as many alerts on its
  highest scores, which nobody knows before the day is over.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

from fraudstream.backtest.candidates.loop import Loop
from fraudstream.settings import Settings
from fraudstream.simulate.stream import RecordKind, stream
from fraudstream.simulate.world import WorldName
from fraudstream.simulate.worlds import make_world
from fraudstream.worker.compose import policy_factory
from models.decay import DAY, HOUR
from models.labelling.core import LabellingRules
from models.labelling.pending import ScoredTransaction
from models.scoring.features import FEATURES_VERSION
from models.scoring.pipeline import PartitionBatch, Scored
from models.snapshots.online_model import new_model
from schemas.label import decode_label
from schemas.score import Decision
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.arrays import Flags, Floats
    from schemas.transaction import Transaction

CUSTOMERS: Final = {WorldName.HANDBOOK: 1_000, WorldName.TRANSFERS: 2_500}
"""They make about 2,000 transactions a day in either world."""
DAYS: Final = 18
PUBLISHED: Final = 2 * HOUR
SETTLED: Final = 500
WINDOW_ALERTS: Final = 20
_BATCH: Final = 100
_SEED: Final = 1


class PartitionedLoop(Loop):
    """The loop with its subjects spread over partitions, each with a policy of its own."""

    def __init__(self, partitions: int) -> None:
        settings = Settings(topics={"partitions": partitions})
        model = new_model(settings.learning.model, settings.learning.algorithm, settings.learning.seed, "0")
        super().__init__(LabellingRules(), model, policy_factory(settings))
        self._states = [self._core.new_state() for _ in range(partitions)]

    def score_all(self, transactions: Sequence[Transaction], offset: int) -> list[Scored]:
        """Score transactions of new ids, results in their order."""
        places: list[list[int]] = [[] for _ in self._states]
        for place, transaction in enumerate(transactions):
            places[crc32(transaction.subject.encode()) % len(self._states)].append(place)
        parts = [
            PartitionBatch(
                [transactions[place] for place in own],
                [offset + place for place in own],
                state,
                [transactions[place].event_timestamp for place in own],
            )
            for own, state in zip(places, self._states, strict=True)
            if own
        ]
        results = self._core.judge(parts).results()
        order = [place for own in places for place in own]
        ordered = [result for _, result in sorted(zip(order, results, strict=True), key=lambda pair: pair[0])]
        scored = [result for result in ordered if isinstance(result, Scored)]
        assert len(scored) == len(transactions), "no simulated transaction repeats"
        for result in scored:
            self._labelling.take_score(ScoredTransaction.of_scored(result, FEATURES_VERSION))
        return scored

    def double_budget(self) -> None:
        """Have an operator choose twice the default budget."""
        budget = Settings().scoring.alerts_per_10000
        self._core.use_policy(policy_factory(Settings(scoring={"alerts_per_10000": 2.0 * budget})))


@dataclass(frozen=True)
class Run:
    """A bank's transactions as columns [n], in order, and what was decided on them."""

    times: Floats
    subjects: Sequence[str]
    frauds: Flags
    scores: Floats
    alerts: Flags
    rates: Floats
    """Share of alerts that the budget allowed."""
    models: int
    """Models that scored."""

    @property
    def days(self) -> Floats:
        """Day of each transaction, from 0."""
        days: Floats = (self.times - self.times[0]) // DAY
        return days

    def windows(self, alerts: float = WINDOW_ALERTS) -> list[float]:
        """Alerts of each window by its budget, which is so many."""
        shares = []
        for rate in dict.fromkeys(self.rates.tolist()):
            settled = self.alerts[self.rates == rate][SETTLED:]
            size = round(alerts / rate)
            shares += [
                float(settled[start : start + size].mean() / rate)
                for start in range(0, len(settled) - size + 1, size)
            ]
        return shares

    def daily(self) -> list[tuple[int, float]]:
        """Alerts and budget of each day after the first."""
        days = self.days
        return [
            (int(self.alerts[days == day].sum()), float(self.rates[days == day].sum()))
            for day in np.unique(days)[1:]
        ]

    def caught(self, alerts: Flags) -> int:
        """Frauds that such alerts catch."""
        alerted: dict[str, float] = {}
        count = 0
        for row in np.flatnonzero(alerts | self.frauds).tolist():
            subject, time = self.subjects[row], float(self.times[row])
            if alerts[row]:
                alerted[subject] = time
            count += bool(self.frauds[row]) and time - alerted.get(subject, -np.inf) < DAY
        return count

    def best_fixed(self) -> Flags:
        """As many alerts on each day, on its highest scores."""
        alerts, days = np.zeros(len(self.times), dtype=bool), self.days
        for day in np.unique(days):
            rows = np.flatnonzero(days == day)
            highest = rows[np.argsort(-self.scores[rows], kind="stable")]
            alerts[highest[: self.alerts[rows].sum()]] = True
        return alerts


def run(world: WorldName, partitions: int, scale: float = 1.0) -> Run:
    """Run the service's loop over a simulated bank, so many times as large as usual."""
    customers = round(CUSTOMERS[world] * scale)
    records = [*stream(make_world(world, customers, DAYS, date(2026, 1, 1), _SEED), _SEED)]
    frauds = np.array([record.fraud for record in records if record.kind is RecordKind.TRANSACTION])
    loop, default = PartitionedLoop(partitions), Settings().scoring.alerts_per_10000 / 10_000
    scored: list[Scored] = []
    waiting: list[Transaction] = []
    rates = np.full(len(frauds), default)
    before = records[0].time
    for record in records:
        if record.kind is RecordKind.LABEL:
            loop.label([decode_label(record.value)])
            continue
        if len(waiting) == _BATCH or record.time // HOUR != before // HOUR:
            scored += loop.score_all(waiting, len(scored))
            waiting = []
            loop.advance(record.time)
            if record.time // PUBLISHED != before // PUBLISHED:
                loop.publish(record.time)
            if len(scored) > len(frauds) * 2 // 3 and rates[-1] == default:
                loop.double_budget()
                rates[len(scored) :] = 2.0 * default
        waiting.append(decode_transaction(record.value))
        before = record.time
    scored += loop.score_all(waiting, len(scored))
    return Run(
        times=np.array([each.transaction.event_timestamp for each in scored]),
        subjects=[each.transaction.subject for each in scored],
        frauds=frauds,
        scores=np.array([each.score for each in scored]),
        alerts=np.array([each.decision is not Decision.APPROVE for each in scored]),
        rates=rates,
        models=len({each.scored_by for each in scored}),
    )


def report(world: WorldName, partitions: int, result: Run) -> str:
    """One line of a table."""
    windows, daily = np.array(result.windows()), np.array(result.daily())
    days = daily[:, 0] / daily[:, 1]
    held, near = np.mean((windows >= 0.5) & (windows <= 2.0)), np.mean(np.abs(days - 1.0) <= 0.1)
    caught, best = result.caught(result.alerts), result.caught(result.best_fixed())
    return (
        f"{world:10} {partitions:2} partitions, {len(result.times):,} transactions, {result.models} models: "
        f"alerts {result.alerts.sum() / result.rates.sum():.2f} of the budget; "
        f"windows {windows.min():.2f} to {windows.max():.2f}, {held:.0%} within half and double; "
        f"days (of {daily[:, 1].mean():.0f} alerts) {days.min():.2f} to {days.max():.2f}, "
        f"{near:.0%} within 10 %; "
        f"frauds caught {caught} of {best} by the best fixed threshold of each day ({caught / best:.2f})"
    )


if __name__ == "__main__":
    for bank in WorldName:
        for count in (1, 4, 16):
            text = report(bank, count, run(bank, count, float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))
            print(text, flush=True)  # noqa: T201 - its output
