"""The model's figures from a report of the benchmarks: what one worker cost on a real Kafka.

CPU of a batch and of a transaction in it come from two sources. The stages give the core's part directly, by
batch size. The rest (delivery, Kafka's client) is what full load and the runs at low rates cost above it: at
low rates batches are small, so what a batch costs shows there, and what the worker does by itself does too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
from scipy.optimize import nnls

from agents.runtime.options import DeliveryOptions
from benchmarks.capacity import paper
from benchmarks.capacity.costs import Costs, Stalls
from benchmarks.service import BenchmarkFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MODE: Final = "exactly-once"
READER: Final = "exactly-once, any reader"
_PARTS: Final = ("stages", "full_load", "latency")
_USUAL_RATE: Final = 1_000.0
_ROUNDS: Final = 100
_MICRO: Final = 1e6


@dataclass(frozen=True)
class AtRate:
    """One worker as it was measured at a rate; medians of the rounds.

    Attributes:
        rate: transactions a second.
        p50_ms: from due to seen by a reader that does not wait for commits.
        p99_ms: the same, of 99 in 100.
        p999_ms: the same, of 999 in 1,000.
        cpu_us: CPU microseconds a transaction.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    cpu_us: float


@dataclass(frozen=True)
class Calibration:
    """A worker's costs, and the measured figures that they are held to.

    Attributes:
        file: name of the report's JSON.
        date: of its start.
        machine: where, in words.
        costs: that the model works with.
        core_batch_us: CPU microseconds of the core alone for a batch.
        core_event_us: the same for a transaction in it.
        own_stalls: fitted to the worker's own tail at about 1,000 transactions a second, not to the echo's.
        at_rate: ascending rates.
        full_load_cpu_us: CPU microseconds a transaction.
        full_load_rate: transactions a second.
    """

    file: str
    date: str
    machine: str
    costs: Costs
    core_batch_us: float
    core_event_us: float
    own_stalls: Stalls
    at_rate: list[AtRate]
    full_load_cpu_us: float
    full_load_rate: float


def newest(folder: Path) -> Path:
    """The report with the latest date that measured every part.

    Raises:
        BenchmarkFailed: there is none.
    """
    for path in sorted(folder.glob("*.json"), reverse=True):
        if _is_whole(orjson.loads(path.read_bytes())):
            return path
    raise BenchmarkFailed(
        f"There is no report with {', '.join(_PARTS)} in {folder}: name one by --calibrate."
    )


def read(path: Path) -> Calibration:
    """Calibrate by a report of `benchmarks/run.py`.

    Raises:
        BenchmarkFailed: the report lacks a part.
    """
    report = orjson.loads(path.read_bytes())
    if not _is_whole(report):
        raise BenchmarkFailed(f"{path.name} is no report with all of {', '.join(_PARTS)}.")
    echo, worker = _at_rates(report, "echo"), _at_rates(report, READER)
    loads = _runs(report, "full_load", MODE)
    cpu, rate = (median(run[name] for run in loads) for name in ("cpu_us_per_event", "events_per_second"))
    usual = min(worker, key=lambda each: abs(each.rate - _USUAL_RATE))
    core = core_costs(report["stages"]["together"])
    delay = median(each.p50_ms for each in echo) / 1e3
    unfitted = Costs(
        batch=core[0] / _MICRO,
        event=core[1] / _MICRO,
        background=0.0,
        delay=delay,
        hold=delay / 2.0,  # a commit waits until its outputs have arrived: one way of the echo's two
        interval=DeliveryOptions.commit_interval,
        pace=DeliveryOptions.batch_interval,
        most=DeliveryOptions.chunk_size,
        stalls=_stalls(echo),
    )
    machine = report["machine"]
    return Calibration(
        file=path.name,
        date=report["date"],
        machine=f"{machine['cpu']}, {machine['cores']} cores; Kafka {machine['kafka']} beside the worker",
        costs=fitted(unfitted, [(each.rate, each.cpu_us) for each in worker], (rate, cpu)),
        core_batch_us=core[0],
        core_event_us=core[1],
        own_stalls=_stalls([usual]),
        at_rate=worker,
        full_load_cpu_us=cpu,
        full_load_rate=rate,
    )


def core_costs(together: dict[str, float]) -> tuple[float, float]:
    """Microseconds of a batch and of a transaction in it, by what a transaction costs at each batch size.

    Least squares of the relative errors: else the largest batch alone would decide.
    """
    sizes, costs = np.array([float(size) for size in together]), np.array(list(together.values()))
    parts = np.stack([1.0 / sizes, np.ones_like(sizes)], axis=1) / costs[:, None]
    (batch, event), _ = nnls(parts, np.ones_like(sizes))
    return float(batch), float(event)


def fitted(core: Costs, low: Sequence[tuple[float, float]], full: tuple[float, float]) -> Costs:
    """Add to the core's costs what the rest of the worker takes, nothing less than 0.

    How many transactions share a batch at a rate follows from the costs, and they from it: both are brought
    into agreement by turns.

    Args:
        core: with the costs of the core alone.
        low: pairs of rate and CPU microseconds a transaction, with batches as they come.
        full: the same with full batches.
    """
    rates = np.array([*(rate for rate, _ in low), full[0]])
    measured = np.array([*(cpu for _, cpu in low), full[1]])
    found = core
    for _ in range(_ROUNDS):
        sizes = np.array([*(paper.mean_batch(found, rate) for rate, _ in low), core.most])
        known = _MICRO * (core.batch / sizes + core.event)
        parts = np.stack([1.0 / sizes, np.ones_like(sizes), 1.0 / rates], axis=1)
        (batch, event, idle), _ = nnls(parts / measured[:, None], (measured - known) / measured)
        found = replace(
            core,
            batch=core.batch + float(batch) / _MICRO,
            event=core.event + float(event) / _MICRO,
            background=float(idle) / _MICRO,
        )
    return found


def cpu_microseconds(costs: Costs, rate: float, batch: float) -> float:
    """CPU microseconds a transaction at a rate, in batches of so many."""
    return _MICRO * (costs.batch / batch + costs.event + costs.background / rate)


def _is_whole(report: Any) -> bool:
    return isinstance(report, dict) and all(report.get(part) for part in _PARTS)


def _runs(report: dict[str, Any], part: str, system: str) -> list[dict[str, Any]]:
    runs = [run for run in report[part] if run["system"] == system]
    if not runs:
        raise BenchmarkFailed(f"The report's {part} has no runs of {system}.")
    return runs


def _at_rates(report: dict[str, Any], system: str) -> list[AtRate]:
    runs = _runs(report, "latency", system)
    found = []
    for rate in sorted({run["rate"] for run in runs}):
        mine = [run for run in runs if run["rate"] == rate]
        p50, p99, p999 = (median(run["ms"][name] for run in mine) for name in ("p50", "p99", "p999"))
        found.append(AtRate(rate, p50, p99, p999, median(run["cpu_us_per_event"] for run in mine)))
    return found


def _stalls(measured: Sequence[AtRate]) -> Stalls:
    p50, p99, p999 = (
        median(getattr(each, name) for each in measured) / 1e3 for name in ("p50_ms", "p99_ms", "p999_ms")
    )
    return Stalls.fitted(p50, p99, p999)
