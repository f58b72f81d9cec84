"""The Makefile explains itself, and says in one sentence what a machine lacks."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make") or "make"
TEXT = (ROOT / "Makefile").read_text()


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make on a copy of the Makefile, away from the checkout."""
    shutil.copy(ROOT / "Makefile", folder)
    return subprocess.run([MAKE, *words], cwd=folder, capture_output=True, text=True, check=False)


def program(path: Path, body: str) -> str:
    """Write a shell script that stands for an interpreter."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_make_alone_lists_every_target(tmp_path: Path) -> None:
    targets = re.findall(r"^\.PHONY: (\S+)$", TEXT, re.MULTILINE)
    listed = re.findall(r"^  (\S+) +\S", make(tmp_path).stdout, re.MULTILINE)
    assert listed == targets
    assert {"help", "setup", "demo", "test", "lint", "bench"} <= set(targets)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("exit 1", "needs Python 3.11, 3.12 or 3.13, and found none of them"),
        ('case "$2" in *ensurepip*) exit 1;; esac', "lacks its venv module"),
    ],
)
def test_an_interpreter_that_does_not_fit_is_one_sentence(tmp_path: Path, body: str, sentence: str) -> None:
    python = program(tmp_path / "python3", body)
    done = make(tmp_path, ".venv/bin/python", f"PYTHON={python}")
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0
    assert len(said) == 1
    assert sentence in said[0]


def test_an_environment_that_was_made_half_is_taken_away(tmp_path: Path) -> None:
    python = program(tmp_path / "python3", 'case "$1" in -m) mkdir .venv; exit 1;; esac')
    assert make(tmp_path, ".venv/bin/python", f"PYTHON={python}").returncode != 0
    assert not (tmp_path / ".venv").exists()
