"""How a record of each compacted topic is taken over: decoded and checked first, applied only when whole.

A handler is called with key and value of one record (None: the key was deleted) on the event loop, between
two micro-batches; it raises `InvalidMessage` to refuse the record and leave all as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from models import alert_budget, policy
from schemas import control
from schemas.errors import ErrorType, InvalidMessage
from schemas.reputation import decode_reputation

if TYPE_CHECKING:
    from models.policy import Policy
    from models.reputation import ReputationStore

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


def control_handler(use_policy: Callable[[PolicyFactory], None], configured: PolicyFactory) -> Handler:
    """Let an operator choose the decision policy; a deleted control gives way to the configured policy.

    Args:
        use_policy: has the scoring core decide by policies from this factory (`core.use_policy`).
        configured: makes the policy of the settings.
    """

    def take(key: bytes | None, value: bytes | None) -> None:
        if value is None:
            _check_key(key, control.DECISION_POLICY)
            use_policy(configured)
            return
        chosen = control.decode_control(value)
        _check_key(key, chosen.control)
        use_policy(policy_factory(chosen))

    return take


def refuse_snapshots(_key: bytes | None, _value: bytes | None) -> None:
    """Refuse every model: for a worker that scores by the prior model alone.

    Raises:
        InvalidMessage: always.
    """
    raise InvalidMessage(
        ErrorType.INVALID_TYPE, "this worker takes no model snapshots and keeps its own model"
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
