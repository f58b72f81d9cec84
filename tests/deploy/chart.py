"""The chart rendered by helm itself, and what its tests look for in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

CHART = Path(__file__).parents[2] / "deploy" / "chart"
VALUES = sorted((CHART / "ci").glob("*.yaml"))
KUBERNETES = ("1.30", "1.37")
"""The oldest and the newest version whose schemas the rendered chart is held to."""

Document = dict[str, Any]


def helm(*words: object) -> subprocess.CompletedProcess[str]:
    """Run helm; the test is skipped where there is none."""
    program = shutil.which("helm")
    if program is None:
        pytest.skip("helm is not installed here: go install helm.sh/helm/v3/cmd/helm@v3.22.0 makes it")
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)


def template(values: Path, *words: object, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    """Render the chart as release `fs` in namespace `fraud`."""
    common = ("--namespace", "fraud", "--kube-version", f"{KUBERNETES[0]}.0")
    return helm("template", "fs", chart, *common, "--values", values, *words)


def render(values: Path, *words: object, chart: Path = CHART) -> list[Document]:
    """Give the documents that the chart makes of these values."""
    done = template(values, *words, chart=chart)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def one(documents: list[Document], kind: str, name: str = "") -> Document:
    """Give the one document of a kind whose name ends so."""
    [found] = [d for d in documents if d["kind"] == kind and d["metadata"]["name"].endswith(name)]
    return found


def pods(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    """Every pod that the documents make: its owner's name, and a document with `metadata` and `spec`."""
    for document in documents:
        if document["kind"] == "Pod":
            yield document["metadata"]["name"], document
        elif document["kind"] in {"StatefulSet", "Job"}:
            yield document["metadata"]["name"], document["spec"]["template"]


def containers(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    """Every container: its pod's owner, and itself."""
    for owner, pod in pods(documents):
        spec = pod["spec"]
        yield from ((owner, container) for container in spec.get("initContainers", []) + spec["containers"])
