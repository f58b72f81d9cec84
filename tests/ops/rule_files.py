"""The rules of deploy/prometheus, as data."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
FILES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yaml"))


def rules(file: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


RULES = {file: rules(file) for file in FILES}
ALERTS = {rule["alert"]: rule for each in RULES.values() for rule in each if "alert" in rule}
RECORDED = {rule["record"] for each in RULES.values() for rule in each if "record" in rule}


def promtool(*arguments: str, given: bytes = b"") -> str:
    """What promtool has to complain about; the test is skipped where it is missing."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed here (Debian: apt-get install prometheus)")
    done = subprocess.run([program, *arguments], input=given, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode() if done.returncode else ""
