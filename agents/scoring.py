"""The scoring agent.

In: `transactions`, keyed by card or account. Out: a score for each transaction on `scores`, an alert for each
that is not approved on `alerts`, a dead letter for each record that is no transaction.
Remembers: the profile of each subject of its partitions and the decision policy's state, in a changelog.
Promises: each record becomes a score, a dead letter, or a counted repeat; outputs, profiles and source
offsets are committed together; the same records give the same scores after any restart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np

from agents.refusals import Refusals
from models.core import Part, Skipped
from models.features import FEATURES_VERSION
from schemas.alert import Alert, alert_id
from schemas.errors import ErrorType, InvalidMessage
from schemas.score import Decision, Source, encode_score
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Sequence

    from agents.dead_letters import KafkaRecord
    from agents.runtime import App, Chunk
    from agents.telemetry import Telemetry
    from agents.topics import Topics
    from models.core import Scored, ScoringCore
    from models.state import SubjectState
    from schemas.transaction import Transaction

    Clock: TypeAlias = Callable[[], float]
    Prepared: TypeAlias = Callable[[], Awaitable[None]]

NAME = "scoring"


@dataclass(frozen=True)
class Admission:
    """Which transactions are scored.

    Attributes:
        future_skew: most seconds that an event time may lie after its record's Kafka timestamp; a later one
            would make the profile forget all that came before.
        key_mismatch: whether a record whose key is empty or not its subject is refused, or scored and marked
            incomplete.
    """

    future_skew: float = 300.0
    key_mismatch: Literal["dead-letter", "score"] = "dead-letter"

    def admit(self, record: KafkaRecord) -> Admitted:
        """Decode and check one record.

        Raises:
            InvalidMessage: the record is no transaction that may be scored.
        """
        transaction = decode_transaction(record.value() or b"")
        self._check_time(transaction, record.timestamp()[1] / 1_000)
        return Admitted(record, transaction, is_keyed=self._check_key(transaction, record.key()))

    def _check_time(self, transaction: Transaction, recorded_at: float) -> None:
        ahead = transaction.event_timestamp - recorded_at
        if ahead > self.future_skew:
            raise InvalidMessage(
                ErrorType.FUTURE_TIME,
                f"is {ahead:.0f} s after the record's own timestamp; {self.future_skew:.0f} s are allowed",
                "event_time",
            )

    def _check_key(self, transaction: Transaction, key: bytes | None) -> bool:
        if key == transaction.subject.encode():
            return True
        if self.key_mismatch == "score":
            return False
        if not key:
            raise InvalidMessage(
                ErrorType.EMPTY_KEY, "the record has no key; it must be the card or account token"
            )
        raise InvalidMessage(
            ErrorType.KEY_MISMATCH, "the record's key is not the card or account token of its transaction"
        )


@dataclass(frozen=True, slots=True)
class Admitted:
    """A record and the transaction that it holds; `is_keyed`: its key is its subject."""

    record: KafkaRecord
    transaction: Transaction
    is_keyed: bool


class ScoringAgent:
    """Takes chunks of transactions and puts scores, alerts and dead letters into the outbox."""

    def __init__(
        self,
        app: App,
        topics: Topics,
        core: ScoringCore,
        telemetry: Telemetry,
        *,
        admission: Admission,
        clock: Clock,
        prepared: Prepared,
        take_labels: Callable[[], Sequence[float]],
    ) -> None:
        self._outbox = app.outbox
        self._refusals = Refusals(NAME, app.outbox, topics.dead_letters, telemetry)
        self._topics = topics
        self._core = core
        self._telemetry = telemetry
        self._admission = admission
        self._clock = clock
        self._prepared = prepared
        self._take_labels = take_labels

    async def process(self, waiting: AsyncIterable[Sequence[Chunk]]) -> None:
        """Score what waits, again and again, once everything is known that scoring needs."""
        await self._prepared()
        async for chunks in waiting:
            self.score(chunks)
            await self._outbox.room()

    def score(self, chunks: Sequence[Chunk]) -> None:
        """Score chunks in one go; nothing here waits, so that they are whole in one checkpoint."""
        with self._telemetry.stage("decode"):
            admitted = [[*self._refusals.taken(chunk, self._admission.admit)] for chunk in chunks]
        parts = [_part(chunk, those) for chunk, those in zip(chunks, admitted, strict=True)]
        results = [*chain.from_iterable(self._core.process_parts(parts))]
        all_admitted = [*chain.from_iterable(admitted)]
        now = self._clock()
        with self._telemetry.stage("encode"):
            for each, result in zip(all_admitted, results, strict=True):
                if not isinstance(result, Skipped):
                    self._publish(each, result, datetime.fromtimestamp(now, UTC))
        self._count(all_admitted, results, now)

    def _publish(self, each: Admitted, scored: Scored, scored_at: datetime) -> None:
        transaction, record = each.transaction, each.record
        key = transaction.subject.encode()
        source = Source(record.topic(), record.partition(), record.offset())
        is_complete = scored.complete and each.is_keyed
        value = encode_score(
            transaction_id=transaction.transaction_id,
            event_time=transaction.event_time,
            subject=transaction.subject,
            counterparty=transaction.counterparty,
            dimensions=scored.dimensions,
            score=scored.score,
            decision=scored.decision,
            threshold=scored.threshold,
            scored_by=scored.scored_by,
            features=scored.features,
            features_version=FEATURES_VERSION,
            features_complete=is_complete,
            source=source,
            scored_at=scored_at,
        )
        self._outbox.put(self._topics.scores, key, value)
        if scored.decision is not Decision.APPROVE:
            alert = _alert(transaction, scored, source, scored_at, is_complete=is_complete)
            self._outbox.put(self._topics.alerts, key, alert.to_json())

    def _count(self, admitted: list[Admitted], results: list[Scored | Skipped], now: float) -> None:
        skipped = Counter(result for result in results if isinstance(result, Skipped))
        for reason, count in skipped.items():
            self._telemetry.transactions_skipped(reason, count)
        arrived = [
            each.record.timestamp()[1] / 1_000
            for each, result in zip(admitted, results, strict=True)
            if not isinstance(result, Skipped)
        ]
        scored = [result for result in results if not isinstance(result, Skipped)]
        self._telemetry.transactions_scored(scored, np.array(arrived), now)
        if scored and (learnt := self._take_labels()):
            self._telemetry.labels_learnt(learnt, now)


def bind(
    app: App,
    topics: Topics,
    core: ScoringCore,
    telemetry: Telemetry,
    *,
    admission: Admission,
    clock: Clock,
    prepared: Prepared,
    take_labels: Callable[[], Sequence[float]] = tuple,
) -> None:
    """Run the scoring agent in this app.

    Args:
        app: the worker's.
        topics: names of the topics.
        core: what scores.
        telemetry: is told what happened.
        admission: which transactions are scored.
        clock: gives the seconds since 1970.
        prepared: awaited before the first transaction, so that reputations and controls are known by then.
        take_labels: gives the times (s since 1970) of the labels that the model in force learnt, each once.
    """
    agent = ScoringAgent(
        app,
        topics,
        core,
        telemetry,
        admission=admission,
        clock=clock,
        prepared=prepared,
        take_labels=take_labels,
    )
    app.bind(
        NAME, topics.transactions, agent.process, new_state=core.new_state, changelog=topics.scoring_changelog
    )


def _part(chunk: Chunk, admitted: Sequence[Admitted]) -> Part:
    return Part(
        [each.transaction for each in admitted],
        [each.record.offset() for each in admitted],
        cast("SubjectState", chunk.states[NAME]),
    )


def _alert(
    transaction: Transaction, scored: Scored, source: Source, scored_at: datetime, *, is_complete: bool
) -> Alert:
    return Alert(
        alert_id=alert_id(transaction.transaction_id, scored.policy_version),
        decision=scored.decision,
        score=scored.score,
        threshold=scored.threshold,
        reasons=tuple(scored.reasons),
        transaction=transaction,
        scored_by=scored.scored_by,
        policy_version=scored.policy_version,
        features_complete=is_complete,
        source=source,
        scored_at=scored_at,
    )
