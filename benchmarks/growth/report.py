"""Results of the growth benchmarks as tables and sentences, targets told to be hit or missed."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final, TypeVar

from benchmarks.growth.pauses import NOTHING_MOVES
from benchmarks.report import Table, where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.growth.results import CoreRun, GrowthResults, LoadRun, PauseRun, RestoreRun

    Run = TypeVar("Run", LoadRun, PauseRun, RestoreRun)

TARGET_COST: Final = 1.3
"""CPU time of an event on a large state, at most so many times that on the smallest."""
TARGET_RESTORE_SECONDS: Final = 20.0
RESTORED_CARDS: Final = 1_000_000
TARGET_PAUSE_MS: Final = 1_000.0
TARGET_SCALE: Final = 1.8


def tables(results: GrowthResults) -> Iterator[Table]:
    """Yield a table for each part that was measured."""
    if results.core:
        yield _core(results.core)
    if results.load:
        yield _load(results.load)
    if results.restore:
        yield _restore(results.restore)
    if results.pauses:
        yield _pauses(results.pauses)
    if results.scale:
        yield _scale(results.scale, results.machine.cores)


def machine_lines(results: GrowthResults) -> list[str]:
    """Where and when, in lines."""
    machine = results.machine
    runs = [*results.restore, *results.load, *results.pauses, *results.scale]
    loads = [run.load_average for run in runs]
    during = f", {min(loads):.1f} to {max(loads):.1f} with workers and Kafka" if loads else ""
    return [
        *where(machine, results.date, f"benchmarks/growth/run.py {results.command}"),
        f"Load average {results.load_before:.1f} before the start{during}.",
    ]


def _core(runs: Sequence[CoreRun]) -> Table:
    costs = {run.cards: run.cpu_us_per_event for run in runs}
    rows = [
        [
            f"{run.cards:,}",
            *_spread(run.cpu_us_per_event),
            f"{_ratios(costs)[run.cards]:.2f}",
            f"{run.resident_bytes:,.0f}",
            f"{run.peak_bytes:,.0f}",
            f"{run.fill_us:.1f}",
            f"{run.longest_ms:,.0f}",
        ]
        for run in runs
    ]
    return Table(
        "The core alone, in batches of 100: what an event costs as the cards grow in number",
        [
            *("cards", "CPU us an event", "its blocks", "x the fewest", "bytes a card in memory"),
            *("most of them while it fills", "us to take a card", "longest, ms"),
        ],
        rows,
        [*_cost_verdicts(costs), "Longest: one card for which the store makes room."],
    )


def _load(runs: Sequence[LoadRun]) -> Table:
    by_cards = _groups(runs, lambda run: run.cards)
    costs = {cards: [run.cpu_us_per_event for run in mine] for cards, mine in by_cards.items()}
    rows = [
        [
            f"{cards:,}",
            *_spread(costs[cards]),
            f"{_ratios(costs)[cards]:.2f}",
            f"{median(run.events_per_second for run in mine):,.0f}",
            f"{median(run.broker_cpu_us_per_event for run in mine):.1f}",
        ]
        for cards, mine in by_cards.items()
    ]
    return Table(
        f"A worker under full load, exactly-once: a backlog of {runs[0].count:,} transactions of known cards",
        ["cards", "CPU us an event", "its runs", "x the fewest", "events/s", "broker's CPU us an event"],
        rows,
        [*_cost_verdicts(costs), "After each backlog the worker held as many profiles as there are cards."],
    )


def _cost_verdicts(costs: dict[int, list[float]]) -> Iterator[str]:
    yield f"Target: within {TARGET_COST} x the CPU time of an event on {min(costs):,} cards."
    for cards, ratio in _ratios(costs).items():
        if cards != min(costs):
            yield f"{cards:,} cards: {ratio:.2f} x, {_word(hit=ratio <= TARGET_COST)}."


def _ratios(costs: dict[int, list[float]]) -> dict[int, float]:
    """The median cost of each number of cards, divided by that of the fewest."""
    least = median(costs[min(costs)])
    return {cards: median(mine) / least for cards, mine in costs.items()}


def _restore(runs: Sequence[RestoreRun]) -> Table:
    by_cards = _groups(runs, lambda run: run.cards)
    empty = by_cards[0]
    rows = [_restore_row(cards, mine, empty) for cards, mine in by_cards.items()]
    sentences = [
        f"Target: {RESTORED_CARDS:,} cards make a start longer by less than {TARGET_RESTORE_SECONDS:.0f} s."
    ]
    if RESTORED_CARDS in by_cards:
        more = _more(by_cards[RESTORED_CARDS], empty, "ready_seconds")
        sentences.append(f"{more:.1f} s: {_word(hit=more < TARGET_RESTORE_SECONDS)}.")
    return Table(
        f"A worker's start with its state in the changelog (medians of {len(empty)})",
        [
            *("cards", "s until ready", "more than with none", "of it reading, s", "us a record"),
            *("CPU us a record", "MB/s", "bytes a card in the changelog", "in the worker's memory"),
        ],
        rows,
        sentences,
    )


def _restore_row(cards: int, runs: Sequence[RestoreRun], empty: Sequence[RestoreRun]) -> list[str]:
    ready, reading = _median(runs, "ready_seconds"), _median(runs, "restore_seconds")
    if not cards:
        return ["none", f"{ready:.2f}", "", f"{reading:.2f}", *[""] * 5]
    records, size = _median(runs, "records"), _median(runs, "changelog_bytes")
    return [
        f"{cards:,}",
        f"{ready:.2f}",
        f"{_more(runs, empty, 'ready_seconds'):.2f}",
        f"{reading:.2f}",
        f"{1e6 * reading / records:.2f}",
        f"{1e6 * _more(runs, empty, 'cpu_seconds') / records:.2f}",
        f"{size / 1e6 / reading:.0f}",
        f"{size / cards:.0f}",
        f"{_more(runs, empty, 'resident_bytes') / cards:,.0f}",
    ]


def _pauses(runs: Sequence[PauseRun]) -> Table:
    groups = _groups(runs, lambda run: (run.cards, run.event))
    rows = [
        [
            f"{cards:,}: {event}",
            *(f"{_median(mine, 'partition_gap_ms'):,.0f}", f"{_longest(mine, 'partition_gap_ms'):,.0f}"),
            *(f"{_median(mine, 'gap_ms'):,.0f}", f"{_longest(mine, 'gap_ms'):,.0f}"),
            *(f"{_median(mine, 'delay_p50_ms'):.1f}", f"{_longest(mine, 'delay_ms'):,.0f}"),
            *(f"{_median(mine, 'event_seconds'):.1f}", f"{_longest(mine, 'sender_late_max_ms'):,.0f}"),
        ]
        for (cards, event), mine in groups.items()
    ]
    sentences = [f"Target: a rebalance that moves nothing pauses under {TARGET_PAUSE_MS / 1e3:.0f} s."]
    for cards in dict.fromkeys(run.cards for run in runs):
        gap = max(run.partition_gap_ms for run in runs if run.cards == cards and run.event in NOTHING_MOVES)
        sentences.append(
            f"{cards:,} cards: no partition longer than {gap:,.0f} ms, {_word(hit=gap < TARGET_PAUSE_MS)}."
        )
    return Table(
        f"Milliseconds without a score, at {runs[0].rate:,.0f} transactions a second, by what happens to the "
        f"group ({len(next(iter(groups.values())))} times each)",
        [
            *("cards: event", "longest of any partition, median", "at worst", "of all partitions, median"),
            *("at worst", "due to scored, p50", "longest", "s that the event took", "sender late, longest"),
        ],
        rows,
        sentences,
    )


def _scale(runs: Sequence[LoadRun], cores: int) -> Table:
    by_workers = _groups(runs, lambda run: run.workers)
    one, two = by_workers[1], by_workers[2]
    rows = [
        [
            f"{workers}",
            *_spread([run.cpu_us_per_event for run in mine]),
            " + ".join(f"{share:.0%}" for share in mine[0].shares),
            f"{_median(mine, 'events_per_second'):,.0f}",
            f"{_median(mine, 'events_per_second') / _median(one, 'events_per_second'):.2f}",
            f"{_median(mine, 'broker_cpu_us_per_event'):.1f}",
            f"{median(_cores(run) for run in mine):.2f}",
        ]
        for workers, mine in by_workers.items()
    ]
    return Table(
        f"Workers sharing 8 partitions on one backlog of {runs[0].count:,} transactions",
        [
            *("workers", "CPU us an event", "its runs", "shares", "events/s", "x one worker"),
            *("broker's CPU us an event", "cores at work"),
        ],
        rows,
        [*_scale_verdicts(one, two, cores)],
    )


def _scale_verdicts(one: Sequence[LoadRun], two: Sequence[LoadRun], cores: int) -> Iterator[str]:
    wall = _median(two, "events_per_second") / _median(one, "events_per_second")
    by_cpu = 2 * _median(one, "cpu_us_per_event") / _median(two, "cpu_us_per_event")
    busy = median(_cores(run) for run in one)
    yield f"Target: two workers do at least {TARGET_SCALE} x what one does."
    if wall >= TARGET_SCALE or TARGET_SCALE * busy <= cores:
        yield f"By the clock on the wall {wall:.2f} x: {_word(hit=wall >= TARGET_SCALE)}."
        return
    yield (
        f"By the clock on the wall {wall:.2f} x, but cores are short: one worker and the broker kept "
        f"{busy:.1f} of {cores} at work, and {TARGET_SCALE} x as much takes {TARGET_SCALE * busy:.1f}."
    )
    yield (
        f"By CPU time an event, two workers with cores enough do {by_cpu:.2f} x what one does: "
        f"{_word(hit=by_cpu >= TARGET_SCALE)}."
    )


def _cores(run: LoadRun) -> float:
    """How many cores workers and broker kept at work."""
    return run.events_per_second * (run.cpu_us_per_event + run.broker_cpu_us_per_event) / 1e6


def _groups(runs: Iterable[Run], key: Callable[[Run], object]) -> dict[object, list[Run]]:
    """The runs by their key, in the order of their first."""
    found: dict[object, list[Run]] = {}
    for run in runs:
        found.setdefault(key(run), []).append(run)
    return found


def _median(runs: Sequence[Run], name: str) -> float:
    return median(float(getattr(run, name)) for run in runs)


def _longest(runs: Sequence[Run], name: str) -> float:
    return max(float(getattr(run, name)) for run in runs)


def _more(runs: Sequence[Run], empty: Sequence[Run], name: str) -> float:
    """What the median is above that of starts without any card."""
    return _median(runs, name) - _median(empty, name)


def _spread(values: Sequence[float]) -> tuple[str, str]:
    return f"{median(values):.1f}", f"{min(values):.1f} to {max(values):.1f}"


def _word(*, hit: bool) -> str:
    return "hit" if hit else "MISS"
