"""How a record of each compacted topic is taken over: decoded and checked first, applied only when whole.

A handler is called with key and value of one record (None: the key was deleted) on the event loop, between
two micro-batches; it raises `InvalidMessage` to refuse the record and leave all as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from models.rates import Rates
from models.scoring import alert_budget, policy
from models.signing import unseal
from models.snapshots.scorer import checked_scorer
from schemas import control
from schemas.errors import ErrorType, InvalidMessage
from schemas.reputation import decode_reputation, split_key
from schemas.snapshot import version_of

if TYPE_CHECKING:
    from agents.broadcast.published import PublishedVersions
    from models.controls import Controls
    from models.reputations.store import ReputationStore
    from models.scoring.policy import Policy
    from models.scoring.scorer import Scorer
    from models.snapshots.selector import ModelSelector
    from schemas.control import ModelPin
    from schemas.snapshot import ModelSnapshot

    PolicyFactory = Callable[[], Policy]

Handler = Callable[[bytes | None, bytes | None], None]
"""Takes key and value of one record over, or raises InvalidMessage."""


def reputation_handler(reputations: ReputationStore) -> Handler:
    """Keep the reputations of the scoring core up to date.

    One that is deleted is none again; one that is refused leaves the features of whoever meets it incomplete.
    """

    def take(key: bytes | None, value: bytes | None) -> None:
        if value is None:
            reputations.forget(*split_key((key or b"").decode(errors="replace")))
            return
        try:
            reputation = decode_reputation(value)
            _check_key(key, reputation.key)
        except InvalidMessage:
            reputations.doubt(*split_key((key or b"").decode(errors="replace")))
            raise
        reputations.update(reputation)

    return take


def control_handler(
    controls: Controls,
    use_policy: Callable[[PolicyFactory], None],
    configured: PolicyFactory,
    pin: Callable[[ModelPin | None], None],
    use_rates: Callable[[Rates], None],
) -> Handler:
    """Let an operator choose the decision policy, the model and the exchange rates, by signed controls.

    Args:
        controls: tells true and new ones from others.
        use_policy: has the scoring core decide by policies from this factory (`core.use_policy`).
        configured: makes the policy of the settings.
        pin: holds the scorer to one version of the model (`ModelSelector.pin`).
        use_rates: has the scoring core convert amounts by these (`core.use_rates`).
    """

    def take(key: bytes | None, value: bytes | None) -> None:
        chosen = controls.take(key, value)
        if isinstance(chosen, control.ModelPin):
            pin(chosen)
        elif isinstance(chosen, control.ModelUnpin):
            pin(None)
        elif isinstance(chosen, control.ExchangeRates):
            use_rates(Rates.of(chosen))
        elif isinstance(chosen, control.ConfiguredPolicy):
            use_policy(configured)
        else:
            use_policy(policy_factory(chosen))

    return take


def pin_handler(controls: Controls, published: PublishedVersions) -> Handler:
    """Tell the learner which version scorers are held to, so that it stays."""

    def take(key: bytes | None, value: bytes | None) -> None:
        if key != control.MODEL.encode():
            return
        chosen = controls.take(key, value)
        published.pin(chosen if isinstance(chosen, control.ModelPin) else None)

    return take


class SnapshotHandler:
    """Takes models over: opened and made ready beside the event loop, put on the shelf on it.

    Args:
        shelf: chooses what scores.
        key: that models must be signed with; None refuses every model.
        features_version: that they must take.
    """

    def __init__(self, shelf: ModelSelector, key: bytes | None, features_version: int) -> None:
        self._shelf = shelf
        self._key = key
        self._features_version = features_version
        self.refused: Final[dict[int, str]] = {}
        """Versions of the model that are on the topic and not on the shelf, and why, as a sentence's end."""

    def prepare(self, key: bytes | None, value: bytes | None) -> Callable[[], None]:
        """Check a record and make its model ready, in any thread; gives the step that takes or refuses it."""
        version = version_of(key, self._shelf.name)
        if value is None:
            return _pass_over if version is None else partial(self._remove, version)
        try:
            return self._opened(key, value)
        except InvalidMessage as refusal:
            return partial(self._refuse, version, refusal)

    def _opened(self, key: bytes | None, value: bytes) -> Callable[[], None]:
        if self._key is None:
            raise InvalidMessage(ErrorType.BAD_SIGNATURE, _NO_KEY)
        snapshot, onnx = unseal(value, self._key)
        _check_key(key, snapshot.scored_by)
        if snapshot.name != self._shelf.name:
            return _pass_over
        scorer = checked_scorer(snapshot, onnx, self._features_version)
        return partial(self._put, snapshot, scorer)

    def _put(self, snapshot: ModelSnapshot, scorer: Scorer) -> None:
        self._shelf.put(snapshot, scorer)
        self.refused.pop(snapshot.version, None)

    def _refuse(self, version: int | None, refusal: InvalidMessage) -> None:
        if version is not None and version > self._shelf.newest:
            self.refused[version] = refusal.reason
            if len(self.refused) > _MOST_REFUSED:
                del self.refused[min(self.refused)]
        raise refusal

    def _remove(self, version: int) -> None:
        self._shelf.remove(version)
        self.refused.pop(version, None)


_MOST_REFUSED: Final = 100
"""Refused versions that are remembered, the highest: whoever may write to the topic may write any number."""


def _pass_over() -> None:
    """Do nothing: the record is of another model, which others may score by."""


_NO_KEY: Final = "FRAUDSTREAM_LEARNING__SIGNING_KEY is not set, so no model can be trusted"


def refuse_controls(_key: bytes | None, _value: bytes | None) -> None:
    """Refuse every control: for a worker that has no key to tell a true one by.

    Raises:
        InvalidMessage: `BAD_SIGNATURE`, always.
    """
    raise InvalidMessage(
        ErrorType.BAD_SIGNATURE,
        "FRAUDSTREAM_LEARNING__SIGNING_KEY is not set, so no control can be trusted and the settings hold",
    )


def policy_factory(chosen: control.FixedThreshold | control.AlertBudget) -> PolicyFactory:
    """Turn a control into what makes the policy of each partition."""
    if isinstance(chosen, control.FixedThreshold):
        return partial(policy.FixedThresholdPolicy, chosen.review, chosen.decline, chosen.version)
    return partial(
        alert_budget.AlertBudgetPolicy,
        chosen.alerts_per_10000,
        floor=chosen.floor,
        ceiling=chosen.ceiling,
        decline=chosen.decline,
        version=chosen.version,
    )


def _check_key(key: bytes | None, expected: str) -> None:
    """Refuse a record under another key: compaction would keep it beside the right one."""
    if not key:
        raise InvalidMessage(ErrorType.EMPTY_KEY, "the record has no key, so compaction cannot keep it")
    if key != expected.encode():
        raise InvalidMessage(ErrorType.KEY_MISMATCH, "the record's key is not that of its message")
