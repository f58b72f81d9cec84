"""`fraudstream control` without Kafka: what it writes, what it shows, and what it refuses in one sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from agents.broadcast import policy_factory
from fraudstream.admin.models import ControlLog, ModelRefused
from fraudstream.admin.models.controls import RefusedControl, budget, fixed_threshold
from fraudstream.cli import app
from fraudstream.errors import FraudstreamError
from models.controls import Controls
from models.scoring.alert_budget import AlertBudgetPolicy
from models.scoring.policy import FixedThresholdPolicy
from schemas.control import ExchangeRates
from tests.models.model_cases import KEY, START, pin, signed

if TYPE_CHECKING:
    from schemas.control import Control

FIXED = ("policy", "fixed-threshold", "--review", "0.3", "--decline", "0.6")
BUDGET = ("policy", "alert-budget", "--alerts-per-10000", "20", "--floor", "0.1", "--ceiling", "0.7")
scores = st.floats(0, 1)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["control", *arguments], catch_exceptions=False)


@pytest.fixture
def issued(monkeypatch: pytest.MonkeyPatch) -> list[Control]:
    """What the commands tell the scorers."""
    told: list[Control] = []

    def issue(_settings: Any, control: Control) -> Control:
        told.append(control)
        return control

    monkeypatch.setattr("fraudstream.admin.models.issue", issue)
    return told


@pytest.mark.parametrize(
    ("command", "kind", "version"),
    [
        (FIXED, "fixed-threshold", FixedThresholdPolicy(0.3, 0.6).version),
        (
            (*BUDGET, "--decline", "0.8"),
            "alert-budget",
            AlertBudgetPolicy(20, floor=0.1, ceiling=0.7, decline=0.8).version,
        ),
        (("clear",), "configured-policy", None),
    ],
)
def test_each_command_tells_one_control_and_shows_it(
    issued: list[Control], command: tuple[str, ...], kind: str, version: str | None
) -> None:
    result = run(*command, "--remark", "as agreed")
    [control] = issued
    assert (control.kind, control.remark, getattr(control, "version", None)) == (kind, "as agreed", version)
    assert f"decision-policy.kind: {kind}" in result.stdout.splitlines()
    assert result.stderr == "Every scorer that has the signing key follows within a second.\n"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("policy", "fixed-threshold", "--review", "0.7", "--decline", "0.6"), "thresholds must ascend"),
        ((*BUDGET[:-1], "0.05"), "thresholds must ascend"),
        ((*FIXED, "--remark", "x" * 400), "remark: must be 1 to 280 characters"),
        (("clear", "--remark", "a\nb"), "remark: must be 1 to 280 characters"),
    ],
)
def test_what_scorers_would_refuse_is_not_told(
    issued: list[Control], command: tuple[str, ...], says: str
) -> None:
    with pytest.raises(ModelRefused, match=rf"^Scorers would refuse this policy: {says}[^\n]*\.$"):
        run(*command)
    assert issued == []


@pytest.mark.parametrize("command", [FIXED[:4], ("policy", "fixed-threshold", "--review", "7"), BUDGET[:2]])
def test_wrong_usage_is_status_2(issued: list[Control], command: tuple[str, ...]) -> None:
    assert run(*command).exit_code == 2
    assert issued == []


@given(st.tuples(scores, scores, scores).map(sorted), st.floats(1e-9, 10_000))
@example([0.0, 0.2109375, 1.0], 4288.8984375)  # its numbers in a row pass for a card number
def test_every_policy_that_can_be_has_a_name_that_a_control_can_have(
    bounds: list[float], alerts_per_10000: float
) -> None:
    """The same numbers have the same name, so that a budget goes on where it was."""
    floor, ceiling, decline = bounds
    for control in (
        fixed_threshold(floor, decline, issued_at=START),
        budget(alerts_per_10000, floor=floor, ceiling=ceiling, decline=decline, issued_at=START),
    ):
        assert policy_factory(control)().version == control.version
        assert len(control.version) <= 32


CSV = "as_of,base,currency,rate\n2026-11-27,EUR,USD,1.16\n2026-11-27,EUR,XOF,655.957\n"
JSON = '{"as_of": "2026-11-27", "base": "EUR", "rates": {"USD": 1.16, "XOF": 655.957}}'


@pytest.mark.parametrize(
    "text", [CSV, "\ufeff" + CSV.replace("\n", "\r\n"), JSON, JSON.replace('27"', '27T00:00:00Z"')]
)
def test_rates_are_told_from_a_csv_or_json_file(issued: list[Control], tmp_path: Path, text: str) -> None:
    (file := tmp_path / "rates").write_text(text, newline="")
    result = run("rates", str(file), "--remark", "as published")
    [control] = issued
    assert isinstance(control, ExchangeRates)
    assert (control.base, control.rates) == ("EUR", {"USD": 1.16, "XOF": 655.957})
    assert (control.as_of, control.remark) == (datetime(2026, 11, 27, tzinfo=UTC), "as published")
    assert "exchange-rates.base: EUR" in result.stdout.splitlines()


def test_the_example_file_of_rates_is_one(issued: list[Control]) -> None:
    run("rates", str(Path(__file__).parents[3] / "deploy" / "exchange-rates.example.json"))
    assert len(issued) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no rates of one date"),
        ("USD 1.16", "has no rates of one date"),
        ("a,b\n1,2\n", "has no rates of one date"),
        (CSV.replace("1.16", "1,16"), "has no rates of one date"),
        (CSV.replace("1.16", "x"), "has no rates of one date"),
        (CSV.replace("EUR,XOF", "GBP,XOF"), "has no rates of one date"),
        (CSV.replace("XOF", "USD"), "each currency once"),
        ("{", "is no JSON"),
        (JSON.replace("1.16", "0"), r"refuse these rates: rates"),
        (JSON.replace("1.16", "1e300"), r"refuse these rates: rates"),
        (JSON.replace("USD", "USS"), r"refuse these rates: rates"),
        (JSON.replace("USD", "EUR"), r"refuse these rates: rates: must be 1 for the base"),
        (JSON.replace("2026-11-27", "yesterday"), r"refuse these rates: as_of"),
        ('{"base": "EUR", "rates": {}}', r"refuse these rates: as_of"),
    ],
)
def test_a_file_that_is_no_rates_is_refused_in_a_sentence(
    issued: list[Control], tmp_path: Path, text: str, says: str
) -> None:
    (file := tmp_path / "rates").write_text(text)
    with pytest.raises(ModelRefused, match=rf"^[^\n]*({says})[^\n]*\.$"):
        run("rates", str(file))
    assert issued == []


def test_show_is_the_controls_in_force_and_in_words_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    controls = Controls(KEY)
    controls.take(*signed(pin(7)))
    found = ControlLog(controls, (RefusedControl(3, "the control is not signed by this key"),))
    monkeypatch.setattr("fraudstream.admin.models.read_controls", lambda _: found)
    result = run("show", "--json")
    assert [orjson.loads(line)["model_version"] for line in result.stdout.splitlines()] == [7]
    assert result.stderr == (
        "Scorers refuse the record at offset 3: the control is not signed by this key.\n"
    )
    assert "model.model_version: 7" in run("show").stdout.splitlines()


def test_show_says_that_nothing_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraudstream.admin.models.read_controls", lambda _: ControlLog(Controls(KEY), ()))
    result = run("show")
    assert (result.stdout, result.stderr.startswith("No control is in force")) == ("", True)


@pytest.mark.parametrize("command", [("show",), ("clear",), FIXED])
def test_without_a_key_nothing_is_told_or_trusted(command: tuple[str, ...]) -> None:
    with pytest.raises(ModelRefused, match=r"^FRAUDSTREAM_LEARNING__SIGNING_KEY is not set"):
        run(*command)


@pytest.mark.parametrize("command", [("show",), ("clear",), FIXED])
def test_kafka_away_is_one_sentence(monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setattr("fraudstream.kafka.admin.BOOTSTRAP_MS", 100)
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("FRAUDSTREAM_LEARNING__SIGNING_KEY", KEY.decode())
    with pytest.raises(FraudstreamError, match=r"^Kafka does not answer at 127\.0\.0\.1:1"):
        run(*command)
