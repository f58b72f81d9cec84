"""`fraudstream simulate` writes data to standard output, words to standard error, and refuses nonsense."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from fraudstream.cli.simulate import simulate

app = typer.Typer()
app.command()(simulate)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("FRAUDSTREAM_"):
            monkeypatch.delenv(name)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def sent(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.stderr
    return [orjson.loads(line) for line in result.stdout.splitlines()]


SMALL = ("--dry-run", "--customers", "60", "--days", "12")


@pytest.mark.parametrize(("world", "kind"), [("handbook", "card"), ("transfers", "transfer")])
def test_a_dry_run_writes_the_transactions_of_the_world(world: str, kind: str) -> None:
    records = sent(run(*SMALL, "--world", world, "--count", "40"))
    values = [record["value"] for record in records if record["topic"] == "transactions"]
    assert [value["kind"] for value in values if isinstance(value, dict)] == [kind] * 40


def test_seconds_at_a_rate_are_a_count() -> None:
    records = sent(run(*SMALL, "--rate", "20", "--seconds", "1.5"))
    assert sum(record["topic"] == "transactions" for record in records) == 30


def test_the_world_ends_before_today() -> None:
    records = sent(run(*SMALL))
    times = [str(record["value"]["event_time"]) for record in records if isinstance(record["value"], dict)]
    today = datetime.now(UTC).date()
    assert date.fromisoformat(max(times)[:10]) <= today - timedelta(days=1)
    assert date.fromisoformat(min(times)[:10]) >= today - timedelta(days=13)


def test_a_start_is_kept() -> None:
    records = sent(run(*SMALL, "--start", "2018-04-01", "--count", "5"))
    assert all("2018-04-01" in orjson.dumps(record).decode() for record in records)


def test_the_same_seed_writes_the_same_and_another_does_not() -> None:
    first, second, other = (run(*SMALL, "--count", "20", "--seed", seed) for seed in ("3", "3", "4"))
    assert first.stdout == second.stdout != other.stdout


def test_the_summary_is_words_on_standard_error_when_the_data_are_on_standard_output() -> None:
    result = run(*SMALL, "--count", "30", "--bad-share", "0.5")
    assert "30 transactions" in result.stderr
    assert "malformed messages" in result.stderr


def test_a_world_that_ends_too_soon_is_said() -> None:
    result = run(*SMALL, "--count", "1000000")
    assert result.exit_code == 0
    assert "give it more --days or --customers" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--count", "5", "--seconds", "5"), "cannot both be given"),
        (("--rate", "0", "--seconds", "5"), "needs a --rate above 0"),
        (("--start", "2999-01-01"), "reach into the future"),
        (("--world", "casino"), "casino"),
        (("--bad-share", "2"), "bad-share"),
    ],
)
def test_nonsense_is_refused_with_status_2(arguments: tuple[str, ...], sentence: str) -> None:
    result = run("--dry-run", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
