"""Small pasts with many frauds, for the tests of the backtest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from fraudstream.backtest.sources.dataset import NEVER_LABELLED, Dataset, of_world
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook, draw_payments
from models.decay import DAY

if TYPE_CHECKING:
    from models.arrays import Flags

DELAY = 3 * DAY
SMALL = Handbook(
    customers=50,
    terminals=200,
    days=30,
    start=date(2024, 1, 1),
    seed=1,
    compromised_terminals=0.5,
    compromised_customers=0.5,
)


@cache
def small_past() -> Dataset:
    """About 2,000 payments in 30 days, one in ten a fraud, labelled three days later."""
    return of_world(CardWorld(SMALL), "a small world", DELAY)


def with_truth(data: Dataset, frauds: Flags, delay: float = DELAY) -> Dataset:
    """The same past where other transactions were frauds."""
    label_times = np.where(frauds, data.times + delay, NEVER_LABELLED)
    return replace(data, frauds=frauds, label_times=label_times)


def first_rows(data: Dataset, rows: int) -> Dataset:
    """The beginning of a past."""
    return replace(
        data,
        ids=data.ids[:rows],
        times=data.times[:rows],
        subjects=data.subjects[:rows],
        counterparties=data.counterparties[:rows],
        facts=data.facts[:rows],
        amounts=data.amounts[:rows],
        frauds=data.frauds[:rows],
        label_times=data.label_times[:rows],
    )


@cache
def published_past() -> Dataset:
    """The Handbook's published data, as far as protocols look at them."""
    world = Handbook()
    payments = draw_payments(world)
    rows = len(payments.second)
    return Dataset(
        sentence="published",
        ids=[""] * rows,
        times=world.start_timestamp + payments.second,
        subjects=payments.customer,
        counterparties=payments.terminal,
        facts=np.zeros(rows, dtype=np.int64),
        amounts=payments.amount,
        frauds=payments.fraud,
        label_times=np.full(rows, NEVER_LABELLED),
        subject_names=[""] * world.customers,
        counterparty_names=[""] * world.terminals,
        fact_list=[()],
    )
