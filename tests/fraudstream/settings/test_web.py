"""The web server's doors: loopback by default, and beyond it never without a token or client certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fraudstream.settings import WebSettings
from fraudstream.worker.tls import access
from tests.fraudstream.settings.settings_loading import load, refusal

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "0123456789abcdef"  # noqa: S105 - a test's token
ELSEWHERE = ["0.0.0.0", "::", "10.0.0.7", "workers.example.org"]  # noqa: S104 - what is refused


@pytest.fixture
def pem(tmp_path: Path) -> str:
    file = tmp_path / "some.pem"
    file.touch()
    return str(file)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_nothing(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    web = load(monkeypatch, WEB__HOST=host).web
    assert web.is_local
    assert access(web).token is None


@pytest.mark.parametrize("host", ELSEWHERE)
def test_elsewhere_a_start_without_token_and_certificates_is_refused(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    says = f"FRAUDSTREAM_WEB__HOST is {host}, where others can reach it: set FRAUDSTREAM_WEB__TOKEN"
    assert refusal(monkeypatch, WEB__HOST=host).startswith(says)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_elsewhere_a_token_needs_tls_or_a_trusted_network(
    monkeypatch: pytest.MonkeyPatch, host: str, pem: str
) -> None:
    sentence = refusal(monkeypatch, WEB__HOST=host, WEB__TOKEN=TOKEN)
    assert "FRAUDSTREAM_WEB__TOKEN would travel unencrypted" in sentence
    assert TOKEN not in sentence
    for mend in (
        {"WEB__ALLOW_PLAINTEXT_TOKEN": "true"},
        {"WEB__SSL_CERTIFICATE_FILE": pem, "WEB__SSL_KEY_FILE": pem},
    ):
        with pytest.MonkeyPatch.context() as own:
            web = load(own, WEB__HOST=host, WEB__TOKEN=TOKEN, **mend).web
            assert access(web).token == TOKEN.encode()


def test_elsewhere_client_certificates_are_enough(monkeypatch: pytest.MonkeyPatch, pem: str) -> None:
    files = ("SSL_CERTIFICATE_FILE", "SSL_KEY_FILE", "SSL_CLIENT_CA_FILE")
    web = load(monkeypatch, WEB__HOST="::", **{f"WEB__{name}": pem for name in files}).web
    assert (access(web).token, access(web).by_certificate) == (None, True)


def test_a_trusted_network_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = {"WEB__HOST": "::", "WEB__ALLOW_PLAINTEXT_TOKEN": "true"}
    assert "where others can reach it" in refusal(monkeypatch, **trusted)


@pytest.mark.parametrize("token", ["short", "with space in between", "zürich-zürich-zürich", "a\tb" * 9])
def test_a_token_that_is_guessed_or_fits_no_header_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    sentence = refusal(monkeypatch, WEB__TOKEN=token)
    assert sentence.startswith("FRAUDSTREAM_WEB__TOKEN: it must have at least 16 letters, digits or any of")
    assert token not in sentence


@pytest.mark.parametrize("name", ["SSL_CERTIFICATE_FILE", "SSL_KEY_FILE", "SSL_CLIENT_CA_FILE"])
def test_half_of_tls_is_refused(monkeypatch: pytest.MonkeyPatch, pem: str, name: str) -> None:
    sentence = refusal(monkeypatch, **{f"WEB__{name}": pem})
    assert sentence.startswith("FRAUDSTREAM_WEB__SSL_CERTIFICATE_FILE and FRAUDSTREAM_WEB__SSL_KEY_FILE must")


def test_the_default_is_loopback_without_anything() -> None:
    assert WebSettings().is_local
