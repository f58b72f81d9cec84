"""The endurance results as tables and sentences."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.endurance.memory import slope_an_hour
from benchmarks.report import Table, where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.endurance.results import EnduranceResults, OverloadRun, Sample, SoakRun

_MB: Final = 1e6
_SETTLED: Final = 1 / 3
"""Share of the soak in which caches fill, cards come to be known and labelling reaches its 45 days."""
_MEMORIES: Final = {
    "scoring worker that stays": "scoring_bytes",
    "learning worker": "learning_bytes",
    "broker": "broker_bytes",
}


def machine_lines(results: EnduranceResults) -> list[str]:
    """Where and when, in lines."""
    return where(results.machine, results.date, f"benchmarks/endurance/run.py {results.command}")


def tables(results: EnduranceResults) -> Iterator[Table]:
    """Yield a table for each part that was measured."""
    if results.soak is not None:
        yield _soak(results.soak)
    if results.overload is not None:
        yield _overload(results.overload)


def _soak(run: SoakRun) -> Table:
    settled = [each for each in run.samples if each.at >= _SETTLED * run.seconds]
    rows = [_memory(name, [*run.samples], settled, field) for name, field in _MEMORIES.items()]
    return Table(
        f"Soak: {run.rate:,.0f} transactions a second for {run.seconds / 60:.0f} minutes, "
        f"{run.rebalances} rebalances",
        [
            "memory, MB",
            "after a minute",
            "after a third",
            "at the end",
            "most",
            "slope since then, MB an hour",
        ],
        rows,
        [*_soak_sentences(run, settled)],
    )


def _soak_sentences(run: SoakRun, settled: Sequence[Sample]) -> Iterator[str]:
    lags, ready = [each.scoring_lag for each in run.samples], sum(each.is_ready for each in run.samples)
    all_once = run.sent == run.scored == run.distinct and not run.dead_lettered
    yield (
        f"{run.sent:,} sent = {run.scored:,} scores of {run.distinct:,} transactions, "
        f"{run.dead_lettered:,} dead letters: {_word(hit=all_once)}."
    )
    yield (
        f"Lag of scoring: median {median(lags):,.0f} records, most {max(lags):,}; all was committed "
        f"{run.caught_up_seconds:.1f} s after the last transaction."
    )
    yield (
        f"Lag of labelling: median {median(each.labelling_lag for each in settled):,.0f}, at the end "
        f"{run.samples[-1].labelling_lag:,}."
    )
    yield f"{run.versions} models were published. `/readyz` said yes {ready} times of {len(run.samples)}."
    yield f"Load average at the end {run.load_average:.1f}."


def _memory(name: str, samples: Sequence[Sample], settled: Sequence[Sample], field: str) -> list[str]:
    def size(sample: Sample) -> float:
        value: int = getattr(sample, field)
        return value / _MB

    early = next(each for each in samples if each.at >= min(60.0, samples[-1].at))
    slope = slope_an_hour([each.at for each in settled], [size(each) for each in settled])
    figures = (size(early), size(settled[0]), size(settled[-1]), max(map(size, samples)))
    return [name, *(f"{figure:,.0f}" for figure in figures), f"{slope:+,.1f}"]


def _overload(run: OverloadRun) -> Table:
    sending = [each for each in run.fields if each.at <= run.seconds]
    after = [each for each in run.fields if each.at > run.seconds]
    rows = [
        [
            name,
            f"{median(each.scored_a_second for each in part):,.0f}",
            f"{max(each.lag for each in part):,}",
            f"{max(each.resident_bytes for each in part) / _MB:,.0f}",
            f"{max(each.ready_ms for each in part):,.0f}",
            f"{sum(each.is_ready for each in part)} of {len(part)}",
        ]
        for name, part in (("while it is sent", sending), ("afterwards", after))
        if part
    ]
    typical, worst = run.delay_errors
    return Table(
        f"Overload: {run.rate:,.0f} transactions a second for {run.seconds:.0f} s, "
        f"{run.rate / run.capacity:.1f} x the {run.capacity:,.0f} that the worker can do on its core",
        [
            "",
            "scored a second",
            "most that waited",
            "memory, MB, most",
            "`/readyz` took, ms, most",
            "said yes",
        ],
        rows,
        [
            (
                f"{run.sent:,} sent, {run.scored:,} scored: {_word(hit=run.sent == run.scored)}; caught up "
                f"{run.caught_up_seconds:.1f} s after the last."
            ),
            (
                f"A transaction took {typical:+.2f} s longer than what waited before it explains (median), "
                f"{worst:+.2f} s at worst."
            ),
        ],
    )


def _word(*, hit: bool) -> str:
    return "hit" if hit else "MISS"
