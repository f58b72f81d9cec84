"""Settings from variables, for the tests of settings."""

from __future__ import annotations

import pytest

from fraudstream.settings import Settings, SettingsError, load_settings


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """The settings under FRAUDSTREAM_ variables given without their prefix."""
    for name, value in variables.items():
        monkeypatch.setenv(f"FRAUDSTREAM_{name}", value)
    return load_settings()


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """The one sentence that these variables are refused with."""
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, **variables)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence[-1] in ".?"
    return sentence
