"""The dashboards are what their program makes, say what they show, and ask for what is there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from deploy.grafana.__main__ import FOLDER, PAGES, text
from tests.ops.catalogue import TARGET_LABELS, catalogue, grouped_by, used
from tests.ops.rule_files import ALERTS, RECORDED, RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = catalogue()


def panels(name: str) -> Iterator[dict[str, Any]]:
    """The panels of a dashboard's file that show something."""
    for panel in json.loads((FOLDER / f"{name}.json").read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


EVERY_PANEL = [pytest.param(panel, id=panel["title"]) for name in PAGES for panel in panels(name)]


@pytest.mark.parametrize("name", PAGES)
def test_the_file_is_what_the_program_makes(name: str) -> None:
    """Where this fails: `python -m deploy.grafana`."""
    assert (FOLDER / f"{name}.json").read_text() == text(name)


def test_there_is_no_other_file() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(PAGES)


@pytest.mark.parametrize("panel", EVERY_PANEL)
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    for link in panel.get("links") or ():
        assert link["url"].removeprefix("${runbooks}/").removesuffix(".md") in ALERTS


@pytest.mark.parametrize("panel", EVERY_PANEL)
def test_a_panel_asks_for_what_is_there(panel: dict[str, Any]) -> None:
    """Every metric is one of the service's or recorded, and every label one that it has."""
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "$datasource"
        for name, labels in used(target["expr"]):
            assert name in (RECORDED if ":" in name else SHOWN)
            assert ":" in name or labels <= SHOWN[name] | TARGET_LABELS
        assert grouped_by(target["expr"]) <= set().union(*SHOWN.values()) | TARGET_LABELS | {"alertname"}


def test_every_metric_is_in_a_panel_or_a_rule() -> None:
    """A metric that nobody looks at and nothing watches is no use to anybody."""
    asked = [target["expr"] for name in PAGES for panel in panels(name) for target in panel["targets"]]
    asked += [rule["expr"] for rules in RULES.values() for rule in rules]
    names = {_family(name) for expression in asked for name, _ in used(expression)}
    assert {_family(name) for name in SHOWN if name.startswith("fraudstream_")} <= names


def _family(name: str) -> str:
    return re.sub("_(bucket|count|sum)$", "", name)


def test_every_alert_is_linked_from_a_panel() -> None:
    """Whoever sees something odd finds the runbook from there."""
    links = {link["url"] for name in PAGES for panel in panels(name) for link in panel.get("links") or ()}
    assert links == {f"${{runbooks}}/{name}.md" for name in ALERTS}
