"""Checks of this machine and this Python environment; they need no Kafka."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from importlib.metadata import packages_distributions, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fraudstream.admin.doctor.finding import Finding, problem, well

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fraudstream.settings import Settings

DISTRIBUTION = "fraudstream"
PACKAGES = ("fraudstream", "agents", "models", "schemas")
_PYTHONS = ((3, 11), (3, 14))  # from, and below: what pyproject.toml declares
_PINNED = re.compile(r"([A-Za-z0-9._-]+)==([^;\s]+)$")
_GIB = 2**30
_FREE_BYTES = 2 * _GIB


def check_machine() -> Iterator[Finding]:
    """Python's version, those of the parts, the owners of the four package names, room on the disk."""
    yield check_python(sys.version_info[:2])
    yield check_versions(requires(DISTRIBUTION) or (), version)
    yield check_owners(packages_distributions())
    yield check_places()
    yield check_room(Path(tempfile.gettempdir()), shutil.disk_usage(tempfile.gettempdir()).free)


def check_python(version: tuple[int, int]) -> Finding:
    """Whether this Python is one that the service is tested with."""
    name = ".".join(map(str, version))
    if _PYTHONS[0] <= version < _PYTHONS[1]:
        return well("python", f"Python {name}.")
    return problem("python", f"Python {name}: install under 3.11, 3.12 or 3.13.")


def own_version() -> str:
    """The version of this release."""
    return version(DISTRIBUTION)


def check_versions(requirements: Iterable[str], installed: Callable[[str], str]) -> Finding:
    """Whether the parts that the guarantees were proved with are those that are installed.

    Args:
        requirements: of this release, as in a wheel's metadata; those that name one version count.
        installed: gives the version of a distribution.
    """
    pinned = {match[1]: match[2] for each in requirements if (match := _PINNED.match(each))}
    here = {name: installed(name) for name in pinned}
    others = [
        f"{name} {here[name]} instead of {pinned[name]}" for name in pinned if here[name] != pinned[name]
    ]
    if others:
        mend = "install what requirements/ locks"
        return problem("versions", f"{' and '.join(others)}, with which nothing was proved: {mend}.")
    parts = ", ".join(f"{name} {each}" for name, each in here.items())
    return well("versions", f"{DISTRIBUTION} {installed(DISTRIBUTION)} with {parts}.")


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
        return well("packages", "The four packages belong to fraudstream alone.")
    mend = "install fraudstream in an environment of its own"
    return problem("packages", f"{', '.join(sorted(others))} owns a package of ours: {mend}.")


def check_places() -> Finding:
    """Whether the four packages come from one place; a folder of such a name may stand before them."""
    places = {package: _place(package) for package in PACKAGES}
    home = places[DISTRIBUTION]
    astray = [f"{package}/ from {place}" for package, place in places.items() if place != home]
    if not astray:
        return well("imports", f"The four packages come from {home}.")
    mend = f"start elsewhere, or take that folder off PYTHONPATH; ours are in {home}"
    return problem("imports", f"Python takes {' and '.join(astray)}: {mend}.")


def _place(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent.parent if spec and spec.origin else None


def check_room(folder: Path, free: int) -> Finding:
    """Whether a local Kafka has room (bytes free where temporary files go)."""
    seen = f"{free / _GIB:.1f} GiB free in {folder}"
    if free >= _FREE_BYTES:
        return well("disk", f"{seen}.")
    return problem("disk", f"Only {seen}: make room, or set TMPDIR to a larger disk.")


def check_folder(settings: Settings) -> Iterator[Finding]:
    """Whether a worker that learns can write to its folder, and has room there."""
    if not settings.worker.learns:
        return
    folder = settings.worker.folder.absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        mend = "set FRAUDSTREAM_WORKER__FOLDER to a folder that this user may write to"
        yield problem("folder", f"Labelling and learning cannot write to {folder}: {mend}.")
    elif (free := shutil.disk_usage(there).free) < _FREE_BYTES:
        mend = "make room, or set FRAUDSTREAM_WORKER__FOLDER to a larger disk"
        yield problem("folder", f"Only {free / _GIB:.1f} GiB free in {folder}: {mend}.")
    else:
        yield well("folder", f"{folder} can be written to; {free / _GIB:.1f} GiB free.")
