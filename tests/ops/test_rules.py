"""The rules are sound: promtool accepts them, every name and label exists, every alert says what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from deploy.grafana.__main__ import PAGES as DASHBOARDS
from fraudstream.cli import app
from fraudstream.settings.tree import leaves, variable
from tests.ops.catalogue import TARGET_LABELS, catalogue, grouped_by, used
from tests.ops.rule_files import ALERTS, DEPLOY, FILES, RECORDED, RULES, RUNBOOKS, promtool

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

SHOWN = catalogue()
EVERY_LABEL = set().union(*SHOWN.values()) | TARGET_LABELS | {"le", "source"}


def test_prometheus_accepts_the_rules() -> None:
    assert not promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, FILES))


def test_prometheus_accepts_its_configuration() -> None:
    assert not promtool("check", "config", "--syntax-only", str(DEPLOY / "prometheus" / "prometheus.yml"))


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param(rule["expr"], id=rule.get("alert") or rule["record"])
        for each in RULES.values()
        for rule in each
    ],
)
def test_rules_ask_for_what_is_there(expression: str) -> None:
    """Every metric is one of the service's or recorded here, and every label one that it has."""
    for name, labels in used(expression):
        if ":" in name:
            assert name in RECORDED
        else:
            assert name in SHOWN
            assert labels <= SHOWN[name] | TARGET_LABELS | {"le"}
    assert grouped_by(expression) <= EVERY_LABEL


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_what_it_means_and_what_to_do(name: str) -> None:
    alert: dict[str, Any] = ALERTS[name]
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
    assert not alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["description"].endswith(".")


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("Fraudstream*.md")} == ALERTS.keys()


def test_the_table_of_alerts_has_each_with_its_severity() -> None:
    text = (RUNBOOKS.parent / "operations.md").read_text()
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| (\w+) \|", text, re.MULTILINE)
    assert dict(rows) == {name: alert["labels"]["severity"] for name, alert in ALERTS.items()}


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_says_what_it_means_what_to_do_and_when_it_is_over(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["What it means", "Look at, in this order", "Do", "Wake", "Over when"]


def titles(name: str) -> Iterator[str]:
    """What a runbook may call a dashboard and its panels."""
    dashboard = DASHBOARDS[name]().build()
    title = dashboard.title.partition(": ")[2]
    yield title[0].upper() + title[1:]
    yield from (panel.title for panel in dashboard.panels)


def commands(group: click.Command, words: str = "") -> Iterator[str]:
    """Every command of the command line, and every group of them."""
    for name, command in getattr(group, "commands", {}).items():
        yield f"{words}{name}"
        yield from commands(command, f"{words}{name} ")


PAGES = {page.stem: " ".join(page.read_text().split()) for page in sorted(RUNBOOKS.glob("*.md"))}
TITLES = {title for name in DASHBOARDS for title in titles(name)} | {"Status, Targets"}
COMMANDS = set(commands(typer.main.get_command(app)))
SETTINGS = {variable((section, name)) for section, name, _ in leaves()}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_only_what_there_is(name: str) -> None:
    """Panels, commands, settings and alerts."""
    page = PAGES[name]
    assert set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", page)) <= TITLES
    assert set(re.findall(r"`fraudstream ([a-z-]+(?: [a-z][a-z-]*)*)", page)) <= COMMANDS
    assert {f"FRAUDSTREAM_{setting}" for setting in re.findall(r"\b[A-Z]+__[A-Z_]+\b", page)} <= SETTINGS
    assert set(re.findall(r"\bFraudstream[A-Z]\w+", page)) <= ALERTS.keys()
