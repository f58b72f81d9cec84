"""What a worker shows on /metrics: every name, with the labels that it may have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.telemetry import Telemetry, new_registry
from agents.web import Readiness
from tests.agents.telemetry.test_metrics import tell_everything

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET_LABELS = frozenset({"job", "instance", "namespace"})
"""Labels that Prometheus gives to all that it scrapes; namespace only in Kubernetes."""
_NAME = re.compile(r"\b(?:[a-z_]+:)?fraudstream_[a-z_]+(?::[a-z0-9_]+)?\b|\bprocess_[a-z_]+\b|\bup\b")
_STRING = re.compile(r'"[^"]*"')


def catalogue() -> dict[str, set[str]]:
    """Labels of each time series of a worker that has had everything happen once."""
    registry = new_registry()
    telemetry = Telemetry(registry)
    tell_everything(telemetry)
    telemetry.worker_started(
        {"fraudstream": "0.1.0"}, {"group": "", "slot": "", "agents": "", "delivery": ""}
    )
    registry.register(Readiness({"canary": lambda: None}))
    labels: dict[str, set[str]] = {"up": set()}
    for family in registry.collect():
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def used(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the name of each metric in a PromQL expression, and the labels that are asked of it."""
    for match in _NAME.finditer(_STRING.sub('""', expression)):
        rest = _STRING.sub('""', expression)[match.end() :]
        selector = re.match(r"\{([^}]*)\}", rest)
        words = re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", selector[1]) if selector else []
        yield match[0], set(words)


def grouped_by(expression: str) -> set[str]:
    """Labels that an expression groups or joins by."""
    lists = re.findall(r"\b(?:by|on|group_left|group_right)\s*\(([^)]*)\)", expression)
    return {label.strip() for each in lists for label in each.split(",") if label.strip()}
