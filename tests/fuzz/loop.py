"""Mutated records through the agents as a worker runs them; an outbox in memory stands for Kafka."""

from __future__ import annotations

import logging
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zlib import crc32

import structlog
from confluent_kafka import Message
from prometheus_client import CollectorRegistry

from agents import intake, scoring
from agents.runtime import Chunk
from agents.runtime.testing import FakeApp
from agents.scoring import TransactionValidator
from agents.telemetry import Telemetry
from agents.topics import Topics
from models.reputations.store import ReputationStore
from models.scoring.alert_budget import AlertBudgetPolicy
from models.scoring.features import FEATURES, FEATURES_VERSION
from models.scoring.pipeline import ScoringCore, Skipped
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from models.snapshots.online_model import new_model
from models.snapshots.scorer import SnapshotScorer
from schemas.example import Example, Maturity
from schemas.label import Outcome
from schemas.reputation import Reputation
from tests.fuzz.ledger import Ledger
from tests.fuzz.structure import SENT_AT_MS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from models.scoring.scorer import Scorer
    from tests.fuzz.structure import FuzzRecord

PARTITIONS = 4
MOST_AT_ONCE = 500
EXAMPLES = 600
BATCHES_BETWEEN_CHECKPOINTS = 50


class Run:
    """One agent with its state, and the ledger of what became of its records.

    Args:
        agent: `scoring` or `intake`.
        seed: of the cutting into batches.
    """

    def __init__(self, agent: str, seed: int) -> None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        self.ledger = Ledger(agent)
        self._agent = agent
        self._rng = random.Random(seed)
        self._registry = CollectorRegistry()
        self._app = FakeApp()
        topics, telemetry = Topics(), Telemetry(self._registry)
        self._topic = topics.transactions if agent == scoring.NAME else topics.labels
        self.core = ScoringCore(PriorModel(), _reputations(), budget)
        if agent == scoring.NAME:
            scoring.bind(
                self._app,  # type: ignore[arg-type]
                topics,
                self.core,
                telemetry,
                admission=TransactionValidator(),
                clock=lambda: SENT_AT_MS / 1_000,
                prepared=_nothing,
            )
        else:
            intake.bind(self._app, topics, telemetry, wall=lambda: SENT_AT_MS / 1_000)  # type: ignore[arg-type]
        self._states = [
            {name: make() for name, make in self._app.new_states.items()} for _ in range(PARTITIONS)
        ]
        self._offsets = [0] * PARTITIONS

    async def take(self, records: Iterable[FuzzRecord]) -> None:
        """Give the agent all records, in batches as they may wait, and account for each batch."""
        await self._app.processes[self._agent](self._waiting(records))

    async def _waiting(self, records: Iterable[FuzzRecord]) -> AsyncIterator[Sequence[Chunk]]:
        known = self._skipped()
        for batch in self._batches(records):
            chunks = [*self._chunks(batch)]
            yield chunks  # the agent asks for more once it has done these
            skipped = self._skipped()
            taken = [record for chunk in chunks for record in chunk.records]
            self.ledger.enter(taken, self._app.outbox, skipped - known)
            known = skipped
            if self.ledger.batches % BATCHES_BETWEEN_CHECKPOINTS == 0:
                self._check_changelogs()

    def _batches(self, records: Iterable[FuzzRecord]) -> Iterator[list[FuzzRecord]]:
        batch: list[FuzzRecord] = []
        size = self._size()
        for record in records:
            batch.append(record)
            if len(batch) >= size:
                yield batch
                batch, size = [], self._size()
        if batch:
            yield batch

    def _size(self) -> int:
        return self._rng.choice((1, 7, 100, MOST_AT_ONCE, MOST_AT_ONCE))

    def _chunks(self, batch: Sequence[FuzzRecord]) -> Iterator[Chunk]:
        """Part a batch by the partition that a sender's client would choose, in order."""
        parted: dict[int, list[Message]] = {}
        for record in batch:
            number = crc32(record.key or b"") % PARTITIONS
            self._offsets[number] += self._rng.choice((1, 1, 1, 2))  # markers of transactions leave gaps
            parted.setdefault(number, []).append(
                Message(
                    topic=self._topic,
                    partition=number,
                    offset=self._offsets[number],
                    key=record.key,
                    value=record.value,
                    headers=record.headers,
                    timestamp=(1, record.timestamp_ms),
                )
            )
        for number, messages in parted.items():
            yield Chunk(self._topic, number, messages, self._states[number])

    def _skipped(self) -> int:
        name = "fraudstream_transactions_skipped_total"
        return sum(int(self._registry.get_sample_value(name, {"reason": reason}) or 0) for reason in Skipped)

    def _check_changelogs(self) -> None:
        """What a checkpoint writes, another worker can read, and holds the same."""
        for states in self._states:
            for name, state in states.items():
                restored = self._app.new_states[name]()
                for key, payload in state.changes():
                    restored.restore(key, payload)
                    if key.startswith(b"p:"):
                        subject = key.removeprefix(b"p:").decode()
                        assert restored.profiles.pack(subject) == payload


async def _nothing() -> None:
    """Everything is known already."""


def _reputations() -> ReputationStore:
    """Reputations of some merchants, so that both sides of that branch are met."""
    store = ReputationStore()
    for number in range(0, 200, 2):
        store.update(
            Reputation(
                kind="counterparty",
                id=f"terminal_{number}",
                as_of=datetime(2026, 1, 1, tzinfo=UTC),
                matured=(50.0,) * 5,
                matured_frauds=(float(number % 5),) * 5,
                early_frauds=(0.0,) * 2,
            )
        )
    return store


def forest(seed: int) -> Scorer:
    """A compiled forest that learnt random rows of this release's features."""
    rng = random.Random(seed)
    model = new_model("forest", "forest", seed, "0.0.0")
    made = datetime(2026, 2, 1, tzinfo=UTC)
    for number in range(EXAMPLES):
        is_fraud = rng.random() < 0.1
        features = tuple(rng.gauss(1.0 if is_fraud else 0.0, 2.0) for _ in FEATURES)
        example = Example(
            transaction_id=f"t-{number}",
            subject=f"card-{number % 50}",
            event_time=made,
            score=0.5,
            scored_by="prior",
            features=features,
            features_version=FEATURES_VERSION,
            outcome=Outcome.FRAUD if is_fraud else Outcome.GENUINE,
            maturity=Maturity.MATURED,
            weight=1.0,
            sampling_rate=1.0,
            learn_time=made,
        )
        model.fold(example, number)
    return SnapshotScorer(*model.snapshot(made))


def budget() -> AlertBudgetPolicy:
    """A policy that remembers its alerts."""
    return AlertBudgetPolicy(200.0, floor=0.01, ceiling=0.9, decline=0.95)


def thresholds() -> FixedThresholdPolicy:
    """A policy that remembers nothing."""
    return FixedThresholdPolicy(0.3, 0.9)
