"""What the learning side learns is right, whenever its worker is killed and whatever it loses.

Each transaction is learnt as its labels say, once for each time that the word on it changed; reputations
count each transaction once; the model is the fold of `examples`, node for node.
"""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Thread
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from faulty import read_committed
from service import SIGNING_KEY, Service, service, wait_until

from fraudstream.settings import Settings
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from fraudstream.simulate.produce import produce
from fraudstream.simulate.stream import RecordKind, StreamRecord, stream
from fraudstream.worker.compose import new_model
from models.reputations.ledger import ReputationLedger
from models.signing import unseal
from schemas.example import Example, Maturity, decode_example
from schemas.label import Outcome, decode_label
from schemas.outcome import decode_outcomes
from schemas.reputation import decode_reputation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

HORIZON_DAYS = 2
SETTINGS = {
    "LABELLING__HORIZON_DAYS": str(HORIZON_DAYS),
    "LABELLING__GENUINE_SHARE": "1",
    "LABELLING__EXAMPLES_PER_SECOND": "100000",
    "LEARNING__PUBLISH_SECONDS": "0.5",
    "LEARNING__PUBLISH_ROWS": "1",
    "LEARNING__CHECKPOINT_SECONDS": "2",
}


def bank(days: int = 11) -> list[StreamRecord]:
    """Transactions with many frauds, and their labels, in order of time; all of it lies in the past."""
    start = (datetime.now(UTC) - timedelta(days=days + 1)).date()
    world = Handbook(120, 60, days, start, seed=11, compromised_terminals=2.0, compromised_customers=3.0)
    return list(stream(CardWorld(world), seed=11))


class BothTopics:
    """Where records go, in their order."""

    def __init__(self, running: Service) -> None:
        self._running = running
        self._waiting: dict[RecordKind, list[tuple[bytes, bytes]]] = defaultdict(list)

    def send(self, record: StreamRecord) -> None:
        self._waiting[record.kind].append((record.key, record.value))
        if len(self._waiting[RecordKind.TRANSACTION]) == 50:
            self.close()

    def close(self) -> int:
        topics = self._running.topics
        for kind, topic in ((RecordKind.TRANSACTION, topics.transactions), (RecordKind.LABEL, topics.labels)):
            self._running.produce(self._waiting[kind], topic)
            self._waiting[kind].clear()
        return 0


@pytest.mark.parametrize("mode", ["exactly-once", pytest.param("at-least-once", marks=pytest.mark.long)])
def test_a_learning_worker_that_is_killed_again_and_again_learns_the_same(
    kafka: Any, tmp_path: Path, mode: str
) -> None:
    records, moments = bank(), random.Random(mode)
    with service(kafka.bootstrap_servers, tmp_path, DELIVERY__MODE=mode, **SETTINGS) as running:
        running.start()
        learner = running.start_learning(WORKER__SLOT="learner")
        sending = Thread(target=produce, args=(records, BothTopics(running), 250))
        sending.start()
        for _ in range(3):
            sending.join(moments.uniform(1.0, 4.0))
            learner.kill()
            learner.wait()
            learner = running.start_learning(WORKER__SLOT="learner")
        sending.join()
        finish(running, records)
        assert_right(running, records, repeats_allowed=mode == "at-least-once")


def test_a_learning_worker_that_lost_its_disk_goes_on_as_if_it_had_not(kafka: Any, tmp_path: Path) -> None:
    records = bank()
    half = len(records) // 2
    with service(kafka.bootstrap_servers, tmp_path, **SETTINGS) as running:
        running.start()
        learner = running.start_learning(WORKER__SLOT="learner")
        produce(records[:half], BothTopics(running), 0)
        finish(running, records[:half])
        learner.kill()
        learner.wait()
        shutil.rmtree(tmp_path / "state")
        running.start_learning(WORKER__SLOT="learner")
        produce(records[half:], BothTopics(running), 0)
        finish(running, records)
        assert_right(running, records, repeats_allowed=False)


def test_labelling_and_reputation_go_on_while_learning_rests_and_it_learns_what_it_missed(
    kafka: Any, tmp_path: Path
) -> None:
    """The learner's checkpoint is of another key, and others wrote to the topics of the service."""
    records = bank()
    half = len(records) // 2
    with service(kafka.bootstrap_servers, tmp_path, **SETTINGS) as running:
        running.start()
        first = running.start_learning(WORKER__SLOT="learner")
        produce(records[:half], BothTopics(running), 0)
        finish(running, records[:half])
        first.terminate()
        assert first.wait() == 0
        topics = running.topics
        for topic, changes in (
            (topics.examples, {"sampling_rate": 1e-300}),
            (topics.scores, {"features": [1.0]}),
        ):
            good = read_committed(running.servers, topic)[-1]
            bad = orjson.dumps(orjson.loads(good.value) | changes | {"transaction_id": "poison"})
            running.produce([(good.key, bad)], topic)
        resting = running.start_learning(
            WORKER__SLOT="learner", LEARNING__SIGNING_KEY="the key of another shell"
        )
        produce(records[half:], BothTopics(running), 0)
        wait_until(lambda: running.lag() == 0, 120, running.logs)
        for topic in (topics.scores, topics.labels_keyed, topics.outcomes, topics.examples):
            wait_until(
                lambda topic=topic: running.has_learnt(read_committed(running.servers, topic)),
                60,
                running.logs,
            )
        assert resting.poll() is None, running.logs()
        assert running.metric(resting, 'fraudstream_readiness_check{check="learning"}') == 0
        assert "is not signed with FRAUDSTREAM_LEARNING__SIGNING_KEY" in running.logs()
        refused = [dict(each.headers) for each in read_committed(running.servers, topics.dead_letters)]
        assert {each["__connect.errors.topic"].decode() for each in refused} == {
            topics.scores,
            topics.examples,
        }
        assert len(refused) == 2
        resting.terminate()
        assert resting.wait() == 0
        last = running.start_learning(WORKER__SLOT="learner")
        wait_until(lambda: newest_offset(running) == examples_of(running)[-1].offset, 60, running.logs)
        assert running.metric(last, 'fraudstream_readiness_check{check="learning"}') == 1
        assert_reputations_are_the_fold_of_outcomes(running)
        assert_model_is_the_fold_of_examples(running, examples_of(running))


def examples_of(running: Service) -> list[Any]:
    """The records of `examples` but the poison."""
    found = read_committed(running.servers, running.topics.examples)
    return [each for each in found if b'"poison"' not in each.value]


def newest_offset(running: Service) -> int:
    """Offset of the last example that the newest version learned; -1 while there is none."""
    models = [each for each in read_committed(running.servers, running.topics.models) if each.value]
    return unseal(models[-1].value, SIGNING_KEY.encode())[0].examples_offset if models else -1


def finish(running: Service, records: list[StreamRecord]) -> None:
    """Wait until all that follows from the records is on the topics."""
    transactions = sum(each.kind is RecordKind.TRANSACTION for each in records)
    labels = sum(each.kind is RecordKind.LABEL for each in records)
    topics = running.topics
    wait_until(lambda: running.lag() == 0, 120, running.logs)
    wait_until(lambda: len(ids(running, topics.scores)) == transactions, 60, running.logs)
    wait_until(lambda: len(read_committed(running.servers, topics.labels_keyed)) >= labels, 60, running.logs)
    for topic in (topics.scores, topics.labels_keyed, topics.outcomes, topics.examples):
        wait_until(
            lambda topic=topic: running.has_learnt(read_committed(running.servers, topic)), 60, running.logs
        )


def ids(running: Service, topic: str) -> set[str]:
    return {orjson.loads(each.value)["transaction_id"] for each in read_committed(running.servers, topic)}


def assert_right(running: Service, records: list[StreamRecord], *, repeats_allowed: bool) -> None:
    examples = read_committed(running.servers, running.topics.examples)
    assert_learnt_as_the_labels_say(
        [decode_example(each.value) for each in examples], records, repeats_allowed
    )
    assert_reputations_are_the_fold_of_outcomes(running)
    if not repeats_allowed:
        assert_each_transaction_is_counted_once(running)
    assert_model_is_the_fold_of_examples(running, examples)


def assert_learnt_as_the_labels_say(
    examples: list[Example],
    records: list[StreamRecord],
    repeats_allowed: bool,  # noqa: FBT001
) -> None:
    told: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        history = told[example.transaction_id]
        if repeats_allowed and example in history:
            continue
        history.append(example)
    labels = {}
    for record in records:
        if record.kind is RecordKind.LABEL:
            label = decode_label(record.value)
            labels[label.transaction_id] = label
    clock = max(each.time for each in records if each.kind is RecordKind.TRANSACTION)
    assert labels
    assert len(told) > 500
    for name, history in told.items():
        outcomes = [example.outcome for example in history]
        assert all(one is not next_ for one, next_ in pairwise(outcomes)), history
        assert [example.maturity is Maturity.CORRECTED for example in history] == [
            number > 0 for number in range(len(history))
        ]
        expected = labels[name].outcome if name in labels else Outcome.GENUINE
        if name not in labels or labels[name].label_time.timestamp() < clock - 86_400:
            assert outcomes[-1] is expected, history


def assert_reputations_are_the_fold_of_outcomes(running: Service) -> None:
    ledger = ReputationLedger()
    for record in read_committed(running.servers, running.topics.outcomes):
        outcomes = decode_outcomes(record.value)
        ledger.fold(outcomes.key, outcomes.events)
    newest = {
        each.key.decode(): each.value for each in read_committed(running.servers, running.topics.reputations)
    }
    assert set(newest) == set(ledger.take_dirty())
    for key, value in newest.items():
        assert decode_reputation(value) == ledger.reputation(key)


def assert_each_transaction_is_counted_once(running: Service) -> None:
    matured = 0
    for record in read_committed(running.servers, running.topics.outcomes):
        outcomes = decode_outcomes(record.value)
        matured += sum(event.matured for event in outcomes.events) if outcomes.kind == "counterparty" else 0
    examples = [
        decode_example(each.value) for each in read_committed(running.servers, running.topics.examples)
    ]
    learnt_at_the_horizon = sum(example.maturity is Maturity.MATURED for example in examples)
    early = {each.transaction_id: each for each in examples if each.maturity is Maturity.EARLY}
    assert learnt_at_the_horizon <= matured <= learnt_at_the_horizon + len(early)


def assert_model_is_the_fold_of_examples(running: Service, examples: list[Any]) -> None:
    snapshots = [each for each in read_committed(running.servers, running.topics.models) if each.value]
    snapshot, _ = unseal(snapshots[-1].value, SIGNING_KEY.encode())
    model = new_model(Settings())
    for record in fold_until(examples, snapshot.examples_offset):
        model.fold(decode_example(record.value), record.offset)
    rebuilt, _ = model.snapshot(snapshot.created_at)
    assert rebuilt.onnx_sha256 == snapshot.onnx_sha256
    assert rebuilt.calibration == snapshot.calibration
    versions = [unseal(each.value, SIGNING_KEY.encode())[0].version for each in snapshots]
    assert versions == sorted(set(versions)), "a version is published once, and they rise"


def fold_until(examples: list[Any], offset: int) -> Iterator[Any]:
    return (record for record in examples if record.offset <= offset)
