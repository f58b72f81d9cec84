"""The endurance report: memory's slope, what was lost, and delays that waiting does not explain."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from benchmarks.endurance.memory import resident_bytes, slope_an_hour
from benchmarks.endurance.overload import pin, unexplained
from benchmarks.endurance.report import tables
from benchmarks.endurance.results import EnduranceResults, OverloadRun, Sample, Second, SoakRun
from benchmarks.endurance.run import plan_and_out
from benchmarks.machine import Machine

MACHINE = Machine("a processor", 2, 8.0, "Linux", "3.11.7", "4.3.1", {"numpy": "2.4"})


def sample(at: float) -> Sample:
    """A worker that grows by 36 MB an hour, and nothing else."""
    return Sample(at, int(200e6 + at * 10_000), 300_000_000, 400_000_000, 120, 40, is_ready=True)


SOAK = SoakRun(
    rate=1_000.0,
    seconds=3_600.0,
    rebalances=59,
    sent=3_600_000,
    scored=3_600_000,
    distinct=3_600_000,
    dead_lettered=0,
    caught_up_seconds=0.4,
    versions=700,
    samples=[sample(10.0 * number) for number in range(1, 361)],
    load_average=1.5,
)
OVERLOAD = OverloadRun(
    capacity=20_000.0,
    rate=60_000.0,
    seconds=2.0,
    sent=120_000,
    scored=120_000,
    caught_up_seconds=4.0,
    delay_errors=(0.05, 0.4),
    fields=[
        Second(float(at), 40_000 * (at < 2), 20_000.0, 250_000_000, 30.0, is_ready=True) for at in range(6)
    ],
    load_average=2.0,
)


def shown(soak: SoakRun | None = None, overload: OverloadRun | None = None) -> tuple[list[str], str]:
    """The first row and all sentences of the one table."""
    (table,) = tables(EnduranceResults("2026-01-31T12:00:00+00:00", "", MACHINE, soak, overload))
    return [*table.rows[0]], " ".join(table.sentences)


def test_the_slope_is_that_of_the_line_through_the_samples() -> None:
    assert slope_an_hour([0.0, 1_800.0, 3_600.0], [5.0, 6.0, 7.0]) == pytest.approx(2.0)
    row, _ = shown(SOAK)
    assert row == ["scoring worker that stays", "201", "212", "236", "236", "+36.0"]


def test_memory_of_this_process_is_read() -> None:
    assert 5e6 < resident_bytes(os.getpid()) < 50e9


@pytest.mark.parametrize(
    "lost",
    [{"scored": 3_599_999}, {"distinct": 3_599_999}, {"dead_lettered": 1}, {"sent": 3_600_001}],
)
def test_a_soak_hits_where_each_transaction_has_one_score_and_misses_else(lost: dict[str, int]) -> None:
    assert "hit" in shown(SOAK)[1]
    assert "MISS" in shown(replace(SOAK, **lost))[1]


def test_an_overload_tells_its_two_phases_apart() -> None:
    row, sentences = shown(overload=OVERLOAD)
    assert row[:3] == ["while it is sent", "20,000", "40,000"]
    assert "120,000 sent, 120,000 scored: hit" in sentences
    assert "MISS" in shown(overload=replace(OVERLOAD, scored=119_999))[1]


def test_a_queue_that_only_waits_is_explained_and_one_that_stands_still_is_not() -> None:
    due = {f"t{number}": number / 100 for number in range(1_000)}
    served = {each: (number + 1) / 50 for number, each in enumerate(due)}
    typical, worst = unexplained(due, served)
    assert abs(typical) < 0.1
    assert worst < 0.1
    stalled = {each: at + 5.0 * (at > 10.0) for each, at in served.items()}
    assert unexplained(due, stalled)[1] > 2.0


def test_a_thread_that_ends_while_a_process_is_pinned_does_not_end_the_overload(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def pinned(thread: int, cores: object) -> None:
        asked.append((thread, cores))
        raise ProcessLookupError

    monkeypatch.setattr(os, "sched_setaffinity", pinned)
    pin(os.getpid(), [0])
    assert (os.getpid(), [0]) in asked


def test_minutes_are_the_soaks_and_quick_is_short() -> None:
    assert plan_and_out(["--minutes", "2"])[0].soak.seconds == 120.0
    assert plan_and_out(["--quick"])[0].soak.seconds < 60.0
