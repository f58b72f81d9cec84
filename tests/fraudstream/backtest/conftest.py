"""Models score after fewer examples than in service, as the pasts of these tests are small."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _soon_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.snapshots.online_model.READY_FRAUDS", 10)
    monkeypatch.setattr("models.snapshots.online_model.READY_GENUINE", 30)
