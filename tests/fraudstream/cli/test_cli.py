"""The command line: data on standard output, words on standard error, exit statuses that mean something."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from fraudstream.cli import app, main
from fraudstream.cli.output import whole
from fraudstream.settings.tree import variables

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_every_command_explains_itself() -> None:
    for command in (
        (),
        ("topics",),
        ("config",),
        ("schema",),
        ("dev",),
        ("alerts",),
        ("doctor",),
        ("model",),
        ("control",),
        ("control", "policy"),
    ):
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert "Usage" in result.stdout


def test_a_wrong_setting_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRAUDSTREAM_WEB__PORT", "many")
    monkeypatch.setattr(sys, "argv", ["fraudstream", "config", "check"])
    with pytest.raises(SystemExit) as leaving:
        main()
    output = capsys.readouterr()
    assert leaving.value.code == 2
    assert output.out == ""
    assert output.err == "FRAUDSTREAM_WEB__PORT is 'many': it must be a valid integer.\n"


@pytest.mark.parametrize(
    "command",
    [["topics", "check"], ["topics", "create"], ["alerts", "--count", "1"], ["profiles", "rebuild"]],
)
def test_kafka_away_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.setattr("fraudstream.kafka.admin.BOOTSTRAP_MS", 100)
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr(sys, "argv", ["fraudstream", *command])
    with pytest.raises(SystemExit) as leaving:
        main()
    output = capsys.readouterr()
    assert leaving.value.code == 1
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert output.err.startswith("Kafka does not answer at 127.0.0.1:1")


def test_config_show_is_an_environment_file_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__SECURITY_PROTOCOL", "sasl_ssl")
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__SASL_USERNAME", "bank")
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__SASL_PASSWORD", "correct-horse")
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__CLIENT", '{"sasl.oauthbearer.client.secret": "correct-horse"}')
    text = run("config", "show").stdout
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    assert {line.partition("=")[0] for line in lines} == variables()
    assert "FRAUDSTREAM_KAFKA__SASL_USERNAME=bank" in lines
    assert "FRAUDSTREAM_WORKER__AGENTS=scoring,intake" in lines
    assert "FRAUDSTREAM_KAFKA__SASL_PASSWORD=**********" in lines
    assert "correct-horse" not in text + run("config", "show", "--json").stdout


def test_config_show_round_trips_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__ALLOW_PLAINTEXT_CREDENTIALS", "1")
    shown = run("config", "show").stdout
    for line in shown.splitlines():
        if not line.startswith("# "):
            name, _, value = line.partition("=")
            monkeypatch.setenv(name, value)
    assert run("config", "show").stdout == shown
    assert json.loads(run("config", "show", "--json").stdout)["kafka"]["allow_plaintext_credentials"] is True


def test_config_check_says_so_on_standard_error_only() -> None:
    result = run("config", "check")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "The settings are right.\n")


def test_schema_export_writes_every_file(tmp_path: Path) -> None:
    export = pytest.importorskip("schemas.export.documents", reason="the contracts' export is not there yet")
    folder = tmp_path / "made" / "here"
    result = run("schema", "export", str(folder))
    assert result.exit_code == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == export.files()
    assert result.stdout.split() == [str(folder / name) for name in export.files()]


def test_wrong_usage_is_status_2() -> None:
    assert run("alerts", "--count", "0").exit_code == 2


def test_ctrl_c_waits_for_the_line_in_hand_and_comes_then() -> None:
    written = []

    def interrupted_line() -> None:
        with whole():
            os.kill(os.getpid(), signal.SIGINT)
            written.append("the line")

    with pytest.raises(KeyboardInterrupt):
        interrupted_line()
    assert written
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interpreter_without_assertions_is_named_before_anything_runs() -> None:
    ran = subprocess.run(
        [sys.executable, "-O", "-m", "fraudstream", "topics", "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "PYTHONOPTIMIZE" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_config_check_lets_librdkafka_judge_its_properties(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__CLIENT", '{"no.such.prop": "1"}')
    monkeypatch.setattr(sys, "argv", ["fraudstream", "config", "check"])
    with pytest.raises(SystemExit) as leaving:
        main()
    assert leaving.value.code == 1
    assert 'No such configuration property: "no.such.prop"' in capsys.readouterr().err
