"""Settings: defaults that run, one sentence for whatever is wrong, and secrets that stay secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from tests.fraudstream.settings.settings_loading import load, refusal

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_set_is_a_whole_tree_of_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9092"
    assert settings.delivery.mode == "exactly-once"
    assert settings.worker.agents == ("scoring", "intake")
    assert settings.worker.slot is None
    assert settings.web.host == "127.0.0.1", "health and metrics have no authentication"


def test_the_tree_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    with pytest.raises(ValidationError):
        settings.web = settings.web
    with pytest.raises(ValidationError):
        settings.web.port = 1


def test_the_environment_sets_nested_values(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        WEB__PORT="7000",
        WORKER__AGENTS="scoring, intake",
        TOPICS__PREFIX="prod.",
        KAFKA__CLIENT='{"socket.keepalive.enable": "true"}',
    )
    assert settings.web.port == 7000
    assert settings.worker.agents == ("scoring", "intake")
    assert settings.topics.names().labels_keyed == "prod.labels.keyed"
    assert settings.kafka.librdkafka()["socket.keepalive.enable"] == "true"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, WEB__PORT="", WORKER__SLOT="").worker.slot is None


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"DELIVERY__CHUNK_SIZE": "many"},
            "FRAUDSTREAM_DELIVERY__CHUNK_SIZE is 'many': it must be a valid integer.",
        ),
        ({"DELIVERY__CHUNK_SIZE": "0"}, "FRAUDSTREAM_DELIVERY__CHUNK_SIZE is '0': it must be greater than"),
        ({"DELIVERY__MODE": "once"}, "it must be 'exactly-once' or 'at-least-once'."),
        (
            {"DELIVERY__COMMIT_INTERVAL_SECONDS": "nan"},
            "FRAUDSTREAM_DELIVERY__COMMIT_INTERVAL_SECONDS is 'nan'",
        ),
        (
            {"DELIVERY__COMMIT_INTERVAL_SECONDS": "15"},
            "must be less than FRAUDSTREAM_DELIVERY__TRANSACTION_TIMEOUT",
        ),
        ({"DELIVERY__STALL_TIMEOUT_SECONDS": "inf"}, "is 'inf': it must be a finite number."),
        (
            {"SCORING__POLICY": "fixed", "SCORING__REVIEW_THRESHOLD": "0.95"},
            "must not be above FRAUDSTREAM_SCORING__DECLINE_THRESHOLD.",
        ),
        ({"SCORING__REVIEW_THRESHOLD": "0.4"}, "goes with FRAUDSTREAM_SCORING__POLICY=fixed"),
        ({"SCORING__BUDGET_FLOOR": "0.4", "SCORING__BUDGET_CEILING": "0.3"}, "BUDGET_CEILING"),
        ({"SCORING__DECLINE_THRESHOLD": "1.5"}, "it must be less than or equal to 1."),
        (
            {"WORKER__AGENTS": "scorign"},
            "FRAUDSTREAM_WORKER__AGENTS is 'scorign': it must be 'scoring', 'intake', 'labelling',",
        ),
        ({"TOPICS__PREFIX": "a b"}, "FRAUDSTREAM_TOPICS__PREFIX is 'a b'"),
        ({"WEB__PORT": "65536"}, "FRAUDSTREAM_WEB__PORT is '65536'"),
        ({"LOG__LEVEL": "loud"}, "FRAUDSTREAM_LOG__LEVEL is 'loud'"),
        (
            {"KAFKA__BOOTSTRAP_SERVERS": "a:1,b"},
            "FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS: each address must be host:port",
        ),
        (
            {"KAFKA__BOOTSTRAP_SERVERS": "a:1,b:99999"},
            "FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS: a port is a number from 1 to 65535, and that of 'b:99999'",
        ),
        ({"KAFKA__CLIENT": "{"}, "FRAUDSTREAM_KAFKA__CLIENT: it must be a JSON object of strings"),
        ({"KAFKA__CLIENT": '{"isolation.level": "x"}'}, "isolation.level must not be set here"),
        ({"KAFKA__SSL_CA_FILE": "/no/such.pem"}, "FRAUDSTREAM_KAFKA__SSL_CA_FILE is '/no/such.pem'"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    assert says in refusal(monkeypatch, **variables)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("DELIVERY__CHUNKSIZE", "did you mean FRAUDSTREAM_DELIVERY__CHUNK_SIZE?"),
        ("KAFKA_BOOTSTRAP_SERVERS", "did you mean FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS?"),
        ("XYZZY", "`fraudstream config show` lists them all."),
        ("KAFKA", "FRAUDSTREAM_KAFKA is no setting"),
    ],
)
def test_an_unknown_variable_is_refused_with_a_suggestion(
    monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    assert says in refusal(monkeypatch, **{name: "{}"})


def test_the_file_is_below_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "bank.toml"
    file.write_text('[web]\nport = 7000\nhost = "::1"\n[worker]\nagents = ["intake"]\n')
    settings = load(monkeypatch, CONFIG=str(file), WEB__PORT="8000")
    assert (settings.web.port, settings.web.host, settings.worker.agents) == (8000, "::1", ("intake",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[web]\nport = 0.5", "web.port in {file} is 0.5: it must be a valid integer"),
        (
            "[web]\nprot = 1",
            "web.prot in {file} is no setting of fraudstream: did you mean FRAUDSTREAM_WEB__PORT?",
        ),
        ("[wbe]\nport = 1", "wbe in {file} is no setting of fraudstream"),
        ("[web", "FRAUDSTREAM_CONFIG names {file}, which is not TOML"),
    ],
)
def test_a_wrong_file_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "bank.toml"
    file.write_text(text)
    assert says.format(file=file) in refusal(monkeypatch, CONFIG=str(file))


def test_a_missing_file_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cannot be read: No such file" in refusal(monkeypatch, CONFIG="/no/such.toml")


def test_thresholds_of_the_policy_that_is_not_chosen_may_stand_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load(monkeypatch, SCORING__DECLINE_THRESHOLD="0.4").scoring.review_threshold == 0.5
    sentence = refusal(monkeypatch, SCORING__POLICY="fixed")
    assert "FRAUDSTREAM_SCORING__REVIEW_THRESHOLD must not be above" in sentence
