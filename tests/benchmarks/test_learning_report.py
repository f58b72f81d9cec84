"""The learning report: ratios to what was measured beside it, targets told to be hit or missed."""

from __future__ import annotations

import json

from benchmarks.learning.loop import turns
from benchmarks.learning.report import machine_lines, tables
from benchmarks.learning.results import (
    SCHEMA_VERSION,
    LabellingRun,
    LearnerRun,
    LearningResults,
    LearnTimes,
    LoopRun,
    SwapRun,
)
from benchmarks.learning.run import PARTS, plan_and_out
from benchmarks.machine import Machine
from benchmarks.percentiles import Percentiles
from benchmarks.show import markdown_tables

MACHINE = Machine("a processor", 2, 8.0, "Linux", "3.11.7", "4.3.1", {"numpy": "2.4"})


def loop_run(system: str, p99: float, late_labels: int = 0) -> LoopRun:
    swapping = system == "swapping"
    learn = LearnTimes({"2.0": 50, "5.0": 100 - late_labels, "7.5": 100, "inf": 100}, 100, 103)
    return LoopRun(
        system=system,
        rate=1_000.0,
        count=24_000,
        ms=Percentiles(5.0, p99, 2 * p99, 3 * p99),
        near_ms=Percentiles(6.0, p99, 2 * p99, 3 * p99) if swapping else None,
        near=1_800 if swapping else 0,
        swaps=12 if swapping else 0,
        learn=learn if swapping else None,
        snapshot_ms=3.0 if swapping else None,
        snapshot_bytes=60_000,
        examples_per_second=120.0,
        scorer_cpu_us=700.0,
        learner_cpu=0.3,
        sender_late_p99_ms=0.2,
        sender_late_max_ms=1.0,
        load_average=1.5,
    )


def results(late_labels: int = 0, longest_pause: float = 4.0) -> LearningResults:
    return LearningResults(
        date="2026-01-31T12:00:00+00:00",
        command="--out x.json",
        machine=MACHINE,
        load_before=0.4,
        loop=[
            loop_run("swapping", 30.0, late_labels),
            loop_run("held", 20.0),
            loop_run("swapping", 34.0, late_labels),
            loop_run("held", 12.0),
        ],
        swap=SwapRun(
            100, 69_000, [3.0, 5.0], [2.0, longest_pause], [0.1, 0.1], [0.1, 0.5], [0.4] * 2, [0.2] * 2
        ),
        learners=[
            LearnerRun("boost", 4_000, [6_000.0, 6_600.0, 6_200.0], [2.0, 9.0, 3.0], 54_000),
            LearnerRun("River's ARFClassifier", 4_000, [1_000.0, 1_240.0, 1_300.0], [], 0),
        ],
        labelling=[
            LabellingRun("RocksDB", 100_000, 6_000, 17_000.0, 553.2),
            LabellingRun("memory", 100_000, 6_000, 68_000.0, 0.0),
        ],
    )


def text(found: LearningResults) -> str:
    return markdown_tables("Learning", "x.json", machine_lines(found), tables(found))


def rows(title: str) -> dict[str, list[str]]:
    [table] = [table for table in tables(results()) if title in table.title]
    return {row[0]: list(row[1:]) for row in table.rows}


def test_time_to_learn_pools_the_runs_and_gives_the_bounds_of_each_quantile() -> None:
    together = rows("Time to learn")["together"]
    assert together == ["200", "206", "0 to 2 s", "2 to 5 s", "2 to 5 s", "50.0%", "100.0%"]


def test_one_label_in_a_hundred_may_be_late_and_two_may_not() -> None:
    assert "99.0% of 200 labels were learnt within 5 s: the target is hit." in text(results(late_labels=1))
    assert "98.0% of 200 labels were learnt within 5 s: the target is missed." in text(results(late_labels=2))


def test_swapping_is_divided_by_held() -> None:
    assert "Swapping divided by held: p50 1.00, p99 2.00, p999 2.00." in text(results())


def test_the_longest_pause_and_its_swap_decide_on_the_target() -> None:
    assert "longest 4.50 ms.\n* The target is hit." in text(results(longest_pause=4.0))
    assert "longest 5.10 ms.\n* The target is missed." in text(results(longest_pause=4.6))


def test_learners_stand_beside_rivers_own_forest() -> None:
    found = rows("Learning on one core")
    assert found["boost"] == ["6,200", "6,000 to 6,600", "5.00", "3.0", "9.0", "54"]
    assert found["River's ARFClassifier"][2:] == ["1.00", "", "", ""]


def test_labelling_on_disk_stands_beside_memory() -> None:
    assert rows("Labelling")["RocksDB"] == ["17,000", "0.25", "553", "6,000"]


def test_every_line_of_a_table_has_the_same_cells() -> None:
    for block in text(results()).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_a_part_that_was_not_measured_has_no_table() -> None:
    nothing = LearningResults("2026-01-31", "", MACHINE, 0.4, [], None, [], [])
    assert list(tables(nothing)) == []
    assert "Load average 0.4 before the start." in machine_lines(nothing)


def test_the_json_form_holds_every_run_by_the_documented_names() -> None:
    found = json.loads(results().to_json())
    assert found["schema_version"] == SCHEMA_VERSION
    assert [run["ms"]["p99"] for run in found["loop"]] == [30, 20, 34, 12]
    assert found["loop"][0]["learn"]["at_most"]["5.0"] == 100
    assert found["swap"]["put_ms"] == [0.1, 0.5]


def test_without_arguments_everything_is_measured_at_a_thousand_a_second() -> None:
    plan, out = plan_and_out([])
    assert (plan.parts, plan.loop.rate, out) == (PARTS, 1_000.0, None)
    assert plan.loop.transactions == 100_000 + 4 * 30_000


def test_systems_take_turns_in_either_order() -> None:
    assert turns(1) == ["swapping", "held"]
    assert turns(2) == ["swapping", "held", "held", "swapping"]


def test_a_single_part_can_be_measured() -> None:
    plan, _ = plan_and_out(["--only", "loop", "--rounds", "1"])
    assert (plan.parts, plan.loop.rounds) == (("loop",), 1)
