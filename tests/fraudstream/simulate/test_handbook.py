"""The Handbook's world is the published one, cell for cell, and its smaller worlds keep its shape."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fraudstream.simulate.handbook import DAY, Handbook, Payments, draw_payments

if TYPE_CHECKING:
    from numpy.typing import NDArray

PUBLISHED = Path(__file__).parents[3].parent / "shared" / "data" / "handbook_transactions.parquet"
COLUMNS = ("TX_TIME_SECONDS", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD_SCENARIO")

SMALL = Handbook(customers=60, terminals=2_000, days=40)
SMALL_DIGEST = "2e62274f84cba225b11a82ecf34aa2d7efcbfdb9ac4a755c4501fd5a0edd50c7"


def in_one_order(columns: list[NDArray[np.generic]]) -> list[NDArray[np.generic]]:
    """Order rows by their own cells, as payments of one second have no order of their own."""
    order = np.lexsort(columns[::-1])
    return [column[order] for column in columns]


def digest(payments: Payments) -> str:
    cents = np.rint(payments.amount * 100).astype(np.int64)
    columns = (payments.second, payments.customer, payments.terminal, cents, payments.scenario)
    return hashlib.sha256(b"".join(column.astype("<i8").tobytes() for column in columns)).hexdigest()


def test_a_small_world_is_drawn_as_when_it_was_compared_with_the_published_one() -> None:
    assert digest(draw_payments(SMALL)) == SMALL_DIGEST


def test_the_whole_world_equals_the_published_data_set_in_every_cell() -> None:
    if not PUBLISHED.exists():
        pytest.skip("the published Handbook data set does not lie beside the checkout")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow reads the published data set")
    table = parquet.read_table(PUBLISHED, columns=[*COLUMNS, "TX_FRAUD"])
    published = [table[name].to_numpy() for name in COLUMNS]
    payments = draw_payments(Handbook())

    assert len(payments.second) == 1_754_155
    assert np.bincount(payments.scenario).tolist() == [1_739_474, 973, 9_077, 4_631]
    differing = [
        int((ours != theirs).sum())
        for ours, theirs in zip(in_one_order(list(payments)), in_one_order(published), strict=True)
    ]
    assert differing == [0, 0, 0, 0, 0]
    assert int(payments.fraud.sum()) == int(table["TX_FRAUD"].to_numpy().sum()) == 14_681


def test_payments_stand_in_order_of_time_inside_the_world() -> None:
    payments = draw_payments(SMALL)
    assert (np.diff(payments.second) >= 0).all()
    assert payments.second[0] > 0
    assert payments.second[-1] < SMALL.days * DAY


def test_genuine_customers_of_a_shorter_world_are_those_of_the_longer_one() -> None:
    """Each customer has streams of their own, so days and customers may be cut without changing the rest."""
    shorter = draw_payments(Handbook(customers=20, terminals=2_000, days=10))
    longer = draw_payments(SMALL)
    kept = (longer.customer < 20) & (longer.second < 10 * DAY)
    assert longer.second[kept].tolist() == shorter.second.tolist()
    assert longer.terminal[kept].tolist() == shorter.terminal.tolist()


def test_another_seed_draws_another_world() -> None:
    other = Handbook(customers=60, terminals=2_000, days=40, seed=1)
    assert digest(draw_payments(other)) != digest(draw_payments(SMALL))


@pytest.mark.parametrize("customers", [200, 1_000])
def test_a_world_of_another_size_keeps_the_share_of_fraud(customers: int) -> None:
    """After the first month the Handbook has 85 frauds in 9,586 payments a day: 0.9 %."""
    payments = draw_payments(Handbook.of_size(customers, days=60, start=date(2026, 1, 1), seed=3))
    settled = payments.second > 28 * DAY
    assert 0.004 < payments.fraud[settled].mean() < 0.018
