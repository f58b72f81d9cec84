"""The capacity model's answers as tables and sentences, its errors first."""

from __future__ import annotations

from math import isinf
from typing import TYPE_CHECKING, Final

from benchmarks.capacity.model import EVENTS, PARTITIONS, RATE, TARGET_SECONDS, is_hit
from benchmarks.capacity.rebalance import Pauses
from benchmarks.capacity.simulate import EVERY
from benchmarks.capacity.traffic import CARDS, HEAD
from benchmarks.report import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.capacity.results import (
        AgainstEvents,
        AgainstMeasured,
        CapacityResults,
        Quantiles,
        RecoveryRun,
        ScenarioRun,
        Variant,
        WorkersRun,
    )

TARGET_MS: Final = 1e3 * TARGET_SECONDS
_LONG_MS: Final = 10_000.0
_PAUSES: Final = Pauses()
_READERS: Final = (
    "For a reader that does not wait for commits. One that does waits {interval:g} s more on average, and no "
    "number of workers changes that."
)
_ANSWER_LIMITS: Final = (
    "The next table says how wrong the simulation is at low rates. The last column takes the worker's own "
    "tail for the machine's stalls instead of the echo's: plan with it."
)
_FITTED: Final = (
    "The costs are fitted to the CPU, so that it agrees says little. Latencies and full load are predicted: "
    "of the latencies only the echo's are used."
)
_SHARED_CORES: Final = (
    "Measured with broker, sender, worker and reader on the same cores: they get in each other's way, which "
    "the echo shows in part only."
)
_SAME_WORKER: Final = (
    "The defaults are those of the worker at hand. A report of a version with others calibrates it wrongly."
)
_BURST_COUNTS: Final = (
    "Counted are the transactions that are due in the burst's hour, whenever they are seen."
)
_TWO_SIMULATIONS: Final = (
    "Batches: a whole batch at a time, one of its transactions speaks for it, "
    f"one second in {EVERY}. Events: every transaction for itself."
)
_PAUSES_ARE: Final = (
    f"All stand still for {_PAUSES.rebalance:g} s when partitions are dealt anew (measured 0.3 to 1.0). A "
    f"killed worker is back after {_PAUSES.restart:g} s under its name, or missed after "
    f"{_PAUSES.detection:g} s: its session, less a heartbeat (29 s were measured with a session of 30 s)."
)
_RESTORE_IS: Final = (
    f"Restoring the profiles of {CARDS:,} cards takes {1e6 * _PAUSES.restore:g} us a card, of the partitions "
    "that are new to a worker. The busiest worker is the one that is lost."
)
_PARTITIONS_ARE_WHOLE: Final = (
    f"Cards' activity falls as 1 / (rank + {HEAD:.0f}). Partitions are dealt whole, as Kafka's range "
    "assignor does: with few of them a worker, one more worker may change nothing."
)
_LATE_IS: Final = (
    f"Late: longer than {TARGET_MS:.0f} ms from due to seen; p99 is within the target up to 1 %."
)


def tables(results: CapacityResults) -> Iterator[Table]:
    """Yield the answer, then what it rests on."""
    yield _answer(results)
    yield _measured(results)
    yield _events(results.against_events)
    yield _figures(results)
    for run in results.scenarios:
        yield _scenario(run)
    yield _recoveries(results.recoveries)
    yield _variants(results.variants)


def machine_lines(results: CapacityResults) -> list[str]:
    """By what and when, in lines."""
    found = results.calibration
    return [
        "Simulated, not measured: workers on one core each, with brokers and a network that keep up.",
        f"Calibrated by {found.file} ({found.date}; {found.machine}).",
        f"{results.date}, benchmarks/capacity/run.py {results.command}".rstrip(),
    ]


def _answer(results: CapacityResults) -> Table:
    as_is, careful = results.variants[0].least, results.variants[-1].least
    on_paper = {run.name: _number(run.paper_workers) for run in results.scenarios}
    rows = [
        [_load(name), on_paper.get(name, ""), _number(least), _number(careful[name])]
        for name, least in as_is.items()
    ]
    return Table(
        f"Workers for a p99 of {TARGET_MS:.0f} ms, {PARTITIONS} partitions",
        ["load", "none overloaded, on paper", "p99 hit, simulated", "the same, worker's own tail"],
        rows,
        [_READERS.format(interval=results.calibration.costs.interval / 2.0), _ANSWER_LIMITS],
    )


def _measured(results: CapacityResults) -> Table:
    rows = [row for each in results.against_measured for row in _measured_rows(each)]
    full = results.calibration.full_load_rate
    rows.append(_compared("never idle", "transactions a second", results.full_load_rate, full, digits=0))
    return Table(
        "The model against the real worker, one of each",
        ["load", "figure", "model", "measured", "model - measured", "in %"],
        rows,
        [_FITTED, _SHARED_CORES],
    )


def _measured_rows(each: AgainstMeasured) -> Iterator[list[str]]:
    load = f"{each.rate:,.0f}/s"
    for name in ("p50", "p99", "p999"):
        title = f"{name.replace('p999', 'p99.9')} ms"
        yield _compared(load, title, getattr(each.batches, name), getattr(each.measured, name))
    yield _compared(load, "CPU us an event", each.cpu_us, each.measured_cpu_us, digits=0)


def _compared(load: str, figure: str, model: float, measured: float, digits: int = 1) -> list[str]:
    difference = model - measured
    return [
        *(load, figure, f"{model:,.{digits}f}", f"{measured:,.{digits}f}"),
        *(f"{difference:+,.{digits}f}", f"{100.0 * difference / measured:+.0f}"),
    ]


def _events(checks: Iterable[AgainstEvents]) -> Table:
    rows = [
        [
            *(f"{each.utilisation:.0%}", f"{each.rate:,.0f}", *_three(each.batches), *_three(each.events)),
            *(f"{each.paper_p50:.1f}", f"{each.paper_p99:.1f}"),
        ]
        for each in checks
    ]
    kinds = [f"{name}, {kind}" for kind in ("batches", "events") for name in ("p50", "p99", "p99.9")]
    return Table(
        "The simulation against an exact one, and against paper: milliseconds, one worker",
        ["utilisation", "transactions/s", *kinds, "p50, paper", "p99, paper"],
        rows,
        [_TWO_SIMULATIONS],
    )


def _figures(results: CapacityResults) -> Table:
    found, costs = results.calibration, results.calibration.costs
    rows = [
        [
            "CPU of a batch",
            f"{1e6 * costs.batch:.0f} us",
            f"core {found.core_batch_us:.0f} us (stages), rest by rates",
        ],
        [
            "CPU of a transaction",
            f"{1e6 * costs.event:.1f} us",
            f"core {found.core_event_us:.1f} us (stages), rest by full load",
        ],
        ["CPU in the background", f"{costs.background:.1%} of a core", "commits and polls; by rates"],
        ["largest batch", f"{costs.most}", "the worker's default"],
        ["from batch to batch, at least", f"{1e3 * costs.pace:g} ms", "the worker's default"],
        ["delay without work", f"{1e3 * costs.delay:.1f} ms", "echo p50: sender, broker, reader"],
        [
            "scoring held by a commit",
            f"{1e3 * costs.hold:.1f} ms",
            f"half the delay, every {costs.interval:g} s",
        ],
        [
            "stalls",
            f"{costs.stalls.share:.1%} of the time, {1e3 * costs.stalls.mean:.1f} ms on average",
            "echo p99, p99.9",
        ],
        [
            "stalls, as in the worker's own tail",
            f"{found.own_stalls.share:.1%} of the time, {1e3 * found.own_stalls.mean:.1f} ms on average",
            "a variant only",
        ],
        [
            "capacity of a worker",
            f"{costs.capacity:,.0f} transactions/s",
            "full batches, less stalls and commits",
        ],
    ]
    return Table("What the model is made of", ["figure", "value", "from"], rows, [_SAME_WORKER])


def _scenario(run: ScenarioRun) -> Table:
    hit = f"The least is {run.least}." if run.least else f"Not hit with up to {run.partitions} workers."
    counted = [_BURST_COUNTS] if run.name.startswith("burst") else []
    return Table(
        f"Milliseconds from due to seen: {run.name}, {run.partitions} partitions",
        [
            *("workers", "busiest, transactions/s", "its utilisation", "p50", "p99", "p99.9"),
            *("late", "longest wait s", "its p50, paper", "its p99, paper"),
        ],
        [_scenario_row(each) for each in run.runs],
        [f"Target: p99 within {TARGET_MS:.0f} ms. {hit}", _LATE_IS, *counted],
    )


def _scenario_row(run: WorkersRun) -> list[str]:
    return [
        *(str(run.workers), f"{run.hottest:,.0f}", f"{run.utilisation:.0%}", *_three(run.ms)),
        *(
            f"{run.late:.2%}",
            f"{run.longest_wait:,.1f}",
            _milliseconds(run.paper_p50),
            _milliseconds(run.paper_p99),
        ),
    ]


def _recoveries(runs: Sequence[RecoveryRun]) -> Table:
    rows = [
        [
            *(
                run.event,
                str(run.workers),
                "grows" if isinf(run.longest_wait) else f"{run.longest_wait:,.1f}",
            ),
            "not in an hour" if run.caught_up is None else f"{run.caught_up:,.1f}",
            f"{run.late:.2%}",
            "yes" if is_hit(run.late) else "no",
        ]
        for run in runs
    ]
    return Table(
        f"A rebalance at {RATE:,.0f} transactions a second",
        [
            "event",
            "workers before",
            "longest wait s",
            "caught up after s",
            "late in the hour",
            "p99 within target",
        ],
        rows,
        [_LATE_IS, _PAUSES_ARE, _RESTORE_IS],
    )


def _variants(found: Sequence[Variant]) -> Table:
    names = list(found[0].least)
    return Table(
        f"Workers for a p99 of {TARGET_MS:.0f} ms when one thing is different",
        ["what", *map(_load, names)],
        [[each.name, *(_number(each.least[name]) for name in names)] for each in found],
        [_PARTITIONS_ARE_WHOLE],
    )


def _load(name: str) -> str:
    return f"steady {RATE:,.0f}/s, {name} in the hour" if name in EVENTS else name


def _number(workers: int | None) -> str:
    return "none" if workers is None else str(workers)


def _three(found: Quantiles) -> list[str]:
    return [_milliseconds(each) for each in (found.p50, found.p99, found.p999)]


def _milliseconds(found: float | None) -> str:
    if found is None:
        return ""
    if isinf(found):
        return "never"
    return f"{found:,.1f}" if found < _LONG_MS else f"{found / 1e3:,.0f} s"
