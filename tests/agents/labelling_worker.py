"""A labelling worker without a broker: two logs, the app that reads them, and commits that may be lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from prometheus_client import CollectorRegistry

from agents.labelling import agent as labelling
from agents.labelling.agent import LABELS, SCORES
from agents.runtime.offset_metadata import OffsetMetadata
from agents.runtime.testing import FakeApp, FakeRecord
from agents.telemetry import Telemetry
from agents.topics import Topics
from models.decay import DAY
from models.labelling.core import LabellingRules
from models.scoring.features import NAMES
from schemas.label import Label, LabelOrigin, Outcome
from schemas.score import Decision, Source, encode_score

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.labelling.agent import LabellingPartition, LabellingState

START = 1_800_000_000.0
RULES = LabellingRules(horizon=3 * DAY, keep=30 * DAY, genuine_share=0.5, examples_per_second=1e9)
PARTITION = 2
FEATURES = (1.0,) * len(NAMES)


def score(
    name: str = "t1", day: float = 0.0, subject: str = "card_a", features: Sequence[float] = FEATURES
) -> bytes:
    return encode_score(
        transaction_id=name,
        event_time=datetime.fromtimestamp(START + day * DAY, UTC),
        subject=subject,
        counterparty="till-1",
        dimensions={"country": "FR"},
        score=0.25,
        decision=Decision.APPROVE,
        threshold=0.5,
        scored_by="prior",
        policy_version="budget-50",
        features=features,
        features_version=2,
        features_complete=True,
        source=Source("transactions", 0, 0),
        scored_at=datetime.fromtimestamp(START + day * DAY, UTC),
    )


def label(
    name: str = "t1",
    day: float = 1.0,
    outcome: Outcome = Outcome.FRAUD,
    subject: str = "card_a",
    happened: float | None = None,
) -> bytes:
    """The label of a transaction; `happened` is the day of the transaction, if the label says it."""
    return Label(
        transaction_id=name,
        subject=subject,
        outcome=outcome,
        origin=LabelOrigin.CUSTOMER,
        label_time=datetime.fromtimestamp(START + day * DAY, UTC),
        event_time=None if happened is None else datetime.fromtimestamp(START + happened * DAY, UTC),
    ).to_json()


class ReadersClock:
    """In the place of the watermark: event time is what the test says."""

    def saw_score(self, event_time: float, wall: float) -> None:
        """Change nothing."""

    def saw_label(self, label_time: float, wall: float) -> None:
        """Change nothing."""

    def clock(self, now: float) -> float:
        """The clock that the worker was given."""
        return now


@dataclass
class Committed:
    """What the broker holds of the worker: outputs, offsets and notes, in one transaction."""

    outputs: list[tuple[str, bytes | None, bytes | None]] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


class Worker:
    """One life of a worker, on a folder that may hold what a former one left.

    Args:
        folder: of the stores.
        logs: the records of each source, whole.
        committed: what former workers have committed.
        replays: order in which the sources are replayed: each a source, for one record.
        key: that erasures are signed with.
        topic_ids: identities of the sources' topics; none are known if left out.
        wall: the worker's own clock.
    """

    def __init__(
        self,
        folder: Path,
        logs: dict[str, list[FakeRecord]],
        committed: Committed,
        replays: list[str] | None = None,
        key: bytes | None = None,
        topic_ids: dict[str, int] | None = None,
        wall: float = START + 90 * DAY,
    ) -> None:
        self.app, self.now, self.wall = FakeApp(), START, wall
        self.registry = CollectorRegistry()
        self._logs, self.committed, self.topic_ids = logs, committed, topic_ids or {SCORES: 0, LABELS: 0}
        self.partitions = labelling.bind(
            self.app,  # type: ignore[arg-type]
            Topics(),
            Telemetry(self.registry),
            rules=RULES,
            folder=folder,
            grace=10.0,
            monotonic=lambda: self.now,
            wall=lambda: self.wall,
            key=key,
        )
        self._positions: dict[str, int] = {}
        self.started: dict[str, int] = {}
        self._resume(replays or [])

    def state(self, source: str) -> LabellingState:
        """The state of one source."""
        return cast("LabellingState", self.app.states[source])

    @property
    def partition(self) -> LabellingPartition:
        """What both sources share."""
        return self.state(SCORES).partition

    def _resume(self, replays: list[str]) -> None:
        """Open the store and bring it up to the committed offsets, as the delivery engine does."""
        lacking: dict[str, list[FakeRecord]] = {}
        for source in (SCORES, LABELS):
            end = self.committed.offsets.get(source)
            note = OffsetMetadata.read(self.committed.notes.get(source))
            start = (
                self.state(source).resume(PARTITION, end, note.states.get(source), self.topic_ids[source])
                or 0
            )
            assert start <= (end or 0), "the store never leads the broker"
            self.started[source] = start
            lacking[source] = self._logs[source][start : end or 0]
            self._positions[source] = end or 0
        self.replayed = sum(map(len, lacking.values()))
        self.partition.watermark = ReadersClock()  # type: ignore[assignment]
        for source in [*replays, *[SCORES] * 1_000, *[LABELS] * 1_000]:
            if lacking[source]:
                self.state(source).replay(lacking[source].pop(0))

    def take(self, source: str, count: int, clock: float, *, is_poison: bool = False) -> None:
        """Let the agent take the next records of a source, with event time at `clock`."""
        self.now = clock
        first = self._positions[source]
        records = self._logs[source][first : first + count]
        self._positions[source] += len(records)
        asyncio.run(self.app.run(source, *records, is_poison=is_poison))

    def commit(self) -> None:
        """Commit outputs and offsets of the sources that went on; the store follows."""
        behind = [
            each for each in (SCORES, LABELS) if self._positions[each] != self.committed.offsets.get(each, 0)
        ]
        notes = {each: OffsetMetadata(states={each: self.state(each).note()}).text() for each in behind}
        for each in behind:
            self.state(each).freeze(self._positions[each])
        self.committed.outputs += [(put.topic, put.key, put.value) for put in self.app.outbox.records]
        self.app.outbox.records.clear()
        self.committed.offsets |= {each: self._positions[each] for each in behind}
        self.committed.notes |= notes
        self.save(*behind)

    def commit_all(self) -> None:
        """Commit what is left, although no source went on."""
        self.commit()
        self.committed.outputs += [(put.topic, put.key, put.value) for put in self.app.outbox.records]

    def save(self, *sources: str) -> None:
        """Let the store follow."""
        for each in sources:
            self.state(each).save()

    def close(self) -> None:
        """Let go, as at the end or after a crash: nothing is written any more."""
        for each in (SCORES, LABELS):
            self.state(each).close()


def log(*values: bytes, recorded: float = START) -> list[FakeRecord]:
    """A source's records."""
    return [FakeRecord(b"card_a", value, at, (1, round(recorded * 1_000))) for at, value in enumerate(values)]
