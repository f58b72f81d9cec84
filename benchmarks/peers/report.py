"""The comparison as a table, a plot and sentences, targets told to be hit or missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.peers.results import TargetFigures
from benchmarks.plots import bar_file
from benchmarks.report import Table, where
from fraudstream.backtest.report.plots import COLOURS, REFERENCE_COLOUR, Bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.peers.results import PeerResults, SystemFigures

OURS: Final = "fraudstream"
AT_LEAST: Final = {
    "librdkafka-loop": 1.0,
    "kafka-streams": 1.5,
    "bytewax-micro-batch": 2.5,
    "quixstreams": 10.0,
}
"""How many times fraudstream's CPU time of a transaction each of them is to take."""


def targets(costs: Mapping[str, float]) -> list[TargetFigures]:
    """The targets of what was measured, given each system's CPU time of a transaction."""
    if OURS not in costs:
        return []
    reached = {peer: costs[peer] / costs[OURS] for peer in AT_LEAST if peer in costs}
    return [
        TargetFigures(peer, AT_LEAST[peer], times, times >= AT_LEAST[peer]) for peer, times in reached.items()
    ]


def table(results: PeerResults) -> Table:
    """Every system, with its ratio to fraudstream."""
    ours = next((each.cpu_us_per_event for each in results.systems if each.name == OURS), None)
    return Table(
        "CPU time of one transaction, whole process",
        [
            *("system", "version", "CPU us an event", "its runs", f"x {OURS}"),
            *("events/s", "warmed by", "backlog", "alerts"),
        ],
        [_row(each, ours) for each in results.systems],
        [*map(_verdict, results.targets), *_skipped(results.skipped)],
    )


def plot(results: PeerResults) -> str:
    """CPU microseconds an event as bars, the dearest last: an SVG file."""
    ordered = sorted(results.systems, key=lambda each: each.cpu_us_per_event)
    chart = [
        Bar(
            each.name,
            each.cpu_us_per_event,
            0.0,
            COLOURS[0] if each.name.startswith(OURS) else REFERENCE_COLOUR,
        )
        for each in ordered
    ]
    return bar_file(chart)


def machine_lines(results: PeerResults) -> list[str]:
    """Where and when, in lines."""
    machine = results.machine
    loads = [run.load_average for system in results.systems for run in system.runs]
    load = f"{results.load_before:.1f} before, {min(loads):.1f} to {max(loads):.1f} after runs"
    return [
        *where(machine, results.date, f"benchmarks/peers/run.py {results.command}"),
        f"Load average {load}, on {machine.cores} cores, the benchmark's own processes included.",
    ]


def _row(system: SystemFigures, ours: float | None) -> list[str]:
    costs, last = [run.cpu_us_per_event for run in system.runs], system.runs[-1]
    return [
        system.name,
        system.version,
        f"{system.cpu_us_per_event:.1f}",
        f"{min(costs):.1f} to {max(costs):.1f}",
        f"{system.cpu_us_per_event / ours:.2f}" if ours else "",
        f"{system.wall_events_per_s:,.0f}",
        f"{last.warm:,}",
        f"{last.count:,}",
        f"{last.alerts:,}",
    ]


def _verdict(target: TargetFigures) -> str:
    word = "hit" if target.hit else "MISS"
    return (
        f"Target: {target.peer} takes at least {target.at_least:.1f} x the CPU time of {OURS}: "
        f"{target.reached:.2f} x, {word}."
    )


def _skipped(skipped: Mapping[str, str]) -> Iterator[str]:
    for name, reason in skipped.items():
        yield f"Not measured: {name}. {reason}"
