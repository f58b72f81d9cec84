"""One content for terminal, Markdown and JSON: limits beside figures, targets told in words."""

from __future__ import annotations

import json

import pytest

from benchmarks.machine import Machine
from benchmarks.peers.full_load import check
from benchmarks.percentiles import Percentiles
from benchmarks.report import tables
from benchmarks.results import SCHEMA_VERSION, LatencyRun, LoadRun, Results
from benchmarks.run import PARTS, plan_and_out
from benchmarks.service import BenchmarkFailed
from benchmarks.show import markdown

MACHINE = Machine("a processor", 2, 8.0, "Linux", "3.11.7", "4.3.1", {"numpy": "2.4"})


def load_run(system: str, cost: float, alerts: int = 137) -> LoadRun:
    return LoadRun(system, 60_000, cost, 1e6 / cost, 65_000, alerts, 1.5)


def latency_run(system: str, p99: float, rate: float = 1_000.0) -> LatencyRun:
    return LatencyRun(system, rate, 30_000, Percentiles(3.0, p99, 2 * p99, 3 * p99), 80.0, 0.2, 1.1, 1.5)


def results() -> Results:
    return Results(
        date="2026-01-31T12:00:00+00:00",
        command="--out x.json",
        machine=MACHINE,
        stages={"decode": {"1": 9.3, "100": 9.0}},
        full_load=[
            load_run("core loop", 40),
            load_run("exactly-once", 60),
            load_run("core loop", 50),
            load_run("exactly-once", 57),
            load_run("core loop", 41),
            load_run("exactly-once", 61.5),
        ],
        latency=[
            latency_run("echo", 10),
            latency_run("at-least-once", 24.9),
            latency_run("exactly-once, any reader", 50.1),
            latency_run("echo", 4, rate=200.0),
        ],
    )


def rows(title: str) -> dict[str, list[str]]:
    [table] = [table for table in tables(results()) if title in table.title]
    return {row[0]: list(row[1:]) for row in table.rows}


def test_full_load_gives_medians_and_their_ratio_to_the_loop_of_the_same_run() -> None:
    found = rows("Full load")
    assert found["exactly-once"][:3] == ["60.0", "57.0 to 61.5", "1.46"]
    assert found["core loop"][2] == "1.00"


def test_latency_stands_beside_the_echos_of_the_same_rate() -> None:
    columns = next(table.columns for table in tables(results()) if "1,000 transactions" in table.title)
    row = dict(zip(columns[1:], rows("1,000 transactions")["at-least-once"], strict=True))
    assert (row["p50"], row["p99"], row["p99 - echo"]) == ("3.0", "24.9", "+14.9")


def test_each_target_is_said_to_be_hit_or_missed_by_its_distance_to_the_echo() -> None:
    text = markdown(results(), "x.json")
    assert "at-least-once: p50 +0.0 ms to the echo, target +3: hit." in text
    assert "at-least-once: p99 +14.9 ms to the echo, target +15: hit." in text
    assert "exactly-once, any reader: p99 +40.1 ms to the echo, target +40: MISS." in text
    assert text.count("target") == 4, "they are targets of 1,000 a second alone"


def test_every_line_of_a_markdown_table_has_the_same_cells() -> None:
    for block in markdown(results(), "x.json").split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_the_json_form_holds_every_run_by_the_documented_names() -> None:
    found = json.loads(results().to_json())
    assert found["schema_version"] == SCHEMA_VERSION
    assert found["machine"]["cores"] == 2
    assert [run["cpu_us_per_event"] for run in found["full_load"]] == [40, 60, 50, 57, 41, 61.5]
    assert found["latency"][0]["ms"] == {"p50": 3, "p99": 10, "p999": 20, "max": 30}


def test_systems_that_made_different_numbers_of_alerts_are_not_compared() -> None:
    check([load_run("core loop", 40), load_run("exactly-once", 60), load_run("poll loop", 1, alerts=0)])
    with pytest.raises(BenchmarkFailed, match="different numbers"):
        check([load_run("core loop", 40), load_run("exactly-once", 60, alerts=136)])


def test_without_arguments_everything_is_measured() -> None:
    plan, out = plan_and_out([])
    assert (plan.parts, plan.rounds, out) == (PARTS, 3, None)
    assert plan.messages >= 65_000


def test_a_single_part_can_be_measured() -> None:
    plan, _ = plan_and_out(["--only", "latency", "--rounds", "1"])
    assert (plan.parts, plan.rounds) == (("latency",), 1)
