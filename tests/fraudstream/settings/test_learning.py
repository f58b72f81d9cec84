"""Settings of the learning side: which agents go together, what a learner needs, what is never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from fraudstream.cli import app
from models.learners.base import ALGORITHMS
from tests.fraudstream.settings.settings_loading import load, refusal

if TYPE_CHECKING:
    from pathlib import Path

KEY = "correct-horse-battery"


def test_without_any_setting_a_worker_scores_and_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    assert not settings.worker.learns
    assert settings.learning.signing_key is None
    assert settings.learning.algorithm == ALGORITHMS[0]
    assert settings.labelling.horizon_days < settings.labelling.keep_days


@pytest.mark.parametrize(
    ("agents", "group"),
    [
        ("scoring", "risk"),
        ("intake", "risk"),
        ("scoring,intake", "risk"),
        ("labelling", "risk.learning"),
        ("labelling,reputation,learning", "risk.learning"),
    ],
)
def test_each_side_has_its_group(monkeypatch: pytest.MonkeyPatch, agents: str, group: str) -> None:
    settings = load(monkeypatch, WORKER__AGENTS=agents, WORKER__GROUP="risk", LEARNING__SIGNING_KEY=KEY)
    assert settings.worker.side_group == group


@pytest.mark.parametrize("agents", ["scoring,learning", "intake,labelling", "scoring,intake,reputation"])
def test_a_worker_that_scores_does_not_learn(monkeypatch: pytest.MonkeyPatch, agents: str) -> None:
    sentence = refusal(monkeypatch, WORKER__AGENTS=agents, LEARNING__SIGNING_KEY=KEY)
    assert sentence.startswith("FRAUDSTREAM_WORKER__AGENTS must not mix scoring or intake with labelling")


def test_no_agent_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "FRAUDSTREAM_WORKER__AGENTS" in refusal(monkeypatch, WORKER__AGENTS=",")


def test_a_learner_without_a_key_is_refused_and_others_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = refusal(monkeypatch, WORKER__AGENTS="learning")
    assert sentence.startswith("FRAUDSTREAM_LEARNING__SIGNING_KEY must be set where the learning agent runs")
    assert load(monkeypatch, WORKER__AGENTS="labelling,reputation").worker.learns


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_learner_can_be_chosen(monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
    assert load(monkeypatch, LEARNING__ALGORITHM=algorithm).learning.algorithm == algorithm


def test_a_short_key_is_refused_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = refusal(monkeypatch, LEARNING__SIGNING_KEY="hunter2")
    assert "FRAUDSTREAM_LEARNING__SIGNING_KEY must have at least 16 characters" in sentence
    assert "hunter2" not in sentence


def test_a_wrong_value_beside_the_key_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "bank.toml"
    file.write_text("[learning]\nsigning_key = 12345678901234567890\n")
    assert "12345678901234567890" not in refusal(monkeypatch, CONFIG=str(file))


def test_the_key_is_masked_wherever_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, LEARNING__SIGNING_KEY=KEY)
    shown = CliRunner().invoke(app, ["config", "show"], catch_exceptions=False).stdout
    assert "FRAUDSTREAM_LEARNING__SIGNING_KEY=**********" in shown.splitlines()
    assert KEY not in shown + repr(settings)
    assert settings.learning.signing_key is not None
    assert settings.learning.signing_key.get_secret_value() == KEY


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"LABELLING__KEEP_DAYS": "5"},
            "FRAUDSTREAM_LABELLING__KEEP_DAYS must not be less than FRAUDSTREAM_LABELLING__HORIZON_DAYS.",
        ),
        ({"LABELLING__HORIZON_DAYS": "0"}, "FRAUDSTREAM_LABELLING__HORIZON_DAYS is '0'"),
        ({"LABELLING__GENUINE_SHARE": "0"}, "FRAUDSTREAM_LABELLING__GENUINE_SHARE is '0'"),
        ({"LABELLING__GENUINE_SHARE": "1.5"}, "FRAUDSTREAM_LABELLING__GENUINE_SHARE is '1.5'"),
        ({"LEARNING__MODEL": "My Model"}, "FRAUDSTREAM_LEARNING__MODEL is 'My Model'"),
        ({"LEARNING__MODEL": "a@1"}, "FRAUDSTREAM_LEARNING__MODEL is 'a@1'"),
        (
            {"LEARNING__ALGORITHM": "magic"},
            "FRAUDSTREAM_LEARNING__ALGORITHM is 'magic': it must be 'boost'",
        ),
        ({"LEARNING__KEPT_VERSIONS": "1"}, "FRAUDSTREAM_LEARNING__KEPT_VERSIONS is '1'"),
        ({"LEARNING__PUBLISH_SECONDS": "0"}, "FRAUDSTREAM_LEARNING__PUBLISH_SECONDS is '0'"),
        ({"LEARNING__SEED": "-1"}, "FRAUDSTREAM_LEARNING__SEED is '-1'"),
        ({"LEARNING__SIGNINGKEY": KEY}, "did you mean FRAUDSTREAM_LEARNING__SIGNING_KEY?"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    assert says in refusal(monkeypatch, **variables)
