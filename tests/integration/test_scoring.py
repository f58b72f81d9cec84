"""What a bank gets from the whole service, on a real Kafka, whatever happens to its workers."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from faulty import read_committed
from service import Service, service, values, wait_until

from agents.scoring import TransactionValidator
from fraudstream.admin.replay import replay
from fraudstream.simulate.world import WorldName
from fraudstream.simulate.worlds import make_world
from models.reputations.store import ReputationStore
from models.scoring.pipeline import ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fraudstream.simulate.world import SimulatedTransaction

pytestmark = pytest.mark.kafka

MODES = ["exactly-once", "at-least-once"]
COUNT = 6_000
Results = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def bank() -> list[SimulatedTransaction]:
    """Transactions of both kinds, which end before now."""
    start = (datetime.now(UTC) - timedelta(days=31)).date()
    worlds = [make_world(name, 150, 30, start, seed=7) for name in WorldName]
    both = sorted((each for world in worlds for each in world), key=lambda each: each.event_time)
    assert len(both) > COUNT
    return both[:COUNT]


def records(bank: list[SimulatedTransaction]) -> Iterator[tuple[bytes, bytes]]:
    return ((each.subject.encode(), each.encode()) for each in bank)


def results(running: Service) -> Results:
    """What committed readers see on `scores`, by transaction: everything but when it was scored."""
    found = values(read_committed(running.servers, running.topics.scores))
    for score in found:
        del score["scored_at"]
    by_id = {score["transaction_id"]: score for score in found}
    assert all(by_id[score["transaction_id"]] == score for score in found), "a repeat had other content"
    return by_id


def identity(transaction: dict[str, Any]) -> str:
    return str(transaction.get("transaction_id") or transaction["end_to_end_id"])


@pytest.mark.parametrize("mode", MODES)
def test_each_transaction_in_is_one_score_out_equal_to_a_replay_without_kafka(
    kafka: Any, tmp_path: Path, bank: list[SimulatedTransaction], mode: str
) -> None:
    with service(kafka.bootstrap_servers, tmp_path, DELIVERY__MODE=mode) as running:
        running.start()
        running.produce(records(bank))
        running.wait_until_processed()
        assert running.stop() == [0]

        scores = values(read_committed(running.servers, running.topics.scores))
        assert Counter(s["transaction_id"] for s in scores) == Counter(t.transaction_id for t in bank)
        alerts = values(read_committed(running.servers, running.topics.alerts))
        alerted = {identity(alert["transaction"]): alert["score"] for alert in alerts}
        assert alerted == {s["transaction_id"]: s["score"] for s in scores if s["score"] >= s["threshold"]}
        assert len(alerts) == len(alerted) > 0
        assert all(alert["reasons"] for alert in alerts)

        read_back = [Stored(r) for r in read_committed(running.servers, running.topics.transactions)]
        core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))
        replayed = {
            s.transaction.transaction_id: s.score for s in replay(read_back, core, TransactionValidator())
        }
        assert replayed == {s["transaction_id"]: s["score"] for s in scores}


@pytest.mark.faults
@pytest.mark.parametrize("mode", [MODES[0], pytest.param(MODES[1], marks=pytest.mark.long)])
def test_a_kill_and_a_worker_that_joins_and_leaves_change_no_score(
    kafka: Any, tmp_path: Path, bank: list[SimulatedTransaction], mode: str
) -> None:
    with service(kafka.bootstrap_servers, tmp_path, DELIVERY__MODE=mode) as calm:
        calm.start()
        calm.produce(records(bank))
        calm.wait_until_processed()
        calm.stop()
        undisturbed = results(calm)
    with service(kafka.bootstrap_servers, tmp_path, DELIVERY__MODE=mode) as running:
        first = running.start(WORKER__SLOT="one")
        half = len(bank) // 2
        running.produce(records(bank[:half]))
        wait_until(lambda: running.lag() < half * 0.9, 60, running.logs)
        first.kill()
        first.wait()
        running.start(WORKER__SLOT="one")
        joining = running.start(WORKER__SLOT="two")
        running.produce(records(bank[half:]))
        wait_until(lambda: running.lag() < half, 60, running.logs)
        joining.send_signal(signal.SIGTERM)
        assert joining.wait(60) == 0, running.logs()
        running.wait_until_processed()
        running.stop()

        def unplaced(found: Results) -> Results:
            """Without topic and offset: two sends of the same records interleave partitions differently."""
            return {key: {**score, "source": score["source"]["partition"]} for key, score in found.items()}

        assert unplaced(results(running)) == unplaced(undisturbed)
        if mode == "exactly-once":
            seen = values(read_committed(running.servers, running.topics.scores))
            assert Counter(s["transaction_id"] for s in seen) == Counter(t.transaction_id for t in bank)


def test_a_repeated_transaction_id_is_counted_and_folded_once(
    kafka: Any, tmp_path: Path, bank: list[SimulatedTransaction]
) -> None:
    with service(kafka.bootstrap_servers, tmp_path) as running:
        worker = running.start()
        once = list(records(bank[:500]))
        running.produce([record for record in once for _ in range(2)])
        running.wait_until_processed()
        assert running.metric(worker, "fraudstream_transactions_skipped_total") == len(once)
        running.stop()
        assert len(read_committed(running.servers, running.topics.scores)) == len(once)


def test_labels_are_keyed_by_their_subject_wherever_they_came_in(kafka: Any, tmp_path: Path) -> None:
    labels = [
        {
            "transaction_id": f"t{i}",
            "subject": f"card-{i % 7}",
            "outcome": "fraud" if i % 3 else "genuine",
            "origin": "analyst",
            "label_time": "2026-01-01T00:00:00Z",
        }
        for i in range(100)
    ]
    bad = [b"no label", b"{}", b'{"transaction_id": 5}']
    with service(kafka.bootstrap_servers, tmp_path) as running:
        running.start()
        sent = [(b"any %d" % i, orjson.dumps(label)) for i, label in enumerate(labels)]
        running.produce([*sent, *((None, value) for value in bad)], running.topics.labels)
        running.wait_until_processed()
        assert running.stop() == [0]
        keyed = read_committed(running.servers, running.topics.labels_keyed)
        by_id = sorted(values(keyed), key=lambda label: int(label["transaction_id"][1:]))
        assert [{name: label[name] for name in labels[0]} for label in by_id] == labels
        assert all(record.key.decode() == orjson.loads(record.value)["subject"] for record in keyed)
        partitions = {record.key: record.partition for record in keyed}
        assert all(partitions[record.key] == record.partition for record in keyed)
        assert sorted(
            r.value for r in read_committed(running.servers, running.topics.dead_letters)
        ) == sorted(bad)


@pytest.mark.faults
def test_a_worker_that_was_stopped_past_its_session_writes_nothing_after_it_lost_its_partitions(
    kafka: Any, tmp_path: Path, bank: list[SimulatedTransaction]
) -> None:
    with service(kafka.bootstrap_servers, tmp_path) as running:
        sleeper = running.start(WORKER__SLOT="sleeper")
        running.produce(records(bank[:2_000]))
        wait_until(lambda: running.lag() < 2_000, 60, running.logs)
        sleeper.send_signal(signal.SIGSTOP)
        running.start(WORKER__SLOT="successor")
        running.produce(records(bank[2_000:4_000]))
        wait_until(lambda: running.lag() == 0, 60, running.logs)
        sleeper.send_signal(signal.SIGCONT)
        wait_until(lambda: sleeper.poll() is not None, 60, running.logs)
        scores = values(read_committed(running.servers, running.topics.scores))
        assert len(scores) == 4_000, "the sleeper wrote scores that its successor had written"
        assert len({s["transaction_id"] for s in scores}) == 4_000


@dataclass(frozen=True)
class Stored:
    """A record read by kafka-python, in the words of confluent-kafka."""

    record: Any

    def topic(self) -> str:
        return self.record.topic

    def partition(self) -> int:
        return self.record.partition

    def offset(self) -> int:
        return self.record.offset

    def key(self) -> bytes | None:
        return self.record.key

    def value(self) -> bytes | None:
        return self.record.value

    def headers(self) -> list[tuple[str, bytes | None]]:
        return self.record.headers

    def timestamp(self) -> tuple[int, int]:
        return 1, self.record.timestamp
