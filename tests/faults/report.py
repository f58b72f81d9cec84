"""What a run found, as tables: shown on a terminal, and written as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.report import Table, where
from tests.faults.invariants import INVARIANTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.results import Played, Results

_COLUMNS: Final = (
    *(
        "scenario",
        "mode",
        "times",
        "found",
        "restarts",
        "s without scores",
        "in one partition",
        "s to catch up",
    ),
    *("repeats, committed reader", "any reader", "judged anew", "transactions", "alerts"),
)


def lines(results: Results) -> list[str]:
    """Where and when, in lines."""
    return where(results.machine, results.date, f"tests/faults/run.py {results.command}")


def tables(results: Results) -> Iterator[Table]:
    """What was done and found, then what was checked."""
    yield Table(
        "What was found",
        _COLUMNS,
        [_row(each) for each in results.played],
        [*_remarks(results.played)],
    )
    yield Table(
        "What was done", ("scenario", "fault"), sorted({(e.scenario, e.sentence) for e in results.played})
    )
    yield Table(
        "What was checked", ("invariant", "rule"), [(each.name, each.sentence) for each in INVARIANTS]
    )


def _row(played: Played) -> Sequence[str]:
    if played.skipped:
        return (played.scenario, played.mode, "0", "skipped", *["-"] * (len(_COLUMNS) - 4))
    broken = ", ".join(each.invariant for each in played.breaches)
    return (
        played.scenario,
        played.mode,
        str(played.times),
        f"BROKEN: {broken}" if broken else f"all {len(played.checked)} hold",
        str(sum(len(each) - 1 for each in (played.statuses or {}).values())),
        f"{played.seconds_without_scores:.1f}",
        f"{played.seconds_without_a_partition:.1f}",
        f"{played.catch_up_seconds:.1f}",
        f"{played.repeats_committed:,}",
        f"{played.repeats_uncommitted:,}",
        f"{played.judged_anew:,}",
        f"{played.transactions:,}",
        f"{played.alerts:,}",
    )


def _remarks(played: Sequence[Played]) -> Iterator[str]:
    """What does not fit into a row."""
    for each in played:
        name = f"{each.scenario}, {each.mode}"
        if each.skipped:
            yield f"{name}: skipped. {each.skipped}"
        for note in each.notes or ():
            yield f"{name}: {note}."
        for breach in each.breaches:
            yield f"{name}: BROKEN {breach.invariant} ({breach.count} times), as: {breach.examples[0]}"
