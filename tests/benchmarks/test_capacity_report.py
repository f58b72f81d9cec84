"""The capacity report: calibrated by a whole report only, its errors told, its answer in words and plots."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import orjson
import pytest

from benchmarks.capacity import calibration, paper, plots
from benchmarks.capacity.costs import Costs, Stalls
from benchmarks.capacity.model import EVENTS, LOST
from benchmarks.capacity.report import machine_lines, tables
from benchmarks.capacity.results import (
    AgainstMeasured,
    CapacityResults,
    Quantiles,
    RecoveryRun,
    ScenarioRun,
    Variant,
    WorkersRun,
)
from benchmarks.service import BenchmarkFailed
from benchmarks.show import markdown_tables
from fraudstream.backtest.report.plots import Series

if TYPE_CHECKING:
    from pathlib import Path

COSTS = Costs(700e-6, 50e-6, 0.1, 3.5e-3, 1.75e-3, 0.2, 0.0, 100, Stalls(4e-3, 0.03))
INFINITE = float("inf")


def report(**changed: object) -> bytes:
    """A report of the benchmarks, as `benchmarks/run.py` writes it."""
    latency = [
        {
            "system": system,
            "rate": rate,
            "ms": {"p50": p50 + rate / 1e3, "p99": p99, "p999": 2 * p99},
            "cpu_us_per_event": cpu,
        }
        for system, p50, p99 in (("echo", 3.0, 9.0), (calibration.READER, 5.0, 20.0))
        for rate, cpu in ((200.0, 1_400.0), (1_000.0, 740.0))
    ]
    load = {"system": calibration.MODE, "cpu_us_per_event": 65.0, "events_per_second": 15_500.0}
    whole = {
        "date": "2026-01-31T12:00:00+00:00",
        "machine": {"cpu": "a processor", "cores": 2, "kafka": "4.3.1"},
        "stages": {"together": {"1": 302.0, "100": 30.0}},
        "full_load": [load],
        "latency": latency,
    }
    return orjson.dumps(whole | changed)


def workers_run(workers: int, p99: float, late: float) -> WorkersRun:
    hottest = 50_000.0 / workers
    is_stable = paper.utilisation(COSTS, hottest) < 1.0
    formula = 7.0 if is_stable else None
    ms = Quantiles(p99 / 3, p99, 2 * p99)
    return WorkersRun(workers, hottest, hottest / 14_250.0, formula, formula, ms, late, 0.0, [p99, p99 / 2])


def results() -> CapacityResults:
    names = ["steady 50,000/s", "burst 10,000/s to 50,000/s", "burst 50,000/s to 250,000/s"]
    runs = [workers_run(3, INFINITE, 1.0), workers_run(4, 23.0, 0.0), workers_run(5, 19.0, 0.0)]
    as_is = dict.fromkeys(names, 4) | dict.fromkeys(EVENTS, 4) | {LOST: 7}
    return CapacityResults(
        date="2026-01-31T13:00:00+00:00",
        command="--out x.json",
        calibration=calibration.Calibration(
            file="2026-01-31-two-core-vm.json",
            date="2026-01-31T12:00:00+00:00",
            machine="a processor",
            costs=COSTS,
            core_batch_us=280.0,
            core_event_us=27.0,
            own_stalls=Stalls(6e-3, 0.1),
            at_rate=[],
            full_load_cpu_us=65.0,
            full_load_rate=15_000.0,
        ),
        full_load_rate=14_250.0,
        against_measured=[AgainstMeasured(200.0, Quantiles(4, 10, 20), Quantiles(5, 8, 40), 1_400, 1_400)],
        against_events=[],
        scenarios=[ScenarioRun(name, 64, 4, 4, runs) for name in names],
        recoveries=[RecoveryRun(LOST, 4, INFINITE, None, 1.0, [0.0, 5.0, 10.0])],
        variants=[
            Variant("as measured, 64 partitions", as_is),
            Variant("stalls as in the worker's own tail", as_is | {names[0]: 5, names[2]: None}),
        ],
    )


def text(found: CapacityResults) -> str:
    return markdown_tables("Capacity", "x.json", machine_lines(found), tables(found))


def test_the_newest_whole_report_calibrates_whatever_else_lies_beside_it(tmp_path: Path) -> None:
    for name, content in (
        ("2026-01-30-two-core-vm.json", report()),
        ("2026-01-31-two-core-vm.json", report()),
        ("2026-02-01-only-latency.json", report(stages={}, full_load=[])),
        ("2026-02-02-learning.json", b'{"loop": [], "swap": null}'),
    ):
        (tmp_path / name).write_bytes(content)
    assert calibration.newest(tmp_path).name == "2026-01-31-two-core-vm.json"


def test_without_a_whole_report_nothing_is_calibrated(tmp_path: Path) -> None:
    path = tmp_path / "part.json"
    path.write_bytes(report(latency=[]))
    with pytest.raises(BenchmarkFailed, match="name one by --calibrate"):
        calibration.newest(tmp_path)
    with pytest.raises(BenchmarkFailed, match=r"part\.json is no report"):
        calibration.read(path)


def test_a_report_without_the_worker_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "loops.json"
    path.write_bytes(report(full_load=[{"system": "poll loop"}]))
    with pytest.raises(BenchmarkFailed, match="has no runs of exactly-once"):
        calibration.read(path)


def test_the_model_costs_what_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "whole.json"
    path.write_bytes(report())
    found = calibration.read(path)
    for each in found.at_rate:
        batch = paper.mean_batch(found.costs, each.rate)
        assert calibration.cpu_microseconds(found.costs, each.rate, batch) == pytest.approx(each.cpu_us, 0.02)
    full = calibration.cpu_microseconds(found.costs, found.full_load_rate, found.costs.most)
    assert full == pytest.approx(found.full_load_cpu_us, 0.02)
    assert found.costs.delay == pytest.approx(3.6e-3), "the median of the echo's medians"
    assert found.own_stalls == Stalls.fitted(6e-3, 20e-3, 40e-3), "of the worker at 1,000 a second"


def test_the_answer_stands_first_with_its_careful_variant_beside_it() -> None:
    first = next(tables(results()))
    by_load = {row[0]: list(row[1:]) for row in first.rows}
    assert by_load["steady 50,000/s"] == ["4", "4", "5"]
    assert by_load["burst 50,000/s to 250,000/s"] == ["4", "4", "none"]
    assert by_load[f"steady 50,000/s, {LOST} in the hour"] == ["", "7", "7"]


def test_the_models_errors_are_told_with_their_sign() -> None:
    told = text(results())
    assert "| 200/s | p50 ms | 4.0 | 5.0 | -1.0 | -20 |" in told
    assert "| 200/s | p99 ms | 10.0 | 8.0 | +2.0 | +25 |" in told
    assert "| never idle | transactions a second | 14,250 | 15,000 | -750 | -5 |" in told


def test_what_is_never_seen_is_no_number_of_milliseconds() -> None:
    told = text(results())
    assert "| 3 | 16,667 | 117% | never | never | never | 100.00% | 0.0 |  |  |" in told
    assert "| one killed, not replaced | 4 | grows | not in an hour | 100.00% | no |" in told


def test_every_line_of_a_table_has_the_same_cells() -> None:
    for block in text(results()).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_the_json_form_has_null_for_what_never_ends() -> None:
    found = json.loads(results().to_json())
    assert found["scenarios"][0]["runs"][0]["ms"]["p99"] is None
    assert found["scenarios"][0]["runs"][1]["ms"]["p99"] == 23.0
    assert found["calibration"]["costs"]["most"] == 100


def test_plots_are_whole_files_with_every_line_in_its_frame(tmp_path: Path) -> None:
    names = plots.write(results(), tmp_path / "new" / "x.json")
    assert names == ["x-workers.svg", "x-burst.svg", "x-lost.svg"]
    for name, chart in zip(names, plots.charts(results()).values(), strict=True):
        root = ET.fromstring((tmp_path / "new" / name).read_text())  # noqa: S314 - we wrote it
        drawn = [each for each in root.iter() if each.tag.endswith("polyline")]
        assert len(drawn) == len(chart.series)
        for line in drawn:
            points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
            assert all(78 <= x <= 600 and 34 <= y <= 296 for x, y in points)
        assert name in plots.markdown(names)


def test_a_plot_of_nothing_is_an_empty_frame() -> None:
    empty = plots.Chart("nothing", "x", [Series("none", [], "#000")])
    assert "<svg" in plots.svg(empty)
    assert "<svg" in plots.svg(replace(empty, is_log=True))
