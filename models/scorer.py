"""The seam between the core and whatever computes a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from models.arrays import Floats, Singles


class Scorer(Protocol):
    """A model that the core can run: pure, and each row's score depends on nothing else in the batch."""

    @property
    def name(self) -> str:
        """``prior``, or the model as ``name@version``."""

    def score(self, values: Singles) -> Floats:
        """Probabilities of fraud [n] in [0, 1] of feature rows [n, k]."""

    def contributions(self, values: Singles) -> Floats:
        """How much each feature raised each score [n, k], in the unit of the model's own sum."""
