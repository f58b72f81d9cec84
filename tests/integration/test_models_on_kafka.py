"""Scorers take signed models while they score, follow an operator's choice, and refuse everything else."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import orjson
import pytest
from faulty import read_committed
from service import SIGNING_KEY, Service, service, wait_until

from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from models.controls import sign
from models.learners.base import make_learner
from models.scoring.features import FEATURES, FEATURES_VERSION
from models.signing import seal
from models.snapshots.online_model import OnlineModel
from schemas.control import ModelPin, ModelUnpin
from schemas.example import Example, Maturity
from schemas.label import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fraudstream.simulate.world import SimulatedTransaction
    from schemas.control import Control

pytestmark = pytest.mark.kafka

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = SIGNING_KEY.encode()


def model(features_version: int = FEATURES_VERSION, name: str = "forest") -> OnlineModel:
    """A model that has learnt enough to tell the examples of either outcome apart."""
    learner = make_learner("logistic", len(FEATURES), seed=1)
    made = OnlineModel(name, learner, features_version=features_version, seed=1, code_version="test")
    for offset in range(8):
        learnt(made, offset)
    return made


def learnt(model: OnlineModel, offset: int) -> OnlineModel:
    """The model after one more example, at this offset."""
    fraud = offset % 2 == 0
    example = Example(
        transaction_id=f"t{offset}",
        subject="card",
        event_time=NOW,
        score=0.1,
        scored_by="prior",
        features=(float(fraud),) * len(FEATURES),
        features_version=model.features_version,
        outcome=Outcome.FRAUD if fraud else Outcome.GENUINE,
        maturity=Maturity.MATURED,
        weight=20.0,
        sampling_rate=1.0,
        learn_time=NOW,
    )
    model.fold(example, offset)
    return model


def sealed(model: OnlineModel, key: bytes = KEY) -> tuple[bytes, bytes]:
    """A snapshot as key and value of a record."""
    snapshot, onnx = model.snapshot(NOW)
    return snapshot.scored_by.encode(), seal(snapshot, onnx, key)


class Scorer:
    """A worker that scores, and transactions for it."""

    def __init__(self, running: Service) -> None:
        self.running = running
        self.worker = running.start()
        start = (datetime.now(UTC) - timedelta(days=9)).date()
        self._bank: Iterator[SimulatedTransaction] = iter(CardWorld(Handbook.of_size(100, 8, start)))
        self._sent = 0

    def restart(self) -> None:
        """Stop the worker and start it again; its counters begin anew."""
        assert set(self.running.stop()) == {0}
        self.worker = self.running.start()

    def publish(self, key: bytes, value: bytes | None) -> None:
        self.running.produce([(key, value)], self.running.topics.models)

    def control(self, control: Control, key: bytes = KEY) -> None:
        record = (control.control.encode(), sign(control, key))
        self.running.produce([record], self.running.topics.controls)

    def wait_for_version(self, version: int) -> None:
        wait_until(
            lambda: self.running.metric(self.worker, "fraudstream_model_version") == version,
            30,
            self.running.logs,
        )

    def score_one(self) -> str:
        """Which model scores the next transaction."""
        sent = next(self._bank)
        self.running.produce([(sent.subject.encode(), sent.encode())])
        self._sent += 1
        topic = self.running.topics.scores
        wait_until(
            lambda: len(read_committed(self.running.servers, topic)) == self._sent, 30, self.running.logs
        )
        newest = {
            score["transaction_id"]: score["scored_by"]
            for score in (orjson.loads(each.value) for each in read_committed(self.running.servers, topic))
        }
        return str(newest[sent.transaction_id])

    def refused(self, error_type: str, topic: str = "") -> float:
        lines = self.running.metrics(self.worker).splitlines()
        name = "fraudstream_broadcast_records_refused_total"
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith(name) and f'error_type="{error_type}"' in line and topic in line
        )

    def wait_for_refused_controls(self) -> None:
        """Wait until a control was refused for its signature, and one for its age."""

        def were_refused() -> bool:
            with suppress(URLError):  # a worker that starts does not answer yet
                topic = self.running.topics.controls
                return all(self.refused(fault, topic) == 1 for fault in ("bad-signature", "old-control"))
            return False

        wait_until(were_refused, 60, self.running.logs)


@pytest.fixture(scope="module")
def scorer(kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scorer]:
    folder = tmp_path_factory.mktemp("scorer")
    with service(kafka.bootstrap_servers, folder, LEARNING__MODEL="forest") as running:
        yield Scorer(running)


def test_a_signed_model_scores_from_the_next_transaction_on(scorer: Scorer) -> None:
    assert scorer.score_one() == "prior"
    made = learnt(model(), 9)
    scorer.publish(*sealed(made))
    scorer.wait_for_version(10)
    assert scorer.score_one() == "forest@10"
    scorer.publish(*sealed(learnt(made, 19)))
    scorer.wait_for_version(20)
    assert scorer.score_one() == "forest@20"


@pytest.mark.parametrize(
    "fault",
    ["bad-signature", "altered", "unsigned", "old-version", "features-mismatch", "unsound-model"],
)
def test_what_is_no_newer_model_signed_by_our_key_is_refused_and_scoring_goes_on(
    scorer: Scorer, fault: str
) -> None:
    key, value = sealed(learnt(model(), 999))
    error_type = "bad-signature"
    if fault == "bad-signature":
        key, value = sealed(learnt(model(), 999), key=b"somebody else's key")
    elif fault == "altered":
        value = value[:-1] + bytes([value[-1] ^ 1])
    elif fault == "unsigned":
        value = value[36:]
    elif fault == "old-version":
        (key, value), error_type = sealed(learnt(model(), 14)), "old-version"
    elif fault == "unsound-model":  # it is rightly signed, and gives 2e-9 for every row
        snapshot, onnx = learnt(model(), 999).snapshot(NOW)
        alike = snapshot.model_copy(update={"calibration": {"a": 1e-9, "b": 1e-9, "c": -20.0}})
        value, error_type = seal(alike, onnx, KEY), "unsound-model"
    else:
        (key, value), error_type = sealed(learnt(model(FEATURES_VERSION + 1), 999)), "features-mismatch"
    before = scorer.refused(error_type)
    in_force = scorer.score_one()
    scorer.publish(key, value)
    wait_until(lambda: scorer.refused(error_type) == before + 1, 30, scorer.running.logs)
    assert scorer.score_one() == in_force


def pin(version: int, minute: int) -> ModelPin:
    return ModelPin(name="forest", model_version=version, issued_at=NOW + timedelta(minutes=minute))


def test_an_operator_holds_every_scorer_to_a_version_and_lets_it_go(scorer: Scorer) -> None:
    for minute, (version, expected) in enumerate(((10, "forest@10"), (0, "prior"))):
        scorer.control(pin(version, minute))
        scorer.wait_for_version(version)
        assert scorer.score_one() == expected
    scorer.control(ModelUnpin(issued_at=NOW + timedelta(minutes=2)))
    scorer.wait_for_version(20)
    assert scorer.score_one() == "forest@20"


def test_a_pin_that_is_false_or_old_is_refused_also_by_a_scorer_that_starts(scorer: Scorer) -> None:
    """The topic keeps all that was ever told, so a scorer that starts finds the newest beside the old."""
    scorer.control(pin(0, 9), b"somebody else's key")
    scorer.control(pin(0, 1))
    scorer.wait_for_refused_controls()
    assert scorer.score_one() == "forest@20"
    scorer.restart()
    scorer.wait_for_refused_controls()
    assert scorer.score_one() == "forest@20"


def test_a_scorer_without_the_key_keeps_the_prior_model(kafka: Any, tmp_path: Path) -> None:
    with service(kafka.bootstrap_servers, tmp_path, LEARNING__SIGNING_KEY="") as running:
        scorer = Scorer(running)
        assert scorer.score_one() == "prior"
        scorer.publish(*sealed(learnt(model(), 9)))
        wait_until(lambda: scorer.refused("bad-signature") == 1, 30, running.logs)
        assert scorer.score_one() == "prior"
