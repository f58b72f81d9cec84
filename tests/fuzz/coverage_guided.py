"""Coverage-guided fuzzing of the decoders, with atheris: a process of its own, since it never returns.

    .venv/bin/python tests/fuzz/coverage_guided.py --runs 1000000 [TARGET ...]

The first byte of an input names its target. An input that breaks a rule ends the program with its traceback:
put it into `corpus.py`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["agents", "models", "schemas"]):
    from tests.fuzz.decoders import TARGETS

from tests.fuzz.corpus import cases


def main() -> None:
    """Fuzz until the runs or the time are over."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--runs", type=int, default=100_000, help="inputs to try (100,000)")
    parser.add_argument("--seconds", type=int, default=0, help="end after so long (0: never)")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (1)")
    parser.add_argument("--corpus", type=Path, help="folder for inputs that reach new code")
    options = parser.parse_args()
    targets = {name: TARGETS[name] for name in options.targets or TARGETS}
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="fraudstream-fuzz-"))
    _plant(corpus, list(targets))
    by_number = list(targets.values())

    def try_one(data: bytes) -> None:
        if data:
            by_number[data[0] % len(by_number)](data[1:])

    chosen = {
        "runs": options.runs,
        "max_total_time": options.seconds,
        "seed": options.seed,
        "max_len": 4096,
        "artifact_prefix": f"{corpus}/broken-",
    }
    atheris.Setup(
        [sys.argv[0], *(f"-{name}={value}" for name, value in chosen.items()), str(corpus)], try_one
    )
    atheris.Fuzz()


def _plant(corpus: Path, names: list[str]) -> None:
    """Begin with valid messages and with what was found before."""
    for number, name in enumerate(names):
        for place, data in enumerate(cases(name)):
            (corpus / f"{name}-{place}").write_bytes(bytes([number]) + data)


if __name__ == "__main__":
    main()
