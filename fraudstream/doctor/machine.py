"""Checks of this machine and this Python environment; they need no Kafka."""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fraudstream.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DISTRIBUTION = "fraudstream"
PACKAGES = ("fraudstream", "agents", "models", "schemas")
_PYTHONS = ((3, 11), (3, 14))  # from, and below: what pyproject.toml declares
_GIB = 2**30
_FREE_BYTES = 2 * _GIB


def check_machine() -> Iterator[Finding]:
    """Python's version, the owners of the four package names, room on the disk."""
    yield check_python(sys.version_info[:2])
    yield check_owners(packages_distributions())
    yield check_places()
    yield check_room(Path(tempfile.gettempdir()), shutil.disk_usage(tempfile.gettempdir()).free)


def check_python(version: tuple[int, int]) -> Finding:
    """Whether this Python is one that the service is tested with."""
    name = ".".join(map(str, version))
    if _PYTHONS[0] <= version < _PYTHONS[1]:
        return Finding("python", ok=True, sentence=f"Python {name}.")
    return Finding("python", ok=False, sentence=f"Python {name}: install under 3.11, 3.12 or 3.13.")


def check_owners(distributions: Mapping[str, Sequence[str]]) -> Finding:
    """Whether another distribution also installed one of our top-level names, and so overwrote files.

    Args:
        distributions: the distributions that own each top-level name.
    """
    others = {
        f"{owner} ({package}/)"
        for package in PACKAGES
        for owner in distributions.get(package, ())
        if owner.lower().replace("_", "-") != DISTRIBUTION
    }
    if not others:
        return Finding("packages", ok=True, sentence="The four packages belong to fraudstream alone.")
    mend = "install fraudstream in an environment of its own"
    return Finding(
        "packages", ok=False, sentence=f"{', '.join(sorted(others))} owns a package of ours: {mend}."
    )


def check_places() -> Finding:
    """Whether the four packages come from one place; a folder of such a name may stand before them."""
    places = {package: _place(package) for package in PACKAGES}
    home = places[DISTRIBUTION]
    astray = [f"{package}/ from {place}" for package, place in places.items() if place != home]
    if not astray:
        return Finding("imports", ok=True, sentence=f"The four packages come from {home}.")
    mend = f"start elsewhere, or take that folder off PYTHONPATH; ours are in {home}"
    return Finding("imports", ok=False, sentence=f"Python takes {' and '.join(astray)}: {mend}.")


def _place(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent.parent if spec and spec.origin else None


def check_room(folder: Path, free: int) -> Finding:
    """Whether a local Kafka has room (bytes free where temporary files go)."""
    seen = f"{free / _GIB:.1f} GiB free in {folder}"
    if free >= _FREE_BYTES:
        return Finding("disk", ok=True, sentence=f"{seen}.")
    return Finding("disk", ok=False, sentence=f"Only {seen}: make room, or set TMPDIR to a larger disk.")
