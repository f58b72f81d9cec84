"""The report on the loop: how soon labels are learnt, at which rates, and what snapshots cost."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.learning.buckets import Buckets
from benchmarks.learning.phase import AFTER_SWAP, BEFORE_SWAP, MOST_GROWTH_SECONDS, is_kept
from benchmarks.report import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.learning.results import LearnTimes, LoopRun

TARGET_SECONDS: Final = 5.0
TARGET_SHARE: Final = 0.99

_WHICH_LABELS: Final = (
    "The bounds are those of the worker's own histogram, fraudstream_time_to_learn_seconds. Labels that were "
    "told before the measurement, those older than the first model among them, are taken off."
)
_AROUND: Final = (
    f"Around a swap: due at most {1e3 * BEFORE_SWAP:.0f} ms before the first score of the new model, or "
    f"{1e3 * AFTER_SWAP:.0f} ms after."
)
_WHAT_KEPT_IS: Final = (
    f"Kept: in the measurement the transactions sent and not yet scored and labelled grew by less than "
    f"{MOST_GROWTH_SECONDS:.0f} s's worth, and the sender itself was never {MOST_GROWTH_SECONDS:.0f} s late."
)


def buckets(times: LearnTimes) -> Buckets:
    """The histogram of a run."""
    return Buckets({float(bound): count for bound, count in times.at_most.items()})


def is_learnt_in_time(told: Buckets) -> bool:
    """Whether 99 of 100 labels were learnt within the target."""
    return told.share_within(TARGET_SECONDS) >= TARGET_SHARE


def time_to_learn(runs: Sequence[LoopRun]) -> Table:
    """How soon labels were learnt, run by run and together."""
    found = [run.learn for run in runs if run.learn is not None and run.learn.labels]
    rows = [
        _learn_row(f"run {number}", buckets(each), each.sent) for number, each in enumerate(found, start=1)
    ]
    sentences = [
        f"Target: p99 under {TARGET_SECONDS:.0f} s at 1,000 transactions a second.",
        _WHICH_LABELS,
    ]
    if found:
        together = sum((buckets(each) for each in found), start=Buckets({}))
        rows.append(_learn_row("together", together, sum(each.sent for each in found)))
        word = "hit" if is_learnt_in_time(together) else "missed"
        share = together.share_within(TARGET_SECONDS)
        sentences.append(
            f"{share:.1%} of {together.total} labels were learnt within {TARGET_SECONDS:.0f} s: "
            f"the target is {word}."
        )
    return Table(
        f"Time to learn at {runs[0].rate:,.0f} transactions a second: from a label to the first transaction "
        "scored by a model that has learnt it",
        ["", "labels learnt", "labels sent", "p50", "p90", "p99", "within 2 s", "within 5 s"],
        rows,
        sentences,
    )


def _learn_row(name: str, told: Buckets, sent: int) -> list[str]:
    quantiles = ["{:g} to {:g} s".format(*told.quantile(share)) for share in (0.5, 0.9, TARGET_SHARE)]
    shares = [f"{told.share_within(bound):.1%}" for bound in (2.0, TARGET_SECONDS)]
    return [name, str(told.total), str(sent), *quantiles, *shares]


def latency(runs: Sequence[LoopRun]) -> Table:
    """What snapshots cost the transactions that were scored meanwhile."""
    systems = list(dict.fromkeys(run.system for run in runs))
    by_system = {system: [run for run in runs if run.system == system] for system in systems}
    rows = [_latency_row(system, mine) for system, mine in by_system.items()]
    for system, mine in by_system.items():
        near = [run.near_ms for run in mine if run.near_ms is not None]
        if near:
            figures = [median(each.p50 for each in near), median(each.p99 for each in near)]
            figures += [median(each.p999 for each in near), max(each.max for each in near)]
            count = sum(run.near for run in mine)
            rows.append(
                [f"{system}, {count} due around a swap", *(f"{each:.1f}" for each in figures), *[""] * 6]
            )
    sentences = [_AROUND]
    if {"swapping", "held"} <= set(by_system):
        ratios = [
            f"{name} {_middle(by_system['swapping'], name) / _middle(by_system['held'], name):.2f}"
            for name in ("p50", "p99", "p999")
        ]
        sentences.append(f"Swapping divided by held: {', '.join(ratios)}.")
    return Table(
        f"Milliseconds from due to scored at {runs[0].rate:,.0f} transactions a second, a snapshot every 2 s "
        f"against the model held ({runs[0].count:,} in a run, medians of {len(runs) // len(systems)})",
        [
            *("system", "p50", "p99", "p99.9", "max", "swaps", "compile and seal ms", "snapshot kB"),
            *("scorer CPU us an event", "learning worker's cores", "sender late p99"),
        ],
        rows,
        sentences,
    )


def _latency_row(system: str, runs: Sequence[LoopRun]) -> list[str]:
    compiled = [run.snapshot_ms for run in runs if run.snapshot_ms is not None]
    return [
        system,
        *(f"{_middle(runs, name):.1f}" for name in ("p50", "p99", "p999")),
        f"{max(run.ms.max for run in runs):.1f}",
        str(sum(run.swaps for run in runs)),
        f"{median(compiled):.1f}" if compiled else "",
        f"{max(run.snapshot_bytes for run in runs) / 1e3:.0f}",
        f"{median(run.scorer_cpu_us for run in runs):.0f}",
        f"{median(run.learner_cpu for run in runs):.2f}",
        f"{median(run.sender_late_p99_ms for run in runs):.1f}",
    ]


def _middle(runs: Sequence[LoopRun], name: str) -> float:
    return median(float(getattr(run.ms, name)) for run in runs)


def rates(runs: Sequence[LoopRun], cores: int) -> Table:
    """Time to learn and lag at rising rates, and which is the highest that was kept."""
    kept = [run for run in runs if _is_kept(run)]
    tried = ", ".join(f"{run.rate:,.0f}" for run in runs)
    found = (
        f"the highest that this machine keeps is {kept[-1].rate:,.0f}" if kept else "this machine keeps none"
    )
    return Table(
        "Time to learn at rising rates",
        [
            *("transactions/s", "kept", "labels learnt", "time to learn p50", "p99"),
            *("due to scored p50 ms", "p99 ms", "lag before s", "lag after s", "sender late max ms"),
            *("scorer's cores", "learning worker's cores", "busy cores", "examples/s"),
        ],
        [_rate_row(run) for run in runs],
        [
            _WHAT_KEPT_IS,
            f"Of {tried} transactions a second {found}; no higher rate was tried.",
            f"Sender, broker, scorer and learning worker share {cores} cores.",
        ],
    )


def _is_kept(run: LoopRun) -> bool:
    return is_kept(run.lag_after_s - run.lag_before_s, run.sender_late_max_ms / 1e3)


def _rate_row(run: LoopRun) -> list[str]:
    told = buckets(run.learn) if run.learn else Buckets({})
    quantiles = (
        ["{:g} to {:g} s".format(*told.quantile(share)) for share in (0.5, TARGET_SHARE)]
        if told.total
        else ["", ""]
    )
    return [
        f"{run.rate:,.0f}",
        "yes" if _is_kept(run) else "no",
        str(told.total),
        *quantiles,
        f"{run.ms.p50:.1f}",
        f"{run.ms.p99:.1f}",
        f"{run.lag_before_s:.2f}",
        f"{run.lag_after_s:.2f}",
        f"{run.sender_late_max_ms:.1f}",
        f"{run.scorer_cpu_us * run.rate / 1e6:.2f}",
        f"{run.learner_cpu:.2f}",
        f"{run.busy_cores:.2f}",
        f"{run.examples_per_second:.0f}",
    ]
