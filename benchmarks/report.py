"""Results as tables and sentences: one content, shown on a terminal and written as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.machine import Machine
    from benchmarks.results import LatencyRun, LoadRun, Results

_LATENCY_COLUMNS: Final = (
    *("system", "p50", "p99", "p99.9", "max", "p50 - echo", "p99 - echo"),
    *("CPU us an event", "sender late p99", "sender late max"),
)
TARGET_RATE: Final = 1_000.0
TARGETS: Final = {"at-least-once": (3.0, 15.0), "exactly-once, any reader": (5.0, 40.0)}
"""Most milliseconds that p50 and p99 may lie above the echo's, at the target's rate."""


@dataclass(frozen=True)
class Table:
    """A table of words and figures; the first column names the row."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    sentences: Sequence[str] = ()


def tables(results: Results) -> Iterator[Table]:
    """Yield a table for each part that was measured."""
    if results.stages:
        yield _stages(results.stages)
    if results.full_load:
        yield _full_load(results.full_load)
    for rate in sorted({run.rate for run in results.latency}):
        yield _latency(rate, [run for run in results.latency if run.rate == rate])


def where(machine: Machine, date: str, command: str) -> list[str]:
    """On which machine, when and by which command figures were measured, in lines."""
    return [
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB; {machine.system}",
        f"Python {machine.python}, Apache Kafka {machine.kafka} on the same machine, "
        + ", ".join(f"{name} {version}" for name, version in machine.packages.items()),
        f"{date}, {command}".rstrip(),
    ]


def machine_lines(results: Results) -> list[str]:
    """Where and when, in lines."""
    machine = results.machine
    loads = [run.load_average for run in (*results.full_load, *results.latency)]
    lines = where(machine, results.date, f"benchmarks/run.py {results.command}")
    if loads:
        lines.append(
            f"Load average {min(loads):.1f} to {max(loads):.1f} on {machine.cores} cores, "
            "the benchmark's own processes included."
        )
    return lines


def _stages(stages: dict[str, dict[str, float]]) -> Table:
    sizes = list(next(iter(stages.values())))
    rows = [[stage, *(f"{costs[size]:.1f}" for size in sizes)] for stage, costs in stages.items()]
    return Table("CPU microseconds an event, by stage and batch size", ["stage", *sizes], rows)


def _full_load(runs: Sequence[LoadRun]) -> Table:
    by_system = {system: [run for run in runs if run.system == system] for system in _systems(runs)}
    costs = {system: [run.cpu_us_per_event for run in mine] for system, mine in by_system.items()}
    limit = median(costs["core loop"])
    rows = [
        [
            system,
            f"{median(costs[system]):.1f}",
            f"{min(costs[system]):.1f} to {max(costs[system]):.1f}",
            f"{median(costs[system]) / limit:.2f}",
            f"{median(run.events_per_second for run in mine):,.0f}",
            f"{mine[0].scores:,}",
            f"{mine[0].alerts:,}",
        ]
        for system, mine in by_system.items()
    ]
    return Table(
        f"Full load: a backlog of {runs[0].count:,} transactions on Kafka, one process",
        ["system", "CPU us an event", "its runs", "x core loop", "events/s", "scores", "alerts"],
        rows,
    )


def _latency(rate: float, runs: Sequence[LatencyRun]) -> Table:
    by_system = {system: [run for run in runs if run.system == system] for system in _systems(runs)}
    echo = by_system["echo"]
    rows = [_latency_row(system, mine, echo) for system, mine in by_system.items()]
    return Table(
        f"Milliseconds from due to seen, at {rate:,.0f} transactions a second ({runs[0].count:,} in a run)",
        _LATENCY_COLUMNS,
        rows,
        list(_verdicts(by_system, echo)) if rate == TARGET_RATE else (),
    )


def _latency_row(system: str, runs: Sequence[LatencyRun], echo: Sequence[LatencyRun]) -> list[str]:
    return [
        system,
        f"{_p50(runs):.1f}",
        f"{_p99(runs):.1f}",
        f"{_median(run.ms.p999 for run in runs):.1f}",
        f"{max(run.ms.max for run in runs):.1f}",
        f"{_p50(runs) - _p50(echo):+.1f}",
        f"{_p99(runs) - _p99(echo):+.1f}",
        f"{_median(run.cpu_us_per_event for run in runs):.0f}",
        f"{_median(run.sender_late_p99_ms for run in runs):.1f}",
        f"{max(run.sender_late_max_ms for run in runs):.1f}",
    ]


def _verdicts(by_system: dict[str, list[LatencyRun]], echo: Sequence[LatencyRun]) -> Iterator[str]:
    for system, (most_p50, most_p99) in TARGETS.items():
        if system in by_system:
            p50, p99 = _p50(by_system[system]) - _p50(echo), _p99(by_system[system]) - _p99(echo)
            yield f"{system}: p50 {p50:+.1f} ms to the echo, target {most_p50:+.0f}: {_word(p50, most_p50)}."
            yield f"{system}: p99 {p99:+.1f} ms to the echo, target {most_p99:+.0f}: {_word(p99, most_p99)}."


def _word(found: float, most: float) -> str:
    return "hit" if found <= most else "MISS"


def _systems(runs: Iterable[LoadRun | LatencyRun]) -> list[str]:
    """The systems in the order of their first run."""
    return list(dict.fromkeys(run.system for run in runs))


def _p50(runs: Iterable[LatencyRun]) -> float:
    return _median(run.ms.p50 for run in runs)


def _p99(runs: Iterable[LatencyRun]) -> float:
    return _median(run.ms.p99 for run in runs)


def _median(values: Iterable[float]) -> float:
    return float(median(values))
