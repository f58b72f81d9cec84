"""The locks suit plain pip on a bare machine, whatever index it uses, and agree with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("build", "dev", "runtime")
EXACT = {"confluent-kafka", "faust-streaming", "mode-streaming", "river"}


def locked(name: str) -> dict[str, Requirement]:
    """Read the pinned requirements of a lock by their names."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    found = [Requirement(line.rstrip(" \\")) for line in lines if re.match(r"[a-z0-9]", line)]
    return {requirement.name: requirement for requirement in found}


def declared(group: str) -> list[Requirement]:
    """Read what pyproject.toml asks for, at run time or in a dependency group."""
    words = PROJECT["project"]["dependencies"] if group == "runtime" else PROJECT["dependency-groups"][group]
    return [Requirement(word) for word in words if isinstance(word, str)]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_address_and_no_path(name: str) -> None:
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    assert not re.findall(r"://|@ |--find-links|--(?:extra-)?index-url|(?<!\S)[./~]\S*", text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_is_one_version_with_hashes(name: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (REQUIREMENTS / f"{name}.txt").read_text())[1:]
    loose = [
        entry for entry in entries if not re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:", entry, re.DOTALL)
    ]
    assert entries
    assert not loose


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_satisfies_what_the_project_declares(name: str) -> None:
    pins = locked(name)
    for wanted in declared(name):
        (pin,) = pins[wanted.name].specifier
        assert wanted.specifier.contains(pin.version), f"run make lock: {wanted} is not {pin}"


@pytest.mark.parametrize("name", ["build", "runtime"])
def test_tools_and_product_are_tested_with_the_versions_that_are_shipped(name: str) -> None:
    everything = locked("dev")
    other = {pin.name for pin in locked(name).values() if pin.specifier != everything[pin.name].specifier}
    assert not other


def test_what_the_engine_was_proved_against_is_pinned_exactly() -> None:
    pinned = {
        wanted.name
        for wanted in declared("runtime")
        if [part.operator for part in wanted.specifier] == ["=="]
    }
    assert pinned == EXACT
