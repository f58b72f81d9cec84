"""What a benchmark program does around its measuring: reads options, takes the lock, writes results."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from benchmarks.service import BenchmarkFailed
from fraudstream.errors import FraudstreamError
from fraudstream.settings.tree import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Figures(Protocol):
    """Results that can be written down."""

    def to_json(self) -> bytes:
        """The JSON form."""


Measured = TypeVar("Measured", bound=Figures)


def options(
    description: str | None,
    parts: Sequence[str],
    rounds: int,
    help_of_rounds: str,
    arguments: list[str] | None,
) -> argparse.Namespace:
    """Read the command line: `out`, `only`, `rounds`, `quick`."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, help="JSON file for the figures; a report goes beside it (.md)")
    parser.add_argument("--only", choices=parts, action="append", help="measure this part alone")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"{help_of_rounds} ({rounds})")
    parser.add_argument(
        "--quick", action="store_true", help="see that it works; the figures are worth nothing"
    )
    return parser.parse_args(arguments)


def measured(measure: Callable[[], Measured]) -> Measured:
    """Measure apart from the person's own service; what fails ends the program with its sentence."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        del os.environ[name]
    logging.getLogger("kafka").setLevel(logging.ERROR)
    try:
        return measure()
    except (BenchmarkFailed, FraudstreamError) as failure:
        sys.exit(str(failure))


def write(results: Figures, out: Path | None, report: Callable[[str], str]) -> None:
    """Write the figures, and beside them the report that `report` makes, given the name of their file."""
    if out is None:
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    raw = out.with_suffix(".json")
    raw.write_bytes(results.to_json())
    out.with_suffix(".md").write_text(report(raw.name))


def tell(sentence: str) -> None:
    """Say what is being done, beside the figures."""
    print(sentence, file=sys.stderr)
