"""The decision policies that an operator can choose, as controls."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from fraudstream.model_admin.reading import ModelRefused
from models.scoring import alert_budget, policy
from schemas.control import CONTROL
from schemas.decoding import checked

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from models.scoring.policy import Policy
    from schemas.control import Control

_LONGEST_NAME: Final = 32


def fixed_threshold(
    review: float, decline: float, *, issued_at: datetime, remark: str | None = None
) -> Control:
    """The control by which scores from `review` on are reviewed, and from `decline` on declined.

    Raises:
        ModelRefused: scorers would refuse it.
    """
    return _control(
        lambda: policy.FixedThreshold(review, decline),
        kind="fixed-threshold",
        review=review,
        decline=decline,
        issued_at=issued_at,
        remark=remark,
    )


def budget(
    alerts_per_10000: float,
    *,
    floor: float,
    ceiling: float,
    decline: float,
    issued_at: datetime,
    remark: str | None = None,
) -> Control:
    """The control by which so many alerts are raised among 10,000 transactions.

    Raises:
        ModelRefused: scorers would refuse it.
    """
    return _control(
        lambda: alert_budget.AlertBudget(alerts_per_10000, floor=floor, ceiling=ceiling, decline=decline),
        kind="alert-budget",
        alerts_per_10000=alerts_per_10000,
        floor=floor,
        ceiling=ceiling,
        decline=decline,
        issued_at=issued_at,
        remark=remark,
    )


def configured(*, issued_at: datetime, remark: str | None = None) -> Control:
    """The control by which each scorer decides as its own settings say.

    Raises:
        ModelRefused: scorers would refuse it.
    """
    return _checked(lambda: {"kind": "configured-policy", "issued_at": issued_at, "remark": remark})


def _control(make: Callable[[], Policy], **fields: Any) -> Control:
    """A control under the name that its numbers make: the same numbers go on where they were."""
    return _checked(lambda: {"version": _short(make().version), **fields})


def _checked(document: Callable[[], dict[str, Any]]) -> Control:
    try:
        return checked(CONTROL.validate_python, document(), tagged=True)
    except ValueError as refusal:
        raise ModelRefused(f"Scorers would refuse this policy: {refusal}.") from None


def _short(name: str) -> str:
    """A name that a control can have; of a longer one, its kind and a digest."""
    if len(name) <= _LONGEST_NAME:
        return name
    return policy.setting_name(f"{name.partition('-')[0]}-{sha256(name.encode()).hexdigest()[:12]}")
