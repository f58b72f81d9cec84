"""A real Prometheus in tests: scrapes every second, evaluates our rules, answers queries."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from service import free_port, wait_until

from tests.ops.rule_files import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A Prometheus on this machine."""

    port: int

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        return list(self._get("query", query=expression)["result"])

    def value(self, expression: str) -> float | None:
        """The one value of an expression; None without one."""
        found = self.query(expression)
        assert len(found) < 2, found
        return float(found[0]["value"][1]) if found else None

    def groups(self) -> list[dict[str, Any]]:
        """The rule groups, each rule with its health."""
        return list(self._get("rules")["groups"])

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return dict(json.load(answer)["data"])

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False


@contextmanager
def prometheus(folder: Path, jobs: Mapping[str, int]) -> Iterator[Server]:
    """Run a Prometheus that scrapes each job's port; the test is skipped where there is none to run."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed here (Debian: apt-get install prometheus)")
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(file) for file in FILES],
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            for name, port in jobs.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    server = Server(free_port())
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{server.port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(server.is_ready, 30, (folder / "prometheus.log").read_text)
        yield server
    finally:
        process.terminate()
        process.wait(30)
