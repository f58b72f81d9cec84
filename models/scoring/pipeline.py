"""The core: a micro-batch of transactions in, scores and decisions out.

The path of a batch: columns -> profiles folded -> features -> scored -> decided -> alerts explained. Nothing
here knows Kafka, a clock or a file, so a replay of the same records gives the same results.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from models.batch import EventBatch
from models.profiles.store import AdmissionResult, fold, runs
from models.rates import NO_RATES
from models.reputations.store import ReputationStore
from models.scoring.features import feature_matrix
from models.scoring.policy import Decisions
from models.scoring.prior import PriorModel
from models.scoring.quantiles import RecentRows
from models.scoring.reasons import explain
from models.scoring.state import SubjectState
from schemas.score import Decision
from schemas.transaction import CardTransaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from models.arrays import Floats, Records, Singles
    from models.profiles.store import ProfileView
    from models.rates import Rates
    from models.scoring.features import FeatureMatrix
    from models.scoring.policy import Policy
    from models.scoring.scorer import Scorer
    from schemas.alert import Reason
    from schemas.transaction import Transaction

    Timer = Callable[[str], AbstractContextManager[object]]

CANARY_SCORE: Final = 0.018694649812515673
"""Prior score of the canary on an empty state; it changes with the features or the prior model only."""


class Skipped(StrEnum):
    """Why a transaction was not scored."""

    REPEAT = "repeat"
    """It is among the subject's recent ones, with the same id and content."""
    REPLAY = "replay"
    """The state already holds this offset of the source's log."""


SKIPPED: Final = {AdmissionResult.REPEAT: Skipped.REPEAT, AdmissionResult.REPLAY: Skipped.REPLAY}


class Scored(NamedTuple):
    """One scored transaction."""

    transaction: Transaction
    dimensions: dict[str, str]
    """What else the transaction names, by kind."""
    features: Singles
    """In the order of ``features.FEATURES``."""
    complete: bool
    score: float
    decision: Decision
    threshold: float
    scored_by: str
    policy_version: str
    reasons: Sequence[Reason]
    """Of alerts only, weightiest first."""


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """The scored transactions of a micro-batch, as columns; those skipped have no row."""

    transactions: Sequence[Transaction]
    batch: EventBatch
    seen: Records
    """What each saw of its profile, dtype ``profile_fold.VIEW``."""
    features: FeatureMatrix
    scores: Floats
    decisions: Decisions
    reasons: Mapping[int, Sequence[Reason]]
    """Of alerts only, by their row."""
    scored_by: str
    policy_version: str

    def __len__(self) -> int:
        return len(self.transactions)

    def rows(self) -> Iterator[Scored]:
        """Each scored transaction by itself."""
        columns = zip(
            self.transactions,
            self.batch.dimensions,
            self.features.values,
            self.features.complete.tolist(),
            self.scores.tolist(),
            self.decisions.decisions,
            self.decisions.thresholds.tolist(),
            repeat(self.scored_by),
            repeat(self.policy_version),
            (self.reasons.get(row, ()) for row in range(len(self))),
            strict=False,  # two of them never end
        )
        return map(Scored._make, columns)


class PartitionBatch(NamedTuple):
    """What a micro-batch holds of one partition, in order: transactions, their offsets, and its state."""

    transactions: Sequence[Transaction]
    offsets: Sequence[int]
    state: SubjectState
    times: Sequence[float]
    """Event times of the transactions, seconds since 1970."""
    log: int = 0
    """Identity of the log that the offsets count in."""


class BatchResult(NamedTuple):
    """Results of a micro-batch: an ``AdmissionResult`` of each transaction [n], and scores of the rest."""

    status: NDArray[np.uint8]
    judged: ScoredBatch | None
    """None where all were skipped."""

    def results(self) -> list[Scored | Skipped]:
        """Each transaction's own result, in order."""
        rows = iter(()) if self.judged is None else self.judged.rows()
        return [SKIPPED.get(code) or next(rows) for code in self.status.tolist()]


class ScoringCore:
    """Scores micro-batches; everything it remembers between them is in the state that is handed in.

    Args:
        scorer: the model in force.
        reputations: shared by all partitions.
        policy_factory: makes the policy of each new state.
        timer: called with a stage (``profile``, ``features``, ``score``, ``decide``), gives the context in
            which the stage runs.
    """

    def __init__(
        self,
        scorer: Scorer,
        reputations: ReputationStore,
        policy_factory: Callable[[], Policy],
        timer: Timer = nullcontext,
    ) -> None:
        self._reputations = reputations
        self._timer = timer
        self._rates = NO_RATES
        self._recent = RecentRows()
        self._scorer = scorer
        self.use_policy(policy_factory)

    @property
    def scorer(self) -> Scorer:
        """The model in force."""
        return self._scorer

    def use_scorer(self, scorer: Scorer) -> None:
        """Score from the next batch on by this model, and have the policies expect its scores."""
        self._scorer = scorer
        self._aim = self._recent.aim(scorer)

    def use_rates(self, rates: Rates) -> None:
        """Convert amounts from the next batch on by these rates."""
        self._rates = rates

    def use_policy(self, policy_factory: Callable[[], Policy]) -> None:
        """Decide from the next batch on by policies of this kind, in every state."""
        self._policy_factory = policy_factory
        self._policy_version = policy_factory().version
        self._aim = self._recent.aim(self._scorer)

    def new_state(self) -> SubjectState:
        """A state that remembers nothing yet."""
        return SubjectState(self._policy_factory())

    def process(
        self, transactions: Sequence[Transaction], offsets: Sequence[int], state: SubjectState, log: int = 0
    ) -> list[Scored | Skipped]:
        """Fold, score and decide on transactions of the state's partition; results are in their order."""
        if not transactions:
            return []
        times = [transaction.event_timestamp for transaction in transactions]
        return self.judge([PartitionBatch(transactions, offsets, state, times, log)]).results()

    def judge(self, parts: Sequence[PartitionBatch]) -> BatchResult:
        """Do so for several partitions at once, at least one transaction in all, for less than one by one."""
        for part in parts:
            if part.state.policy.version != self._policy_version:
                part.state.adopt(self._policy_factory())
            part.state.policy.aim(self._aim)
        transactions = [*chain.from_iterable(part.transactions for part in parts)]
        states = [part.state for part in parts for _ in part.transactions]
        batch = EventBatch.of(
            transactions,
            [*chain.from_iterable(part.offsets for part in parts)],
            [*chain.from_iterable(part.times for part in parts)],
            [part.log for part in parts for _ in part.transactions],
        )
        with self._timer("profile"):
            profiles = fold(batch, [state.profiles for state in states], self._rates)
        if not np.count_nonzero(profiles.status):
            return BatchResult(profiles.status, self._judge(transactions, states, batch, profiles))
        fresh = np.flatnonzero(profiles.status == AdmissionResult.FRESH)
        if not len(fresh):
            return BatchResult(profiles.status, None)
        transactions = [transactions[place] for place in fresh.tolist()]
        states = [states[place] for place in fresh.tolist()]
        judged = self._judge(transactions, states, batch.take(fresh), profiles.take(fresh))
        return BatchResult(profiles.status, judged)

    def canary(self) -> float:
        """Score the canary by the prior model on an empty state: ``CANARY_SCORE`` if all is well."""
        core = ScoringCore(PriorModel(), ReputationStore(), self._policy_factory)
        [scored] = core.process([_canary()], [0], core.new_state())
        return scored.score if isinstance(scored, Scored) else 0.0

    def _judge(
        self,
        transactions: Sequence[Transaction],
        states: Sequence[SubjectState],
        batch: EventBatch,
        profiles: ProfileView,
    ) -> ScoredBatch:
        """Score and decide on events that were folded."""
        with self._timer("features"):
            matrix = feature_matrix(batch, profiles, self._reputations.view(batch))
        with self._timer("score"):
            scores = self._scorer.score(matrix.values)
            self._recent.take(matrix.values)
        with self._timer("decide"):
            decisions = _decide(states, batch, scores)
            reasons = self._reasons(matrix.values, decisions)
        return ScoredBatch(
            transactions=transactions,
            batch=batch,
            seen=profiles.columns,
            features=matrix,
            scores=scores,
            decisions=decisions,
            reasons=reasons,
            scored_by=self._scorer.name,
            policy_version=self._policy_version,
        )

    def _reasons(self, values: Singles, decisions: Decisions) -> dict[int, list[Reason]]:
        """Reasons of the alerts, by their row."""
        alerts = [row for row, decision in enumerate(decisions.decisions) if decision is not Decision.APPROVE]
        if not alerts:
            return {}
        contributions = self._scorer.contributions(values[alerts])
        return {row: explain(values[row], told) for row, told in zip(alerts, contributions, strict=True)}


def _decide(states: Sequence[SubjectState], batch: EventBatch, scores: Floats) -> Decisions:
    """Decide on each score by its own partition's policy."""
    decided = [
        state.policy.decide(batch.times[run], scores[run], batch.subjects[run]) for state, run in runs(states)
    ]
    if len(decided) == 1:
        return decided[0]
    return Decisions(
        [decision for part in decided for decision in part.decisions],
        np.concatenate([part.thresholds for part in decided]),
    )


def _canary() -> CardTransaction:
    """A transaction that a bank would never send: a high amount in the first night of 2000."""
    return CardTransaction(
        transaction_id="canary",
        event_time=datetime(2000, 1, 1, 3, tzinfo=UTC),
        card_id="canary-card",
        merchant_id="canary-merchant",
        amount="999.00",
        currency="EUR",
    )
