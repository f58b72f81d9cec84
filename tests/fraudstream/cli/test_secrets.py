"""No command shows a secret setting. Which settings are secrets is read off the tree of settings."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from fraudstream.cli import app
from fraudstream.settings import Settings, SettingsError, load_settings
from fraudstream.settings.tree import secrets, variable
from fraudstream.worker.preflight import ClientRefused
from tests.fraudstream.settings.settings_loading import load, refusal
from tests.planted import PLANTED, planted

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = "918273645546372819"
"""A secret that somebody wrote without quotation marks."""


def test_the_secrets_are_those_that_the_tree_declares() -> None:
    assert secrets() >= {
        ("kafka", "sasl_password"),
        ("kafka", "ssl_key_password"),
        ("kafka", "client"),
        ("learning", "signing_key"),
        ("web", "token"),
        ("web", "ssl_key_password"),
        ("log", "key"),
    }


def test_nothing_that_sounds_like_a_secret_is_declared_as_anything_else() -> None:
    words = ("password", "secret", "token", "signing_key", "credential")
    told = {
        (section, name)
        for section, field in Settings.model_fields.items()
        for name in field.annotation.model_fields
        if any(word in name for word in words) and not name.startswith("allow_")
    }
    assert told <= secrets()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Every secret set to a value that can be told among others."""
    file = tmp_path / "some.pem"
    file.touch()
    return load(monkeypatch, **planted(file))


def test_every_secret_was_planted(settings: Settings) -> None:
    for section, name in secrets():
        value = getattr(getattr(settings, section), name)
        found = value.values() if isinstance(value, dict) else [value]
        assert all(PLANTED in each.get_secret_value() for each in found), (section, name)


@pytest.mark.parametrize("command", [["config", "show"], ["config", "show", "--json"]])
def test_no_command_shows_a_secret(settings: Settings, command: list[str]) -> None:
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert PLANTED not in result.output + repr(settings) + str(settings) + settings.model_dump_json()


def test_what_librdkafka_says_of_the_settings_shows_no_secret(settings: Settings) -> None:
    with pytest.raises(ClientRefused) as refused:  # the planted files are no certificates
        CliRunner().invoke(app, ["config", "check"], catch_exceptions=False)
    assert PLANTED not in str(refused.value) + repr(settings)


@pytest.mark.parametrize("secret", sorted(secrets()), ids=variable)
@pytest.mark.parametrize(
    "wrong", [f"{PLANTED}\n", f'{{"{PLANTED}": 1}}', f'{{"{PLANTED}', f'["{PLANTED}"]', f"{PLANTED} \u00fc"]
)
def test_what_is_wrong_with_a_secret_is_said_without_it(secret: tuple[str, str], wrong: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variable(secret), wrong)
        assert PLANTED not in told()


@pytest.mark.parametrize("secret", sorted(secrets()), ids=variable)
@pytest.mark.parametrize(
    "value",
    [NUMBER, "true", f'["{PLANTED}"]', f'{{inner = "{PLANTED}"}}', f"{{inner = {NUMBER}}}", f'"{PLANTED}'],
)
def test_what_is_wrong_with_a_secret_in_the_file_is_said_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secret: tuple[str, str], value: str
) -> None:
    section, name = secret
    file = tmp_path / "bank.toml"
    file.write_text(f"[{section}]\n{name} = {value}\n")
    monkeypatch.setenv("FRAUDSTREAM_CONFIG", str(file))
    assert PLANTED not in told()
    assert NUMBER not in told()


def told() -> str:
    """All that is said of the settings: what they are, or why not, with whatever led to that."""
    try:
        return repr(load_settings())
    except SettingsError as refused:
        return "".join(traceback.format_exception(refused)) + repr(refused.__context__)


def test_a_value_beside_a_secret_is_still_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is 'many'" in refusal(monkeypatch, WEB__PORT="many", WEB__TOKEN=PLANTED * 2)
