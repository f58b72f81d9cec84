"""How a record of each compacted topic is taken over: decoded and checked first, applied only when whole.

A handler is called with key and value of one record (None: the key was deleted) on the event loop, between
two micro-batches; it raises `InvalidMessage` to refuse the record and leave all as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from models import alert_budget, policy
from models.signing import unseal
from models.snapshot_scorer import SnapshotScorer
from schemas import control
from schemas.errors import ErrorType, InvalidMessage
from schemas.reputation import decode_reputation
from schemas.snapshot import version_of

if TYPE_CHECKING:
    from agents.broadcast.published import PublishedVersions
    from models.policy import Policy
    from models.reputation import ReputationStore
    from models.shelf import ModelShelf
    from schemas.control import ModelPin

    PolicyFactory = Callable[[], Policy]

Handler = Callable[[bytes | None, bytes | None], None]
"""Takes key and value of one record over, or raises InvalidMessage."""


def reputation_handler(reputations: ReputationStore) -> Handler:
    """Keep the reputations of the scoring core up to date."""

    def take(key: bytes | None, value: bytes | None) -> None:
        if value is None:
            raise InvalidMessage(ErrorType.INVALID_VALUE, "a reputation can be replaced, not deleted")
        reputation = decode_reputation(value)
        _check_key(key, reputation.key)
        reputations.update(reputation)

    return take


def control_handler(
    use_policy: Callable[[PolicyFactory], None],
    configured: PolicyFactory,
    pin: Callable[[ModelPin | None], None],
) -> Handler:
    """Let an operator choose the decision policy and the model; a deleted control gives its choice up.

    Args:
        use_policy: has the scoring core decide by policies from this factory (`core.use_policy`).
        configured: makes the policy of the settings.
        pin: holds the scorer to one version of the model (`ModelShelf.pin`).
    """

    def take(key: bytes | None, value: bytes | None) -> None:
        if value is None:
            _give_up(key)
            return
        chosen = control.decode_control(value)
        _check_key(key, chosen.control)
        if isinstance(chosen, control.ModelPin):
            pin(chosen)
        else:
            use_policy(policy_factory(chosen))

    def _give_up(key: bytes | None) -> None:
        if key == control.MODEL.encode():
            pin(None)
            return
        _check_key(key, control.DECISION_POLICY)
        use_policy(configured)

    return take


def pin_handler(published: PublishedVersions) -> Handler:
    """Tell the learner which version scorers are held to, so that it stays."""

    def take(key: bytes | None, value: bytes | None) -> None:
        if key != control.MODEL.encode():
            return
        chosen = None if value is None else control.decode_control(value)
        if chosen is not None:
            _check_key(key, chosen.control)
        published.pin(chosen if isinstance(chosen, control.ModelPin) else None)

    return take


class SnapshotHandler:
    """Takes models over: opened and made ready beside the event loop, put on the shelf on it.

    Args:
        shelf: chooses what scores.
        key: that models must be signed with.
        features_version: that they must take.
    """

    def __init__(self, shelf: ModelShelf, key: bytes, features_version: int) -> None:
        self._shelf = shelf
        self._key = key
        self._features_version = features_version

    def prepare(self, key: bytes | None, value: bytes | None) -> Callable[[], None]:
        """Check a record and make its model ready, in any thread; gives what puts it on the shelf.

        Raises:
            InvalidMessage: the record is refused.
        """
        if value is None:
            version = version_of(key, self._shelf.name)
            return _pass_over if version is None else partial(self._shelf.remove, version)
        snapshot, onnx = unseal(value, self._key)
        _check_key(key, snapshot.scored_by)
        if snapshot.name != self._shelf.name:
            return _pass_over
        scorer = SnapshotScorer(snapshot, onnx, self._features_version)
        return partial(self._shelf.put, snapshot, scorer)


def _pass_over() -> None:
    """Do nothing: the record is of another model, which others may score by."""


def refuse_snapshots(_key: bytes | None, _value: bytes | None) -> None:
    """Refuse every model: for a worker that has no key to tell a true one by.

    Raises:
        InvalidMessage: always.
    """
    raise InvalidMessage(
        ErrorType.BAD_SIGNATURE,
        "FRAUDSTREAM_LEARNING__SIGNING_KEY is not set, so no model can be trusted and the prior one scores",
    )


def policy_factory(chosen: control.FixedThreshold | control.AlertBudget) -> PolicyFactory:
    """Turn a control into what makes the policy of each partition."""
    if isinstance(chosen, control.FixedThreshold):
        return partial(policy.FixedThreshold, chosen.review, chosen.decline, chosen.version)
    return partial(
        alert_budget.AlertBudget,
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
