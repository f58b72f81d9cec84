"""The core: a micro-batch of transactions of one partition in, scores and decisions out.

The path of a batch: columns -> profiles folded -> features -> scored -> decided -> alerts explained. Nothing
here knows Kafka, a clock or a file, so a replay of the same records gives the same results.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from models.batch import EventBatch
from models.features import feature_matrix
from models.prior import PriorModel
from models.profile import Status
from models.reasons import explain
from models.reputation import ReputationStore
from models.state import SubjectState
from schemas.score import Decision
from schemas.transaction import CardTransaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.arrays import Singles
    from models.policy import Decisions, Policy
    from models.profile import ProfileView
    from models.scorer import Scorer
    from schemas.alert import Reason
    from schemas.transaction import Transaction

    Timer = Callable[[str], AbstractContextManager[object]]

CANARY_SCORE: Final = 0.018694649812515673
"""Prior score of the canary on an empty state; it changes with the features or the prior model only."""


class Skipped(StrEnum):
    """Why a transaction was not scored."""

    REPEAT = "repeat"
    """Its id is among the subject's last ones."""
    REPLAY = "replay"
    """The state already holds this offset of the source."""


_SKIPPED: Final = {Status.REPEAT: Skipped.REPEAT, Status.REPLAY: Skipped.REPLAY}


@dataclass(frozen=True, slots=True)
class Scored:
    """One scored transaction."""

    transaction: Transaction
    features: Singles
    """In the order of ``features.FEATURES``."""
    complete: bool
    score: float
    decision: Decision
    threshold: float
    scored_by: str
    policy_version: str
    reasons: list[Reason]
    """Of alerts only, weightiest first."""


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
        self._scorer = scorer
        self._reputations = reputations
        self._timer = timer
        self.use_policy(policy_factory)

    @property
    def scorer(self) -> Scorer:
        """The model in force."""
        return self._scorer

    def use_scorer(self, scorer: Scorer) -> None:
        """Score from the next batch on by this model."""
        self._scorer = scorer

    def use_policy(self, policy_factory: Callable[[], Policy]) -> None:
        """Decide from the next batch on by policies of this kind, in every state."""
        self._policy_factory = policy_factory
        self._policy_version = policy_factory().version

    def new_state(self) -> SubjectState:
        """A state that remembers nothing yet."""
        return SubjectState(self._policy_factory())

    def process(
        self, transactions: Sequence[Transaction], offsets: Sequence[int], state: SubjectState
    ) -> list[Scored | Skipped]:
        """Fold, score and decide on transactions of the state's partition; results are in their order."""
        if state.policy.version != self._policy_version:
            state.adopt(self._policy_factory())
        if not transactions:
            return []
        batch = EventBatch.of(transactions, offsets)
        with self._timer("profile"):
            profiles = state.profiles.fold(batch)
        fresh = np.flatnonzero(profiles.status == Status.FRESH)
        if len(fresh) == len(batch):
            return [*self._judge(transactions, batch, profiles, state.policy)]
        chosen = [transactions[place] for place in fresh.tolist()]
        judged = iter(self._judge(chosen, batch.take(fresh), profiles.take(fresh), state.policy))
        return [_SKIPPED.get(status) or next(judged) for status in profiles.status.tolist()]

    def canary(self) -> float:
        """Score the canary by the prior model on an empty state: ``CANARY_SCORE`` if all is well."""
        core = ScoringCore(PriorModel(), ReputationStore(), self._policy_factory)
        [scored] = core.process([_canary()], [0], core.new_state())
        return scored.score if isinstance(scored, Scored) else 0.0

    def _judge(
        self, transactions: Sequence[Transaction], batch: EventBatch, profiles: ProfileView, policy: Policy
    ) -> list[Scored]:
        """Score and decide on events that were folded."""
        if not transactions:
            return []
        with self._timer("features"):
            matrix = feature_matrix(batch, profiles, self._reputations.view(batch))
        with self._timer("score"):
            scores = self._scorer.score(matrix.values)
        with self._timer("decide"):
            decisions = policy.decide(batch.times, scores, batch.subjects)
            reasons = self._reasons(matrix.values, decisions)
        complete, score, threshold = matrix.complete.tolist(), scores.tolist(), decisions.thresholds.tolist()
        return [
            Scored(
                transaction=transaction,
                features=matrix.values[row],
                complete=complete[row],
                score=score[row],
                decision=decisions.decisions[row],
                threshold=threshold[row],
                scored_by=self._scorer.name,
                policy_version=policy.version,
                reasons=reasons.get(row, []),
            )
            for row, transaction in enumerate(transactions)
        ]

    def _reasons(self, values: Singles, decisions: Decisions) -> dict[int, list[Reason]]:
        """Reasons of the alerts, by their row."""
        alerts = [row for row, decision in enumerate(decisions.decisions) if decision is not Decision.APPROVE]
        if not alerts:
            return {}
        contributions = self._scorer.contributions(values[alerts])
        return {row: explain(values[row], told) for row, told in zip(alerts, contributions, strict=True)}


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
