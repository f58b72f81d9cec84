"""A card is forgotten by the whole service while it runs, and no restart brings it back."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from faulty import read_committed
from service import SIGNING_KEY, Service, service, wait_until
from typer.testing import CliRunner, Result

from fraudstream.admin.data_subject.profile import describe
from fraudstream.cli import app
from fraudstream.settings import Settings
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from fraudstream.simulate.stream import RecordKind, StreamRecord, stream
from fraudstream.worker.compose import new_model
from models.reputations.store import ReputationStore
from models.scoring.pipeline import ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from models.signing import unseal
from schemas.errors import InvalidMessage
from schemas.example import decode_example
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

DAYS = 11
SETTINGS = {
    "LABELLING__HORIZON_DAYS": "2",
    "LABELLING__GENUINE_SHARE": "1",
    "LABELLING__EXAMPLES_PER_SECOND": "100000",
    "LEARNING__ALGORITHM": "logistic",
    "LEARNING__PUBLISH_SECONDS": "0.5",
    "LEARNING__PUBLISH_ROWS": "100",
    "LEARNING__CHECKPOINT_SECONDS": "1",
}


def bank() -> list[StreamRecord]:
    """Transactions with many frauds, and their labels; all of it lies in the past."""
    start = (datetime.now(UTC) - timedelta(days=DAYS + 1)).date()
    world = Handbook(120, 60, DAYS, start, seed=11, compromised_terminals=2.0, compromised_customers=3.0)
    return list(stream(CardWorld(world), seed=11))


def send(running: Service, records: list[StreamRecord]) -> None:
    topics = running.topics
    for kind, topic in ((RecordKind.TRANSACTION, topics.transactions), (RecordKind.LABEL, topics.labels)):
        running.produce([(each.key, each.value) for each in records if each.kind is kind], topic)
    wait_until(lambda: running.lag() == 0, 60, running.logs)
    for topic in (topics.scores, topics.labels_keyed, topics.outcomes, topics.examples):
        wait_until(
            lambda topic=topic: running.has_learnt(read_committed(running.servers, topic)), 60, running.logs
        )


def fraud_victim(running: Service) -> str:
    """A card with several examples, a fraud among them."""
    examples = [
        decode_example(each.value) for each in read_committed(running.servers, running.topics.examples)
    ]
    counts = Counter(example.subject for example in examples)
    return next(each.subject for each in examples if each.outcome == "fraud" and counts[each.subject] > 5)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["subject", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def shown(token: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(run("show", token, "--json").stdout)
    return found


def published(running: Service) -> dict[int, Any]:
    """The versions on the topic."""
    found = {each.key: each.value for each in read_committed(running.servers, running.topics.models)}
    snapshots = [unseal(value, SIGNING_KEY.encode())[0] for value in found.values() if value is not None]
    return {each.version: each for each in snapshots}


def learnt_without(running: Service, token: str, until: int) -> Any:
    """The model of the log without the token's examples, as if there had never been any."""
    model = new_model(Settings(learning={"algorithm": "logistic"}))
    for record in read_committed(running.servers, running.topics.examples):
        try:
            example = decode_example(record.value)
        except InvalidMessage:
            continue
        if record.offset < until and example.subject != token:
            model.fold(example, record.offset)
    return model.snapshot(datetime.now(UTC))[0]


def profile_of(values: list[bytes], offsets: list[int], token: str) -> dict[str, Any]:
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))
    state = core.new_state()
    core.process([decode_transaction(value) for value in values], offsets, state)
    return describe(state.profiles.pack(token))


def test_a_card_is_forgotten_and_stays_so_whatever_is_killed(
    kafka: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(kafka.bootstrap_servers, tmp_path, partitions=2, **SETTINGS) as running:
        for name, value in running.environment().items():
            if name.startswith("FRAUDSTREAM_"):
                monkeypatch.setenv(name, value)
        workers = [running.start(WORKER__SLOT="s"), running.start_learning(WORKER__SLOT="l")]
        send(running, bank())
        wait_until(lambda: published(running), 30, running.logs)
        token = fraud_victim(running)
        held = shown(token)
        assert len(held["profiles"]) == 1
        assert held["rows"]
        assert "subject" in held["reputations"]

        certificate = erased_as_certified(running, token, held, tmp_path / "certificate.json")
        for worker in workers:
            worker.kill()
            worker.wait()
        running.start(WORKER__SLOT="s")
        running.start_learning(WORKER__SLOT="l")
        nothing_comes_back(running, token, certificate)
        unknown = run("erase", "card-nobody-has", "--out", str(tmp_path / "none.json"))
        assert unknown.stderr == "Nothing is held on it: nothing was written.\n"


def erased_as_certified(running: Service, token: str, held: dict[str, Any], file: Path) -> dict[str, Any]:
    """Erase, and hold the certificate to what is on the topics."""
    first = held["examples"][0]["offset"]
    stained = {version for version in published(running) if version > first}
    assert stained
    run("erase", token, "--out", str(file))
    run("verify", str(file), "--token", token)
    assert token not in file.read_text()
    certificate: dict[str, Any] = orjson.loads(file.read_bytes())
    found = {each["store"]: (each["held"], each["status"], each["left"]) for each in certificate["stores"]}
    assert found["profile"] == (1, "erased", 0)
    for store, entries in (("labelling", "rows"), ("examples", "examples"), ("reputations", "reputations")):
        assert found[store] == (len(held[entries]), "erased", 0)
    assert stained <= set(certificate["model"]["taken_back"])

    versions = published(running)
    assert not stained & set(versions)
    newest = versions[max(versions)]
    assert certificate["model"]["after"] == {"version": newest.version, "sha256": newest.onnx_sha256}
    expected = learnt_without(running, token, newest.version)
    assert (newest.onnx_sha256, newest.calibration) == (expected.onnx_sha256, expected.calibration)
    rebuilt = CliRunner().invoke(app, ["model", "rebuild", "--to", str(newest.version - 1)])
    assert "the same as published, byte for byte" in rebuilt.stderr
    return certificate


def nothing_comes_back(running: Service, token: str, certificate: dict[str, Any]) -> None:
    """The card pays again, after all workers were killed: what is held begins there."""
    names = [f"later-{number}" for number in range(3)]
    values = [later_value(token, number) for number in range(3)]
    running.produce([(token.encode(), value) for value in values])
    wait_until(lambda: running.lag() == 0, 60, running.logs)
    again = shown(token)
    [profile] = again["profiles"].values()
    offsets = [profile["last_offset"] - 2 + number for number in range(3)]
    expected = profile_of(values, offsets, token) | {"last_log": profile["last_log"]}
    assert profile == expected, "of the later transactions only"
    assert again["examples"] == []
    assert set(again["rows"]) <= set(names)
    assert again["reputations"] == {}
    assert set(again["holdings"]) <= {each["topic"] for each in certificate["remains"]}
    scores = [orjson.loads(each.value) for each in read_committed(running.servers, running.topics.scores)]
    assert set(names) <= {score.get("transaction_id") for score in scores}


def later_value(token: str, number: int) -> bytes:
    return orjson.dumps(
        {
            "kind": "card",
            "transaction_id": f"later-{number}",
            "event_time": (datetime.now(UTC) - timedelta(minutes=10 - number)).isoformat(),
            "card_id": token,
            "merchant_id": "till-1",
            "amount": f"{number + 1}.50",
            "currency": "EUR",
        }
    )
