"""The scoring agent.

In: `transactions`, keyed by card or account. Out: a score for each transaction on `scores`, an alert for each
that is not approved on `alerts`, a dead letter for each record that is no transaction.
Remembers: the profile of each subject of its partitions and the decision policy's state, in a changelog.
Promises: each record becomes a score, a dead letter, or a counted repeat; outputs, profiles and source
offsets are committed together; under the same model and reputations the same records give the same scores.
An erasure between the transactions takes its subject's profile away and goes on to `scores`, behind the
scores before it.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from itertools import chain, groupby
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, cast

import numpy as np

from agents.dead_letters import DeadLetterWriter
from agents.erasures import Erasures
from models.profiles.store import AdmissionResult
from models.scoring.features import FEATURES_VERSION
from models.scoring.pipeline import SKIPPED, PartitionBatch
from schemas.alert import Alert, alert_id
from schemas.erasure import Entry, Erasure
from schemas.errors import ErrorType, InvalidMessage
from schemas.privacy import NETWORKS_ONLY, Privacy
from schemas.score import Decision, Source, encode_score
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from agents.dead_letters import Account
    from agents.runtime import App, Chunk
    from agents.runtime.records import Header, KafkaRecord
    from agents.telemetry import Telemetry
    from agents.topics import Topics
    from models.scoring.pipeline import Scored, ScoredBatch, ScoringCore
    from models.scoring.state import SubjectState
    from schemas.transaction import Transaction

    Clock: TypeAlias = Callable[[], float]
    Prepared: TypeAlias = Callable[[], Awaitable[None]]


def score_value(scored: Scored, record: KafkaRecord, scored_at: datetime) -> bytes:
    """Encode the score of the transaction that this record holds."""
    transaction = scored.transaction
    return encode_score(
        transaction_id=transaction.transaction_id,
        event_time=transaction.event_time,
        subject=transaction.subject,
        counterparty=transaction.counterparty,
        dimensions=scored.dimensions,
        score=scored.score,
        decision=scored.decision,
        threshold=scored.threshold,
        scored_by=scored.scored_by,
        policy_version=scored.policy_version,
        features=scored.features,
        features_version=FEATURES_VERSION,
        features_complete=scored.complete,
        source=_source(record),
        scored_at=scored_at,
    )


def alert_value(scored: Scored, record: KafkaRecord, scored_at: datetime) -> bytes:
    """Encode the alert of the transaction that this record holds, which was not approved."""
    return Alert(
        alert_id=alert_id(scored.transaction.transaction_id, scored.policy_version, _basis(scored, record)),
        decision=scored.decision,
        score=scored.score,
        threshold=scored.threshold,
        reasons=tuple(scored.reasons),
        transaction=scored.transaction,
        scored_by=scored.scored_by,
        policy_version=scored.policy_version,
        features_version=FEATURES_VERSION,
        features_complete=scored.complete,
        source=_source(record),
        scored_at=scored_at,
    ).to_json()


def _basis(scored: Scored, record: KafkaRecord) -> bytes:
    """What an alert follows from, beside its transaction and policy."""
    said = (scored.scored_by, scored.threshold, scored.complete, *astuple(_source(record)))
    return repr(said).encode() + scored.features.tobytes()


def _source(record: KafkaRecord) -> Source:
    return Source(record.topic(), record.partition(), record.offset())


NAME = "scoring"


@dataclass(frozen=True)
class TransactionValidator:
    """Which transactions are scored.

    Attributes:
        future_skew: most seconds that an event time may lie after its record's Kafka timestamp; a later one
            would make the profile forget all that came before.
        key_mismatch: whether a record whose key is empty or not its subject is refused, or scored and marked
            incomplete.
        privacy: how card numbers are looked for.
    """

    future_skew: float = 300.0
    key_mismatch: Literal["dead-letter", "score"] = "dead-letter"
    privacy: Privacy = NETWORKS_ONLY

    def admit(self, record: KafkaRecord) -> Admitted:
        """Decode and check one record.

        Raises:
            InvalidMessage: the record is no transaction that may be scored.
        """
        transaction = decode_transaction(record.value() or b"", self.privacy)
        time, recorded_at = transaction.event_timestamp, record.timestamp()[1] / 1_000
        if time - recorded_at > self.future_skew:
            raise self._future_time(time - recorded_at)
        is_keyed = self._check_key(transaction.subject, record.key())
        return Admitted(record, transaction, time, recorded_at, is_keyed)

    def _future_time(self, ahead: float) -> InvalidMessage:
        return InvalidMessage(
            ErrorType.FUTURE_TIME,
            f"is {ahead:.0f} s after the record's own timestamp; {self.future_skew:.0f} s are allowed",
            "event_time",
        )

    def _check_key(self, subject: str, key: bytes | None) -> bool:
        if key == subject.encode():
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


class Admitted(NamedTuple):
    """A record and the transaction that it holds."""

    record: KafkaRecord
    transaction: Transaction
    time: float
    """Event time, seconds since 1970."""
    recorded_at: float
    """Kafka timestamp, seconds since 1970."""
    is_keyed: bool
    """Whether the record's key is the transaction's subject."""


class ScoringAgent:
    """Takes chunks of transactions and puts scores, alerts and dead letters into the outbox."""

    def __init__(
        self,
        app: App,
        topics: Topics,
        core: ScoringCore,
        telemetry: Telemetry,
        *,
        admission: TransactionValidator,
        clock: Clock,
        prepared: Prepared,
        take_labels: Callable[[], Sequence[float]],
        key: bytes | None,
    ) -> None:
        self._outbox = app.outbox
        self._erasures = Erasures(key, Entry.TRANSACTIONS)
        self._take = self._erasures.beside(admission.admit)
        prefixes = admission.privacy.card_prefixes
        self._refusals = DeadLetterWriter(NAME, app.outbox, topics.dead_letters, telemetry, prefixes)
        self._topics = topics
        self._core = core
        self._telemetry = telemetry
        self._clock = clock
        self._prepared = prepared
        self._take_labels = take_labels
        self._account: Account = _to_nobody

    async def process(self, waiting: AsyncIterable[Sequence[Chunk]]) -> None:
        """Score what waits, again and again, once everything is known that scoring needs."""
        await self._prepared()
        async for chunks in waiting:
            with self._refusals.account(chunks) as self._account:
                self.score(chunks)
            await self._outbox.room()

    def score(self, chunks: Sequence[Chunk]) -> None:
        """Score chunks in one go; nothing here waits, so that they are whole in one checkpoint."""
        with self._telemetry.stage("decode"):
            taken = [[*self._refusals.taken(chunk, self._take)] for chunk in chunks]
        if not any(Erasure in map(type, those) for those in taken):
            self._score(chunks, cast("list[list[Admitted]]", taken))
            return
        for chunk, those in zip(chunks, taken, strict=True):
            for kind, run in groupby(those, type):
                if kind is Erasure:
                    self._erase(chunk, cast("Iterable[Erasure]", run))
                else:
                    self._score([chunk], [cast("list[Admitted]", [*run])])

    def _erase(self, chunk: Chunk, erasures: Iterable[Erasure]) -> None:
        """Forget their subjects as of here, and tell labelling, behind the scores that are on their way."""
        for erasure in erasures:
            self._account(1)
            if cast("SubjectState", chunk.states[NAME]).erase(erasure):
                self._erasures.pass_on(erasure, self._outbox, self._topics.scores, erasure.subject)
                self._telemetry.subject_erased(NAME)
            else:
                self._telemetry.erasure_repeated(NAME)

    def _score(self, chunks: Sequence[Chunk], admitted: Sequence[Sequence[Admitted]]) -> None:
        taken = [*chain.from_iterable(admitted)]
        if not taken:
            return
        status, judged = self._core.judge(
            [_part(chunk, those) for chunk, those in zip(chunks, admitted, strict=True)]
        )
        self._count_skipped(status)
        if judged is not None:
            fresh = [taken[place] for place in np.flatnonzero(status == AdmissionResult.FRESH).tolist()]
            self._publish(fresh, judged)

    def _publish(self, fresh: Sequence[Admitted], judged: ScoredBatch) -> None:
        now = self._clock()
        scored_at = datetime.fromtimestamp(now, UTC)
        with self._telemetry.stage("encode"):
            scores = zip(fresh, judged.rows(), strict=True)
            headers = self._telemetry.carried(each.record for each in fresh)
            for (each, scored), carried in zip(scores, headers, strict=False):
                self._put(each, scored, scored_at, carried)
                self._account(1)
        self._telemetry.transactions_scored(judged, np.array([each.recorded_at for each in fresh]), now)
        if learnt := self._take_labels():
            self._telemetry.labels_learnt(learnt, now)

    def _put(self, each: Admitted, scored: Scored, scored_at: datetime, headers: Sequence[Header]) -> None:
        if not each.is_keyed:
            scored = scored._replace(complete=False)
        key = each.transaction.subject.encode()
        self._outbox.put(
            self._topics.scores, key, score_value(scored, each.record, scored_at), headers=headers
        )
        if scored.decision is not Decision.APPROVE:
            self._outbox.put(
                self._topics.alerts, key, alert_value(scored, each.record, scored_at), headers=headers
            )

    def _count_skipped(self, status: NDArray[np.uint8]) -> None:
        for code, reason in SKIPPED.items():
            if count := int(np.count_nonzero(status == code)):
                self._telemetry.transactions_skipped(reason, count)
                self._account(count)


def bind(
    app: App,
    topics: Topics,
    core: ScoringCore,
    telemetry: Telemetry,
    *,
    admission: TransactionValidator,
    clock: Clock,
    prepared: Prepared,
    take_labels: Callable[[], Sequence[float]] = tuple,
    key: bytes | None = None,
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
        key: that erasures must be signed with; without one they are refused.
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
        key=key,
    )
    app.bind(
        NAME, topics.transactions, agent.process, new_state=core.new_state, changelog=topics.scoring_changelog
    )


def _to_nobody(_: int) -> None:
    """Count for nobody: outside of `process`."""


def _part(chunk: Chunk, admitted: Sequence[Admitted]) -> PartitionBatch:
    return PartitionBatch(
        [each.transaction for each in admitted],
        [each.record.offset() for each in admitted],
        cast("SubjectState", chunk.states[NAME]),
        [each.time for each in admitted],
        chunk.log,
    )
