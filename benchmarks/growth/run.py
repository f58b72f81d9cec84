"""Measures what happens as a worker's state grows and moves: an event's cost, restores, rebalances.

    make bench-growth ARGS="--out benchmarks/results/2026-01-31-growth-two-core-vm.json"
    make bench-growth ARGS="--only restore --only load --cards 5000000"

`--cards` adds a state of so many cards to restore and load: minutes and gigabytes. Nothing needs to run: it
starts a Kafka and workers of its own, on loopback, and stops them. The README.md of the benchmarks says what
each figure means.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks import program
from benchmarks.growth import core, load, past, pauses, restore
from benchmarks.growth.report import machine_lines, tables
from benchmarks.growth.results import GrowthResults
from benchmarks.growth.state import state
from benchmarks.machine import describe, load_average
from benchmarks.service import topics
from benchmarks.show import markdown_tables, show_tables
from fraudstream.local.broker import LocalKafka

if TYPE_CHECKING:
    from benchmarks.growth.past import Past
    from benchmarks.growth.results import CoreRun, LoadRun, PauseRun, RestoreRun
    from benchmarks.growth.state import State

PARTS = ("core", "restore", "load", "pauses", "scale")


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: how often each figure; twice as many blocks of the core.
        parts: which.
        core_cards: sizes of the state of the core alone.
        cards: of a worker's, the fewest first; `scale` is measured on those.
        more_cards: a further size, for restore and load.
        past: transactions that made the profiles.
        block: transactions of one figure of the core.
        warm: transactions that warm a worker.
        backlog: transactions that it works off.
        pauses: how long scoring is observed.
    """

    rounds: int
    parts: tuple[str, ...] = PARTS
    core_cards: tuple[int, ...] = (10_000, 1_000_000, 5_000_000)
    cards: tuple[int, ...] = (10_000, 1_000_000)
    more_cards: int | None = None
    past: int = past.PAST
    block: int = 20_000
    warm: int = 5_000
    backlog: int = 60_000
    pauses: pauses.Plan = field(default_factory=pauses.Plan)

    @property
    def blocks(self) -> int:
        """How many of the core."""
        return 2 * self.rounds

    @property
    def loaded_cards(self) -> tuple[int, ...]:
        """The sizes of load."""
        return self.cards if self.more_cards is None else (*self.cards, self.more_cards)

    @property
    def restored_cards(self) -> tuple[int, ...]:
        """The sizes of restore: the fewest take no time that could be told from a start's own."""
        return self.loaded_cards[1:]

    @property
    def messages(self) -> int:
        """How many different transactions the one part that takes the most takes."""
        backlogs = self.rounds * (self.warm + self.backlog)
        blocks = (1 + self.blocks) * self.block
        return max(blocks, backlogs + self.rounds * self.pauses.transactions, 2 * backlogs)


class Bench:
    """Measures by plan on one Kafka; a state once written serves all parts and rounds."""

    def __init__(self, plan: Plan, drawn: Past, kafka: LocalKafka, folder: Path) -> None:
        self._plan, self._past, self._kafka, self._folder = plan, drawn, kafka, folder
        self._open = ExitStack()
        self._states: dict[int, State] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def restore(self) -> list[RestoreRun]:
        """Starts of a worker, with nothing to restore and with each state."""
        runs = []
        states = [self._state(cards) for cards in self._plan.restored_cards]
        with topics(self._kafka.bootstrap_servers) as empty:
            restore.measure(empty, 0, self._kafka, self._folder)  # the first start has its code to compile
            for number in range(self._plan.rounds):
                for cards, settings in ((0, empty), *((each.cards, each.settings) for each in states)):
                    program.tell(f"restore, round {number + 1}: {cards:,} cards")
                    runs.append(restore.measure(settings, cards, self._kafka, self._folder))
        return runs

    def load(self) -> list[LoadRun]:
        """A worker under full load, with each state."""
        runs = []
        for number in range(self._plan.rounds):
            for cards in self._plan.loaded_cards:
                grown = self._state(cards)
                program.tell(f"full load, round {number + 1}: {cards:,} cards")
                runs.append(self._load(grown, 1))
        return runs

    def pauses(self) -> list[PauseRun]:
        """Every event, with each state."""
        runs = []
        for number in range(self._plan.rounds):
            for cards in self._plan.cards:
                grown = self._state(cards)
                program.tell(f"rebalances, round {number + 1}: {cards:,} cards")
                runs += pauses.PauseBench(grown, self._plan.pauses, self._folder).run()
        return runs

    def scale(self) -> list[LoadRun]:
        """One worker and two on a state of their own, each round the other way round."""
        runs = []
        with state(self._plan.cards[0], self._past, self._kafka) as grown:
            for number in range(self._plan.rounds):
                for workers in ((1, 2), (2, 1))[number % 2]:
                    program.tell(f"workers that share, round {number + 1}: {workers}")
                    runs.append(self._load(grown, workers))
        return runs

    def _load(self, grown: State, workers: int) -> LoadRun:
        return load.measure(grown, workers, self._plan.warm, self._plan.backlog, self._kafka, self._folder)

    def _state(self, cards: int) -> State:
        if cards not in self._states:
            program.tell(f"writing a changelog of {cards:,} cards")
            self._states[cards] = self._open.enter_context(state(cards, self._past, self._kafka))
        return self._states[cards]


def measure(plan: Plan) -> GrowthResults:
    """Measure everything that the plan asks for.

    Raises:
        BenchmarkFailed: a worker did not start, was not done in time, or does not hold the cards.
        FraudstreamError: there is no Kafka.
    """
    started, before = datetime.now().astimezone(), load_average()
    program.tell("drawing profiles and transactions")
    drawn = past.draw(plan.messages, plan.past)
    alone: list[CoreRun] = []
    if "core" in plan.parts:
        program.tell("the core alone")
        alone = core.measure(plan.core_cards, plan.blocks, plan.block, drawn)
    restores, loads, gaps, scales = _with_kafka(plan, drawn)
    return GrowthResults(
        date=started.isoformat(timespec="seconds"),
        command=shlex.join(sys.argv[1:]),
        machine=describe(),
        load_before=before,
        core=alone,
        restore=restores,
        load=loads,
        pauses=gaps,
        scale=scales,
    )


def _with_kafka(
    plan: Plan, drawn: Past
) -> tuple[list[RestoreRun], list[LoadRun], list[PauseRun], list[LoadRun]]:
    """The parts on workers; restore first, while the changelogs hold each card once."""
    if set(plan.parts) <= {"core"}:
        return [], [], [], []
    with tempfile.TemporaryDirectory(prefix="fraudstream-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (
            LocalKafka.start(folder / "kafka", announce=program.tell) as kafka,
            Bench(plan, drawn, kafka, folder) as bench,
        ):
            return (
                bench.restore() if "restore" in plan.parts else [],
                bench.load() if "load" in plan.parts else [],
                bench.pauses() if "pauses" in plan.parts else [],
                bench.scale() if "scale" in plan.parts else [],
            )


def plan_and_out(arguments: list[str] | None = None) -> tuple[Plan, Path | None]:
    """Read the command line."""
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--cards", type=int)
    more, rest = own.parse_known_args(arguments)
    options = program.options(__doc__, PARTS, 3, "how often each figure is measured", rest)
    parts = tuple(options.only or PARTS)
    if options.quick:
        quick = Plan(
            1,
            parts,
            core_cards=(10_000, 50_000),
            cards=(10_000, 50_000),
            more_cards=more.cards,
            past=20_000,
            block=5_000,
            warm=1_000,
            backlog=5_000,
            pauses=pauses.Plan(quiet=2.0, nothing_moves=5.0, half_moves=15.0),
        )
        return quick, options.out
    return Plan(options.rounds, parts, more_cards=more.cards), options.out


def main() -> None:
    """Measure, print, write."""
    plan, out = plan_and_out()
    results = program.measured(lambda: measure(plan))
    lines, found = machine_lines(results), list(tables(results))
    show_tables(lines, found)
    title = "Growth: benchmark results"
    program.write(results, out, lambda raw: markdown_tables(title, raw, lines, found))


if __name__ == "__main__":
    main()
