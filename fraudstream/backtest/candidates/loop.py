"""The whole loop in one process: scoring, labelling, reputations and learning, one partition of each.

The parts are those that the agents run; Kafka and its delays are what is missing. The caller keeps the clock,
and with it says what is known when:

1. `label` hands labels over; one that is handed over before its own time changes nothing until then.
2. `advance` brings the clock to a moment: all that is due by it is learnt and counted, and changed
   reputations are in force.
3. `publish` compiles what was learnt so far; the next batch is scored by it.
4. `score` scores a micro-batch, which sees what the last `advance` and `publish` left in force.
"""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from models.labelling.core import LabellingCore, LabellingRules
from models.labelling.pending import ScoredTransaction
from models.labelling.store import MemoryPendingStore
from models.reputations.ledger import ReputationLedger
from models.reputations.store import ReputationStore
from models.scoring.features import FEATURES_VERSION
from models.scoring.pipeline import Scored, ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from models.snapshots.online_model import OnlineModel
from models.snapshots.scorer import SnapshotScorer
from schemas.reputation import reputation_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from models.labelling.core import LabellingResult
    from models.scoring.pipeline import Skipped
    from models.scoring.policy import Policy
    from schemas.label import Label
    from schemas.snapshot import ModelSnapshot
    from schemas.transaction import Transaction

_KEPT: Final = ("_state", "_labelling", "_ledger", "_reputations", "_published", "_examples")


def never_alert() -> Policy:
    """A policy for whoever wants scores alone: nothing is explained, which costs time."""
    return FixedThresholdPolicy(1.0, 1.0, version="never")


class Loop:
    """Scores micro-batches and learns from what their labels say.

    Args:
        rules: the horizon, and how many genuine transactions are learnt.
        model: learns the examples; without one the prior model scores throughout.
        policy_factory: makes the policy that decides.
    """

    def __init__(
        self,
        rules: LabellingRules,
        model: OnlineModel | None,
        policy_factory: Callable[[], Policy] = never_alert,
    ) -> None:
        self._model = model
        self._reputations = ReputationStore()
        self._ledger = ReputationLedger()
        self._labelling = LabellingCore(rules, MemoryPendingStore())
        self._core = ScoringCore(PriorModel(), self._reputations, policy_factory)
        self._policy_factory = policy_factory
        self._state = self._core.new_state()
        self._published: tuple[ModelSnapshot, bytes] | None = None
        self._examples = 0

    def score(self, transactions: Sequence[Transaction], offsets: Sequence[int]) -> list[Scored | Skipped]:
        """Score a micro-batch; results are in its order, and its rows wait for their labels."""
        results = self._core.process(transactions, offsets, self._state)
        for result in results:
            if isinstance(result, Scored):
                self._labelling.take_score(ScoredTransaction.of_scored(result, FEATURES_VERSION))
        return results

    def label(self, labels: Iterable[Label]) -> None:
        """Hand over what somebody said, recorded as soon as it was said."""
        for label in labels:
            self._labelling.take_label(label, label.label_time.timestamp())

    def advance(self, clock: float) -> LabellingResult:
        """Count and learn all that is due by ``clock`` (event time, s since 1970); returns what that was."""
        emission = self._labelling.advance(clock)
        for (kind, name), events in emission.outcomes.items():
            self._ledger.fold(reputation_key(kind, name), events)
        for key in self._ledger.take_dirty():
            self._reputations.update(self._ledger.reputation(key))
        if self._model is not None:
            for number, example in enumerate(emission.examples, start=self._examples):
                self._model.fold(example, number)
        self._examples += len(emission.examples)
        return emission

    def publish(self, now: float) -> None:
        """Score from now on (s since 1970) by what was learnt so far, once that is enough."""
        if self._model is None or not self._model.is_ready():
            return
        self._published = self._model.snapshot(datetime.fromtimestamp(now, UTC))
        self._core.use_scorer(SnapshotScorer(*self._published, FEATURES_VERSION))

    def pack(self) -> bytes:
        """Everything that a loop must know to go on from here, for `unpack` on the same version."""
        kept: dict[str, Any] = {name: getattr(self, name) for name in _KEPT}
        return pickle.dumps((kept, self._model and self._model.pack()), protocol=5)

    def unpack(self, payload: bytes) -> None:
        """Go on where the loop that packed this was; a payload must be as trusted as this program."""
        kept, model = pickle.loads(payload)  # noqa: S301 - see above
        vars(self).update(kept)
        self._model = model and OnlineModel.unpack(model)
        scorer = SnapshotScorer(*self._published, FEATURES_VERSION) if self._published else PriorModel()
        self._core = ScoringCore(scorer, self._reputations, self._policy_factory)
