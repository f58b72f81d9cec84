"""The learning report: ratios to what was measured beside it, targets told to be hit or missed."""

from __future__ import annotations

import json

from benchmarks.learning.learners import FOREST, PEER, TWIN
from benchmarks.learning.loop import turns
from benchmarks.learning.phase import is_kept
from benchmarks.learning.report import machine_lines, tables
from benchmarks.learning.results import (
    RISING,
    SCHEMA_VERSION,
    LabellingRun,
    LearnerRun,
    LearningResults,
    LearnTimes,
    LoopRun,
    SnapshotRun,
    StoreRun,
    StoreStep,
    SwapRun,
)
from benchmarks.learning.run import PARTS, plan_and_out
from benchmarks.machine import Machine
from benchmarks.percentiles import Percentiles
from benchmarks.show import markdown_tables

MACHINE = Machine("a processor", 2, 8.0, "Linux", "3.11.7", "4.3.1", {"numpy": "2.4"})


def loop_run(
    system: str, p99: float, late_labels: int = 0, rate: float = 1_000.0, lag_after_s: float = 0.5
) -> LoopRun:
    swapping = system != "held"
    learn = LearnTimes({"2.0": 50, "5.0": 100 - late_labels, "7.5": 100, "inf": 100}, 100, 103)
    return LoopRun(
        system=system,
        rate=rate,
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
        busy_cores=1.7,
        lag_before_s=0.4,
        lag_after_s=lag_after_s,
        load_average=1.5,
    )


def results(
    late_labels: int = 0, longest_pause: float = 4.0, forest_rows: float = 2_600.0
) -> LearningResults:
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
            loop_run(RISING, 30.0, rate=2_000.0),
            loop_run(RISING, 90.0, rate=5_000.0, lag_after_s=1.5),
        ],
        swap=SwapRun(
            100, 69_000, [3.0, 5.0], [2.0, longest_pause], [0.1, 0.1], [0.1, 0.5], [0.4] * 2, [0.2] * 2
        ),
        learners=[
            learner_run(
                "boost", [6_000.0, 6_600.0, 6_200.0], publish_ms=[2.0, 9.0, 3.0], tree_ms=[30.0, 34.0]
            ),
            learner_run(FOREST, [forest_rows], average_precision=0.80),
            learner_run(TWIN, [400.0], average_precision=0.81),
            learner_run(PEER, [1_000.0, 1_240.0, 1_300.0], average_precision=0.83),
        ],
        snapshots=[
            SnapshotRun(
                *("boost", 20, 1_070, 36_400),
                *([0.8, 0.7, 0.9], [0.1], [2.0], [8.0], [1.4, 1.2, 1.3], [0.24]),
            )
        ],
        labelling=[
            LabellingRun("RocksDB", 100_000, 6_000, 17_000.0, 553.2),
            LabellingRun("memory", 100_000, 6_000, 68_000.0, 0.0),
        ],
        store=StoreRun(
            1_000,
            [store_step(rows, cpu_us) for rows, cpu_us in zip(range(100, 1_100, 100), COSTS, strict=True)]
            + [StoreStep(1_100, 1_000, 60.0, 1.0, 500_000, 300.0, 9)],
            2.0,
            330_000,
        ),
    )


COSTS = (10.0, 20.0, 40.0, 41.0, 42.0, 43.0, 44.0, 45.0, 48.0, 50.0)
"""CPU microseconds; a seventh of the rows are taken before the first matures."""


def store_step(rows: int, cpu_us: float) -> StoreStep:
    return StoreStep(rows, rows, cpu_us, 0.01, 500 * rows, 300.0, 9)


def learner_run(
    name: str,
    rows_per_second: list[float],
    *,
    average_precision: float = 0.7,
    publish_ms: list[float] | None = None,
    tree_ms: list[float] | None = None,
) -> LearnerRun:
    return LearnerRun(
        learner=name,
        grown=20_000,
        rows_per_second=rows_per_second,
        judged=11_000,
        frauds=700,
        auc=0.95,
        average_precision=average_precision,
        tree_ms=tree_ms or [],
        publish_ms=publish_ms or [],
        bytes=54_000 if publish_ms else 0,
    )


def text(found: LearningResults) -> str:
    return markdown_tables("Learning", "x.json", machine_lines(found), tables(found))


def rows(title: str) -> dict[str, list[str]]:
    [table] = [table for table in tables(results()) if title in table.title]
    return {row[0]: list(row[1:]) for row in table.rows}


def test_time_to_learn_pools_the_runs_and_gives_the_bounds_of_each_quantile() -> None:
    together = rows("Time to learn at 1,000")["together"]
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
    assert found["boost"] == ["6,200", "6,000 to 6,600", "5.00", "0.950", "0.700", "32.0", "3.0", "9.0", "54"]
    assert found[PEER][2:] == ["1.00", "0.950", "0.830", "", "", "", ""]


def test_a_forest_must_be_fast_and_as_good_as_rivers() -> None:
    told = text(results())
    assert f"2,600 rows/s; against {TWIN} AUC +0.000, average precision -0.010: hit." in told
    assert f"2,600 rows/s; against {PEER} AUC +0.000, average precision -0.030: MISS." in told
    assert text(results(forest_rows=499.0)).count("MISS") == 2


def test_the_highest_rate_that_was_kept_is_told() -> None:
    assert rows("rising rates")["2,000"][:4] == ["yes", "100", "0 to 2 s", "2 to 5 s"]
    assert rows("rising rates")["5,000"][0] == "no"
    told = text(results())
    assert "Of 2,000, 5,000 transactions a second the highest that this machine keeps is 2,000;" in told


def test_a_rate_is_kept_while_neither_lag_nor_sender_falls_back_by_a_second() -> None:
    assert is_kept(lag_growth_s=0.9, sender_late_s=0.9)
    assert not is_kept(lag_growth_s=1.0, sender_late_s=0.0)
    assert not is_kept(lag_growth_s=-1.0, sender_late_s=1.0)


def test_a_run_at_a_higher_rate_is_in_no_table_of_the_turns() -> None:
    assert rows("Time to learn at 1,000").keys() == {"run 1", "run 2", "together"}
    assert RISING not in rows("from due to scored")


def test_a_snapshot_is_told_by_its_size() -> None:
    assert rows("by its size")["boost"] == ["20", "1,070", "36", "0.8", "0.1", "2.0", "8.0", "1.3", "0.24"]


def test_a_growing_store_is_compared_from_where_transactions_mature() -> None:
    assert "From 300 to 1,000 kept, CPU goes from 40.0 to 50.0 us each: 1.25 times." in text(results())
    assert rows("as its store grows")["200"] == [
        *("200", "20.0", "50,000", "10,000", "500", "0", "300", "9"),
    ]


def test_labelling_on_disk_stands_beside_memory() -> None:
    assert rows("Labelling 100,000")["RocksDB"] == ["17,000", "0.25", "553", "6,000"]


def test_every_line_of_a_table_has_the_same_cells() -> None:
    for block in text(results()).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_a_part_that_was_not_measured_has_no_table() -> None:
    nothing = LearningResults("2026-01-31", "", MACHINE, 0.4)
    assert list(tables(nothing)) == []
    assert "Load average 0.4 before the start." in machine_lines(nothing)


def test_the_json_form_holds_every_run_by_the_documented_names() -> None:
    found = json.loads(results().to_json())
    assert found["schema_version"] == SCHEMA_VERSION
    assert [run["ms"]["p99"] for run in found["loop"]] == [30, 20, 34, 12, 30, 90]
    assert found["loop"][0]["learn"]["at_most"]["5.0"] == 100
    assert found["swap"]["put_ms"] == [0.1, 0.5]


def test_without_arguments_everything_is_measured_at_a_thousand_a_second() -> None:
    plan, out = plan_and_out([])
    assert (plan.parts, plan.loop.rate, out) == (PARTS, 1_000.0, None)
    assert plan.loop.transactions == 100_000 + 4 * 30_000 + 30 * (1_000 + 2_000 + 3_000 + 5_000)


def test_systems_take_turns_in_either_order() -> None:
    assert turns(1) == ["swapping", "held"]
    assert turns(2) == ["swapping", "held", "held", "swapping"]


def test_a_single_part_can_be_measured() -> None:
    plan, _ = plan_and_out(["--only", "loop", "--rounds", "1"])
    assert (plan.parts, plan.loop.rounds, plan.loop.rates) == (("loop",), 1, ())


def test_how_far_the_store_grows_is_asked_for() -> None:
    plan, out = plan_and_out(["--only", "store", "--rows", "10000000", "--out", "x.json"])
    assert (plan.store.rows, plan.loop.transactions, str(out)) == (10_000_000, 100_000, "x.json")
