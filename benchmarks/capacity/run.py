"""Says how many workers a load needs, which two cores cannot measure: a model with measured costs.

    make bench-capacity ARGS="--out benchmarks/results/2026-01-31-capacity.json"

Nothing needs to run: the costs come from a report of the benchmarks. The README.md of the benchmarks says
what is modelled and what is not.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import datetime
from pathlib import Path

from benchmarks import program
from benchmarks.capacity import calibration, model, plots, traffic
from benchmarks.capacity.report import machine_lines, tables
from benchmarks.capacity.results import CapacityResults
from benchmarks.show import markdown_tables, show_tables

_REPORTS = Path(__file__).parents[1] / "results"
_BEYOND = 6


def measure(report: Path) -> CapacityResults:
    """Ask the model everything.

    Raises:
        BenchmarkFailed: the report lacks what the model needs.
    """
    started = datetime.now().astimezone()
    found = calibration.read(report)
    scenarios = [traffic.steady(model.RATE), traffic.burst(model.RATE / 5.0), traffic.burst(model.RATE)]
    shares = traffic.partition_shares(model.PARTITIONS)
    program.tell(f"calibrated by {found.file}; holding the model to it")
    measured, events = list(model.against_measured(found)), list(model.against_events(found.costs))
    runs = []
    for scenario in scenarios:
        program.tell(scenario.name)
        runs.append(model.scenario_run(scenario, found.costs, shares))
    program.tell("rebalances")
    first = max(2, runs[0].least or model.PARTITIONS)
    last = min(first + _BEYOND, model.PARTITIONS - 1)
    recovering = model.Recoveries(found.costs, shares)
    recovered = [recovering.run(event, each) for event in model.EVENTS for each in range(first, last + 1)]
    program.tell("what if things were different")
    return CapacityResults(
        date=started.isoformat(timespec="seconds"),
        command=shlex.join(sys.argv[1:]),
        calibration=found,
        full_load_rate=found.costs.capacity,
        against_measured=measured,
        against_events=events,
        scenarios=runs,
        recoveries=recovered,
        variants=list(model.variants(found, scenarios)),
    )


def main() -> None:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, help="JSON file for the figures; report and plots go beside it")
    parser.add_argument(
        "--calibrate", type=Path, help="JSON report of `make bench` (the newest that is whole)"
    )
    options = parser.parse_args()
    results = program.measured(lambda: measure(options.calibrate or calibration.newest(_REPORTS)))
    lines, found = machine_lines(results), list(tables(results))
    show_tables(lines, found)
    if options.out is not None:
        names = plots.write(results, options.out)
        title = "Capacity: how many workers"
        program.write(
            results,
            options.out,
            lambda raw: markdown_tables(title, raw, lines, found) + plots.markdown(names),
        )


if __name__ == "__main__":
    main()
