"""Plays scenarios of faults on the whole service, prints what was found, and writes it down when asked.

    make faults ARGS="--out FILE"

Nothing needs to run: it starts a Kafka and workers of its own, on loopback, and stops them. The exit status
is 1 if an invariant did not hold. `docs/reliability.md` says what was tried and what is not promised.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import program
from benchmarks.machine import describe
from benchmarks.show import markdown_tables, show_tables
from fraudstream.local.broker import LocalKafka
from tests.faults.catalogue import SCENARIOS
from tests.faults.play import play
from tests.faults.report import lines, tables
from tests.faults.results import Results
from tests.faults.scenario import MODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.results import Played


def run(options: argparse.Namespace) -> Results:
    """Play what was asked for.

    Raises:
        FraudstreamError: there is no Kafka.
    """
    started = datetime.now().astimezone()
    with tempfile.TemporaryDirectory(prefix="fraudstream-faults-", ignore_cleanup_errors=True) as name:
        folder = options.keep or Path(name)
        with LocalKafka.start(folder / "kafka", announce=program.tell) as kafka:
            played = list(_play_all(options, kafka, folder))
    return Results(started.isoformat(timespec="seconds"), shlex.join(sys.argv[1:]), describe(), played)


def _play_all(options: argparse.Namespace, kafka: LocalKafka, folder: Path) -> Iterator[Played]:
    for name in options.only or SCENARIOS:
        for mode in options.mode or MODES:
            program.tell(f"{name}, {mode}")
            place = folder / f"{name}-{mode}"
            place.mkdir(parents=True)
            played = play(SCENARIOS[name], mode, kafka, place, is_quick=options.quick)
            for breach in played.breaches:
                program.tell(f"  BROKEN {breach.invariant} ({breach.count} times): {breach.examples[0]}")
            yield played


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=list(SCENARIOS), action="append", help="play this scenario alone")
    parser.add_argument("--mode", choices=MODES, action="append", help="in this mode alone")
    parser.add_argument("--quick", action="store_true", help="do each fault less often")
    parser.add_argument(
        "--out", type=Path, help="JSON file for what was found; a report goes beside it (.md)"
    )
    parser.add_argument("--keep", type=Path, help="empty folder for logs and stores, which then stay")
    return parser.parse_args(arguments)


def main() -> None:
    """Play, print, write."""
    options = read_options()
    results = program.measured(lambda: run(options))
    show_tables(lines(results), tables(results))
    program.write(
        results, options.out, lambda raw: markdown_tables("Faults", raw, lines(results), tables(results))
    )
    sys.exit(results.is_broken)


if __name__ == "__main__":
    main()
