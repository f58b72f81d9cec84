"""The growth report: costs beside the smallest state's, starts less an empty one's, targets told in words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.growth.gaps import Payment, longest_gap, pause
from benchmarks.growth.pauses import HALF_MOVES, NOTHING_MOVES, QUIET
from benchmarks.growth.report import machine_lines, tables
from benchmarks.growth.results import (
    SCHEMA_VERSION,
    CoreRun,
    GrowthResults,
    LoadRun,
    PauseRun,
    RestoreRun,
)
from benchmarks.growth.run import PARTS, plan_and_out
from benchmarks.machine import Machine
from benchmarks.show import markdown_tables

MACHINE = Machine("a processor", 2, 8.0, "Linux", "3.11.7", "4.3.1", {"numpy": "2.4"})


def core_run(cards: int, costs: list[float]) -> CoreRun:
    return CoreRun(cards, costs, 1_004.0, 1_750.0, 6.1, 1_800.0)


def restore_run(cards: int, ready: float, reading: float) -> RestoreRun:
    return RestoreRun(cards, ready, ready, reading, cards, 833 * cards, 150_000_000 + 1_000 * cards, 1.5)


def load_run(cards: int, cost: float, workers: int = 1, events_per_second: float = 10_000.0) -> LoadRun:
    shares = [1 / workers] * workers
    return LoadRun(cards, workers, 60_000, cost, shares, events_per_second, 40.0, 1.5)


def pause_run(cards: int, event: str, gap: float) -> PauseRun:
    return PauseRun(cards, event, 500.0, 8.0, gap / 2, gap, gap + 10, 3.0, 2.6, 4.0, 1.5)


def results() -> GrowthResults:
    return GrowthResults(
        date="2026-01-31T12:00:00+00:00",
        command="--out x.json",
        machine=MACHINE,
        load_before=0.4,
        core=[core_run(10_000, [18.0, 20.0, 22.0]), core_run(5_000_000, [26.0, 25.0, 40.0])],
        restore=[
            restore_run(0, 3.0, 0.02),
            restore_run(1_000_000, 23.5, 8.0),
            restore_run(0, 3.2, 0.02),
            restore_run(1_000_000, 22.5, 10.0),
        ],
        load=[load_run(10_000, 60.0), load_run(1_000_000, 79.0)],
        pauses=[
            pause_run(10_000, QUIET, 120.0),
            pause_run(10_000, NOTHING_MOVES[0], 300.0),
            pause_run(10_000, NOTHING_MOVES[1], 200.0),
            pause_run(10_000, HALF_MOVES[0], 4_000.0),
            pause_run(10_000, NOTHING_MOVES[0], 999.0),
            pause_run(1_000_000, NOTHING_MOVES[1], 1_000.0),
        ],
        scale=[
            load_run(10_000, 60.0, events_per_second=12_000.0),
            load_run(10_000, 63.0, workers=2, events_per_second=18_000.0),
        ],
    )


def text(found: GrowthResults) -> str:
    return markdown_tables("Growth", "x.json", machine_lines(found), tables(found))


def rows(title: str, found: GrowthResults | None = None) -> dict[str, list[str]]:
    [table] = [table for table in tables(found or results()) if title in table.title]
    return {row[0]: list(row[1:]) for row in table.rows}


def test_each_size_stands_beside_the_smallest() -> None:
    found = rows("The core alone")
    assert found["10,000"][:3] == ["20.0", "18.0 to 22.0", "1.00"]
    assert found["5,000,000"][:3] == ["26.0", "25.0 to 40.0", "1.30"]


def test_a_cost_within_1_3_times_that_of_the_smallest_state_hits() -> None:
    found = text(results())
    assert "5,000,000 cards: 1.30 x, hit." in found
    assert "1,000,000 cards: 1.32 x, MISS." in found


def test_a_start_counts_less_one_with_nothing_to_restore() -> None:
    found = rows("A worker's start")
    assert found["none"] == ["3.10", "", "0.02", *[""] * 5]
    assert found["1,000,000"] == ["23.00", "19.90", "9.00", "9.00", "19.90", "93", "833", "1,000"]
    assert "19.9 s: hit." in text(results())


def test_a_start_that_takes_20_seconds_longer_misses() -> None:
    slow = replace(results(), restore=[restore_run(0, 3.0, 0.02), restore_run(1_000_000, 23.0, 9.0)])
    assert "20.0 s: MISS." in text(slow)


def test_the_longest_pause_of_any_partition_and_round_decides_and_no_other_event() -> None:
    found = text(results())
    assert "10,000 cards: no partition longer than 999 ms, hit." in found
    assert "1,000,000 cards: no partition longer than 1,000 ms, MISS." in found


def test_rounds_of_an_event_show_their_median_and_their_worst() -> None:
    found = rows("Milliseconds without a score")
    assert found[f"10,000: {NOTHING_MOVES[0]}"][:4] == ["650", "999", "325", "500"]


def test_cpu_time_decides_on_two_workers_where_cores_are_short() -> None:
    found = text(results())
    assert "By the clock on the wall 1.50 x, but cores are short" in found
    assert "kept 1.2 of 2 at work, and 1.8 x as much takes 2.2." in found
    assert "do 1.90 x what one does: hit." in found


@pytest.mark.parametrize(("events_per_second", "word"), [(17_900.0, "MISS"), (18_000.0, "hit")])
def test_the_clock_decides_on_two_workers_where_cores_are_left(events_per_second: float, word: str) -> None:
    many = replace(MACHINE, cores=16)
    scale = [load_run(10_000, 60.0), load_run(10_000, 63.0, 2, events_per_second)]
    found = text(replace(results(), machine=many, scale=scale))
    assert f"By the clock on the wall {events_per_second / 1e4:.2f} x: {word}." in found
    assert "cores are short" not in found


def test_a_gap_begins_with_the_event_and_ends_with_the_observation() -> None:
    assert longest_gap([1.0, 4.0, 5.0], since=2.0, until=5.5) == 2.0
    assert longest_gap([3.0], since=2.0, until=9.0) == 6.0
    assert longest_gap([], since=2.0, until=9.0) == 7.0


def test_one_partition_may_stand_still_while_the_others_go_on() -> None:
    busy = [Payment(0, at / 10, at / 10 + 0.01) for at in range(100)]
    late = [Payment(1, 1.0, 1.01), Payment(1, 2.0, 7.0), Payment(1, 8.0, 8.01)]
    found = pause([*busy, *late], since=0.0, until=9.9)
    assert found.gap_ms == pytest.approx(100)
    assert found.partition_gap_ms == pytest.approx(5_990)
    assert found.delay_ms == pytest.approx(5_000)
    assert found.delay_p50_ms == pytest.approx(10)


def test_what_was_due_before_the_event_has_no_delay_in_it() -> None:
    payments = [Payment(0, 1.0, 4.0), Payment(0, 5.0, 5.5)]
    assert pause(payments, since=4.5, until=6.0).delay_ms == pytest.approx(500)


def test_every_line_of_a_table_has_the_same_cells() -> None:
    for block in text(results()).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_a_part_that_was_not_measured_has_no_table() -> None:
    nothing = GrowthResults("2026-01-31", "", MACHINE, 0.4, [], [], [], [], [])
    assert list(tables(nothing)) == []
    assert "Load average 0.4 before the start." in machine_lines(nothing)


def test_the_json_form_holds_every_run_by_the_documented_names() -> None:
    found = json.loads(results().to_json())
    assert found["schema_version"] == SCHEMA_VERSION
    assert [run["cards"] for run in found["restore"]] == [0, 1_000_000, 0, 1_000_000]
    assert found["core"][0]["cpu_us_per_event"] == [18, 20, 22]
    assert found["scale"][1]["shares"] == [0.5, 0.5]


def test_without_arguments_everything_is_measured() -> None:
    plan, out = plan_and_out([])
    assert (plan.parts, plan.rounds, out) == (PARTS, 3, None)
    assert plan.core_cards == (10_000, 1_000_000, 5_000_000)
    assert plan.loaded_cards == (10_000, 1_000_000)
    assert plan.restored_cards == (1_000_000,)


def test_there_are_transactions_for_the_part_that_takes_the_most() -> None:
    plan, _ = plan_and_out(["--rounds", "1"])
    assert plan.messages >= max(3 * plan.block, 2 * 65_000, 65_000 + plan.pauses.transactions)


def test_a_further_size_is_restored_and_loaded_only_on_demand() -> None:
    plan, _ = plan_and_out(["--only", "restore", "--cards", "5000000"])
    assert (plan.parts, plan.restored_cards) == (("restore",), (1_000_000, 5_000_000))
    assert plan.loaded_cards == (10_000, 1_000_000, 5_000_000)
    assert plan.cards == (10_000, 1_000_000)
