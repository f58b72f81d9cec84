"""What is deployed is of one version: the package's."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
LOCK = DEPLOY.parent / "fraudstream" / "local" / "kafka.lock.toml"
VERSION = version("fraudstream")


def test_chart_compose_and_image_name_the_version_of_the_package() -> None:
    chart = yaml.safe_load((DEPLOY / "chart" / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == chart["version"] == VERSION
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    own = {service["image"] for service in compose["services"].values() if "build" in service}
    assert own == {f"fraudstream:{VERSION}"}
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^ARG VERSION=(.*)$", dockerfile, flags=re.MULTILINE) == [VERSION]


def test_compose_runs_the_kafka_that_the_tests_run() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    lock = tomllib.loads(LOCK.read_text(encoding="utf-8"))
    [tested] = {jar["version"] for jar in lock["dependencies"] if jar["artifactId"] == "kafka_2.13"}
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{tested}"
