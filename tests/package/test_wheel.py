"""An editable install hides what a wheel forgets, so the wheel is built, installed and used elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "fraudstream", "models", "schemas")
OF_EXTRAS = {"agents.telemetry.tracing", "fraudstream.worker.spans"}
"""Modules that need an extra (`tracing`); nothing else may import them before it is known to be there."""

IMPORT_ALL = f"""
import importlib, json, pkgutil, sys
def walk(name):
    module = importlib.import_module(name)
    yield name, module.__file__
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), name + "."):
        if not found.name.endswith(".__main__") and found.name not in {OF_EXTRAS}:
            yield from walk(found.name)
print(json.dumps(dict(pair for package in sys.argv[1:] for pair in walk(package))))
"""


def run(*command: object) -> str:
    """Give what a command prints, run from `/` and without what the environment adds to Python's path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command], cwd="/", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the source archive, as an index would get both."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment of the locked runtime requirements and the wheel, and of nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet")
    locked = ROOT / "requirements" / "runtime.txt"
    run(*pip, "--no-compile", "--no-deps", "--require-hashes", "--requirement", locked)
    run(*pip, "--no-deps", wheel)
    return folder


def shipped(package: str) -> set[str]:
    """Name the files of a package that a wheel has to hold."""
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_four_packages_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == set().union(*map(shipped, PACKAGES))


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_that_it_is_typed(wheel: Path, package: str) -> None:
    assert f"{package}/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_the_generated_schemas_and_the_licence_are_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith("schemas/generated/") for name in names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_every_module_is_imported_from_the_clean_environment(clean: Path) -> None:
    files = json.loads(run(clean / "bin" / "python", "-c", IMPORT_ALL, *PACKAGES))
    assert {name.partition(".")[0] for name in files} == set(PACKAGES)
    outside = {name: file for name, file in files.items() if not Path(file).is_relative_to(clean)}
    assert not outside


def test_the_installed_command_explains_itself(clean: Path) -> None:
    assert "Usage" in run(clean / "bin" / "fraudstream", "--help")
