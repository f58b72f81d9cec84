"""The seam of the decision policies, and the plainest of them: two fixed thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from schemas.fields.pan import contains_pan
from schemas.score import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.arrays import Floats
    from models.scoring.quantiles import Aim


# A name made of numbers may read as a card number, which no record may hold, by whatever issuer's prefix.
_ANY_ISSUER: Final = tuple(b"%d" % digit for digit in range(10))
_DIGITS_AS_LETTERS: Final = str.maketrans("0123456789", "abcdefghij")


def setting_name(name: str) -> str:
    """Return the name of a setting; with letters for digits where these would read as a card number."""
    return name.translate(_DIGITS_AS_LETTERS) if contains_pan(name.encode(), _ANY_ISSUER) else name


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided on each of ``n`` scores, and the score from which it would have been a review, [n]."""

    decisions: list[Decision]
    thresholds: Floats


class Policy(Protocol):
    """Turns scores into decisions, deterministically: the same scores in the same order decide the same."""

    @property
    def version(self) -> str:
        """Names the policy and its configuration; alerts are told apart by it."""

    def aim(self, aim: Aim) -> None:
        """Expect the scores of this scorer from now on; called before each batch."""

    def decide(self, times: Floats, scores: Floats, subjects: Sequence[str]) -> Decisions:
        """Decide on scores [n] of events at ``times`` [n] (s since 1970), in their order."""

    def pack(self) -> bytes:
        """What the policy remembers, empty if nothing."""

    def unpack(self, payload: bytes) -> None:
        """Remember what a policy of the same version packed.

        Raises:
            ValueError: the payload is none of such a policy.
        """

    def forget(self, subject: str) -> None:
        """Remember nothing of a card or an account any more."""


class FixedThresholdPolicy:
    """Review from one score on, decline from another. It remembers nothing.

    Args:
        review: score from which a transaction is reviewed.
        decline: score from which it is declined.
        version: name of this setting; made of the thresholds where none is given.

    Raises:
        ValueError: not 0 <= review <= decline <= 1.
    """

    def __init__(self, review: float, decline: float, version: str | None = None) -> None:
        check_thresholds(review, decline)
        self._review = review
        self._decline = decline
        self.version: Final = version or setting_name(f"fixed-{review:g}-{decline:g}")

    def aim(self, aim: Aim) -> None:
        """Do nothing: the thresholds are fixed."""

    def decide(self, times: Floats, scores: Floats, subjects: Sequence[str]) -> Decisions:  # noqa: ARG002
        """Compare each score with the two thresholds."""
        decisions = [decided(score, self._review, self._decline) for score in scores.tolist()]
        return Decisions(decisions, np.full(len(scores), self._review))

    def pack(self) -> bytes:
        """Nothing."""
        return b""

    def unpack(self, payload: bytes) -> None:
        """Accept nothing but nothing."""
        if payload:
            raise ValueError("a fixed threshold remembers nothing, but was given a state")

    def forget(self, subject: str) -> None:
        """Do nothing: nothing is remembered."""


def decided(score: float, review: float, decline: float) -> Decision:
    """Compare one score with the two thresholds; reaching one is enough, none declines below ``review``."""
    if score < review:
        return Decision.APPROVE
    return Decision.DECLINE if score >= decline else Decision.REVIEW


def check_thresholds(*ascending: float) -> None:
    """Check that scores are in order and within [0, 1].

    Raises:
        ValueError: they are not.
    """
    if list(ascending) != sorted(ascending) or not 0.0 <= ascending[0] <= ascending[-1] <= 1.0:
        raise ValueError(f"thresholds must ascend within 0 and 1, not {', '.join(map(repr, ascending))}")
