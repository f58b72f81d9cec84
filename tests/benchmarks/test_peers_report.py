"""The comparison's report: ratios to fraudstream, targets hit or MISSED by rule, nobody left out silently."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from benchmarks.machine import Machine
from benchmarks.peers.place import Place
from benchmarks.peers.report import AT_LEAST, machine_lines, plot, table, targets
from benchmarks.peers.results import SCHEMA_VERSION, PeerResults, PeerRun, SystemFigures
from benchmarks.peers.run import check_counts, plan_and_out
from benchmarks.peers.systems import SYSTEMS
from benchmarks.service import BenchmarkFailed
from benchmarks.show import markdown_tables

MACHINE = Machine("a processor", 2, 8.0, "Linux", "3.11.7", "4.3.1", {"numpy": "2.4"})
COSTS = {"fraudstream": 30.0, "librdkafka-loop": 30.0, "kafka-streams": 44.9, "quixstreams": 301.0}


def figures(name: str, cost: float) -> SystemFigures:
    runs = [PeerRun(5_000, 60_000, each, 1e6 / each, 65_000, 581, 1.5) for each in (cost - 1, cost, cost + 5)]
    return SystemFigures(name, "1.0", cost, 1e6 / cost, runs)


def results() -> PeerResults:
    return PeerResults(
        date="2026-01-31T12:00:00+00:00",
        command="--out x.json",
        machine=MACHINE,
        load_before=0.4,
        systems=[figures(name, cost) for name, cost in COSTS.items()],
        skipped={"bytewax-micro-batch": "It has no wheel for this Python."},
        targets=targets(COSTS),
    )


def test_a_target_is_hit_from_its_very_ratio_on() -> None:
    assert {each.peer: each.hit for each in targets(COSTS)} == {
        "librdkafka-loop": True,  # exactly 1.0 x
        "kafka-streams": False,  # 1.4967 x, which two digits would round up
        "quixstreams": True,
    }


@pytest.mark.parametrize("peer", AT_LEAST)
def test_every_target_can_be_missed(peer: str) -> None:
    [told] = targets({"fraudstream": 10.0, peer: 10.0 * AT_LEAST[peer] - 0.1})
    assert not told.hit


def test_without_fraudstream_nothing_is_said_of_targets() -> None:
    assert targets({"librdkafka-loop": 30.0}) == []


def test_targets_are_of_systems_that_are_measured() -> None:
    assert AT_LEAST.keys() <= {system.name for system in SYSTEMS}


def test_the_report_tells_ratios_verdicts_and_who_is_missing() -> None:
    text = markdown_tables("Peers", "x.json", machine_lines(results()), [table(results())])
    assert "| quixstreams | 1.0 | 301.0 | 300.0 to 306.0 | 10.03 |" in text
    assert "librdkafka-loop takes at least 1.0 x the CPU time of fraudstream: 1.00 x, hit." in text
    assert "kafka-streams takes at least 1.5 x the CPU time of fraudstream: 1.50 x, MISS." in text
    assert "Not measured: bytewax-micro-batch. It has no wheel for this Python." in text
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_the_plot_is_an_svg_file_with_a_bar_for_each() -> None:
    root = ET.fromstring(plot(results()))  # noqa: S314 - our own words
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root.findall("{*}rect")) == len(COSTS)


def test_the_json_form_has_the_documented_names() -> None:
    found = json.loads(results().to_json())
    assert found["schema_version"] == SCHEMA_VERSION
    assert found["machine"]["cores"] == 2
    first = found["systems"][0]
    assert (first["name"], first["cpu_us_per_event"], len(first["runs"])) == ("fraudstream", 30.0, 3)
    assert found["targets"][1] == {
        "peer": "kafka-streams",
        "at_least": 1.5,
        "reached": pytest.approx(1.4967, abs=1e-4),
        "hit": False,
    }


def test_other_counts_than_are_due_end_the_run() -> None:
    check_counts("quixstreams", (65_000, 581), (65_000, 581))
    with pytest.raises(BenchmarkFailed, match="quixstreams made"):
        check_counts("quixstreams", (65_000, 580), (65_000, 581))


def test_without_arguments_all_systems_are_measured_three_times() -> None:
    plan, out = plan_and_out([])
    assert (plan.rounds, plan.names, out) == (3, tuple(system.name for system in SYSTEMS), None)
    assert plan.long_warm >= 1_200_000


def test_a_program_is_told_its_place_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("localhost:1", "t", "s", "a", "g", "/model", "/state")
    for name, value in place.to_environment().items():
        monkeypatch.setenv(name, value)
    assert Place.of_environment() == place
