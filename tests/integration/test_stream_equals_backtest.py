"""The same days through Kafka and through the backtest give the same examples, model and scores.

Kafka is fed step by step, so that both know the same at each step: transactions, then their labels, then all
that follows from these. A last label of each step, of a transaction that nobody sent, brings the clock up to
the newest score.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from faulty import read_committed
from service import SIGNING_KEY, Service, service, wait_until

from fraudstream.backtest.candidates.loop import Loop
from fraudstream.settings import Settings
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from fraudstream.simulate.stream import RecordKind, StreamRecord, stream
from fraudstream.worker.compose import labelling_rules, new_model
from models.signing import unseal
from schemas.example import decode_example
from schemas.label import Label, LabelOrigin, Outcome, decode_label
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from pathlib import Path

    from models.labelling.core import LabellingResult

pytestmark = pytest.mark.kafka

STEPS = 9
WORLD = Handbook(
    customers=120,
    terminals=60,
    days=18,
    start=date(2026, 3, 1),
    seed=5,
    compromised_terminals=2.0,
    compromised_customers=3.0,
)
SETTINGS = {
    "LABELLING__HORIZON_DAYS": "2",
    "LABELLING__GENUINE_SHARE": "0.8",
    "LABELLING__EXAMPLES_PER_SECOND": "1000",
    "LABELLING__GRACE_SECONDS": "300",
    "DELIVERY__COMMIT_INTERVAL_SECONDS": "0.05",
    "LEARNING__PUBLISH_SECONDS": "0.01",
    "LEARNING__PUBLISH_ROWS": "1",
}


class Step:
    """What a bank sends, and a little later knows, in one stretch of time."""

    def __init__(self, records: list[StreamRecord]) -> None:
        self.transactions = [each for each in records if each.kind is RecordKind.TRANSACTION]
        self.labels = [each for each in records if each.kind is RecordKind.LABEL]
        self.end = max(each.time for each in self.transactions)
        self.labels.append(self._last_label())

    def _last_label(self) -> StreamRecord:
        time = datetime.fromtimestamp(self.end, UTC)
        label = Label(
            transaction_id=f"nobody-sent-this-{self.end}",
            subject="nobody",
            outcome=Outcome.GENUINE,
            origin=LabelOrigin.ISSUER,
            label_time=time,
        )
        return StreamRecord(RecordKind.LABEL, self.end, b"nobody", label.to_json())


def steps() -> list[Step]:
    records = list(stream(CardWorld(WORLD), seed=5))
    days = WORLD.days / STEPS * 86_400
    stretches = groupby(records, key=lambda each: int((each.time - WORLD.start_timestamp) // days))
    return [Step(list(stretch)) for number, stretch in stretches if number < STEPS]


class Backtest:
    """The loop without Kafka."""

    def __init__(self) -> None:
        labelling = {
            name.partition("__")[2].lower(): value for name, value in SETTINGS.items() if "LABEL" in name
        }
        settings = Settings(labelling=labelling, topics={"score_partitions": 1})
        self.model = new_model(settings)
        self.loop = Loop(labelling_rules(settings), self.model)
        self.scores: dict[str, Any] = {}
        self.examples: list[dict[str, Any]] = []
        self.offset = 0

    def take(self, step: Step) -> None:
        transactions = [decode_transaction(each.value) for each in step.transactions]
        offsets = range(self.offset, self.offset + len(transactions))
        self.offset += len(transactions)
        for scored in self.loop.score(transactions, offsets):
            self.scores[scored.transaction.transaction_id] = (scored.score, scored.features.tolist())  # type: ignore[union-attr]
        self.loop.label([decode_label(each.value) for each in step.labels])
        self.examples.extend(told(self.loop.advance(step.end)))
        self.loop.publish(step.end)


def told(emission: LabellingResult) -> list[dict[str, Any]]:
    return [comparable(example) for example in emission.examples]


def comparable(example: Any) -> dict[str, Any]:
    """An example without what depends on when Kafka got the label."""
    content: dict[str, Any] = example.model_dump(exclude={"label_recorded_at"})
    content["scored_by"] = content["scored_by"].partition("@")[0]
    return content


class Stream:
    """The service on Kafka, fed step by step."""

    def __init__(self, running: Service) -> None:
        self.running = running
        self.scorer = running.start()
        self.learner = running.start_learning()
        self.scored = 0

    def take(self, step: Step, expected: Backtest) -> None:
        self.running.produce([(each.key, each.value) for each in step.transactions])
        self.scored += len(step.transactions)
        self._wait(lambda: self.count(self.running.topics.scores) == self.scored)
        self.running.produce([(each.key, each.value) for each in step.labels], self.running.topics.labels)
        self._wait(lambda: len(self.examples()) == len(expected.examples))
        if expected.model.is_ready():
            version = self.examples()[-1].offset + 1
            self._wait(lambda: self.metric("fraudstream_model_version") == version)
        outcomes = read_committed(self.running.servers, self.running.topics.outcomes)
        self._wait(lambda: self.running.has_learnt(outcomes))
        reputations = self.count(self.running.topics.reputations)
        self._wait(lambda: self.reputations_applied() == reputations)

    def count(self, topic: str) -> int:
        return len(read_committed(self.running.servers, topic))

    def examples(self) -> list[Any]:
        return read_committed(self.running.servers, self.running.topics.examples)

    def metric(self, name: str) -> float:
        return self.running.metric(self.scorer, name)

    def reputations_applied(self) -> float:
        lines = self.running.metrics(self.scorer).splitlines()
        wanted = f'records_applied_total{{topic="{self.running.topics.reputations}"}}'
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if wanted in line), 0.0)

    def _wait(self, true: Any) -> None:
        wait_until(true, 60, self.running.logs)


def test_kafka_and_the_backtest_learn_the_same_and_score_the_same(kafka: Any, tmp_path: Path) -> None:
    backtest = Backtest()
    with service(kafka.bootstrap_servers, tmp_path, partitions=1, **SETTINGS) as running:
        live = Stream(running)
        for step in steps():
            backtest.take(step)
            live.take(step, backtest)
        assert running.stop() == [0, 0]

        scores = [orjson.loads(each.value) for each in read_committed(running.servers, running.topics.scores)]
        examples = [
            decode_example(each.value) for each in read_committed(running.servers, running.topics.examples)
        ]
        models = [each for each in read_committed(running.servers, running.topics.models) if each.value]

    by_model = {score["scored_by"].partition("@")[0] for score in scores}
    assert by_model == {"prior", "boost"}, "the model must have come into force within the days compared"
    assert [comparable(example) for example in examples] == backtest.examples
    assert len(scores) == len(backtest.scores)
    for score in scores:
        value, features = backtest.scores[score["transaction_id"]]
        assert score["features"] == pytest.approx(features, rel=1e-6)
        assert score["score"] == pytest.approx(value, abs=1e-12)
    snapshot, _ = unseal(models[-1].value, SIGNING_KEY.encode())
    expected, _ = backtest.model.snapshot(snapshot.created_at)
    assert snapshot.onnx_sha256 == expected.onnx_sha256
    assert snapshot.calibration == expected.calibration
