"""Holds the service under load for long, and under more load than it can carry.

    make bench-endurance ARGS="--out benchmarks/results/2026-01-31-endurance-two-core-vm.json"
    make bench-endurance ARGS="--only soak --minutes 60"

Nothing needs to run: it starts a Kafka and workers of its own, on loopback, and stops them. README.md says
what each figure means.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from benchmarks import program
from benchmarks.endurance import overload, soak
from benchmarks.endurance.report import machine_lines, tables
from benchmarks.endurance.results import EnduranceResults
from benchmarks.machine import describe
from benchmarks.show import markdown_tables, show_tables
from fraudstream.local.broker import LocalKafka

PARTS: Final = ("soak", "overload")
_MINUTES: Final = 60.0


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    parts: tuple[str, ...] = PARTS
    soak: soak.Plan = field(default_factory=soak.Plan)
    overload: overload.Plan = field(default_factory=overload.Plan)


def measure(plan: Plan) -> EnduranceResults:
    """Measure everything that the plan asks for.

    Raises:
        BenchmarkFailed: a worker did not start, left, or was not done in time.
        FraudstreamError: there is no Kafka.
    """
    results = EnduranceResults(
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=shlex.join(sys.argv[1:]),
        machine=describe(),
    )
    with tempfile.TemporaryDirectory(prefix="fraudstream-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with LocalKafka.start(folder / "kafka", announce=program.tell) as kafka:
            if "soak" in plan.parts:
                program.tell(f"the soak: {plan.soak.seconds / 60:.0f} minutes, after its bank is drawn")
                results.soak = soak.measure(plan.soak, kafka, folder)
            if "overload" in plan.parts:
                program.tell("the overload")
                results.overload = overload.measure(plan.overload, kafka, folder)
    return results


def plan_and_out(arguments: list[str] | None = None) -> tuple[Plan, Path | None]:
    """Read the command line."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--minutes", type=float, default=_MINUTES, help="of the soak")
    of_soak, rest = own.parse_known_args(arguments)
    options = program.options(__doc__, PARTS, 1, "not used here: each part is measured once", rest)
    parts = tuple(options.only or PARTS)
    if options.quick:
        small = soak.Plan(rate=300.0, seconds=40.0, rebalance_every=10.0, look_every=2.0)
        return Plan(parts, small, overload.Plan(backlog=20_000, seconds=3.0)), options.out
    return Plan(parts, soak.Plan(seconds=60 * of_soak.minutes)), options.out


def main() -> None:
    """Measure, print, write."""
    plan, out = plan_and_out()
    results = program.measured(lambda: measure(plan))
    lines, found = machine_lines(results), list(tables(results))
    show_tables(lines, found)
    title = "Endurance: benchmark results"
    program.write(results, out, lambda raw: markdown_tables(title, raw, lines, found))


if __name__ == "__main__":
    main()
