"""The seam between the core and whatever computes a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from models.arrays import Floats, Singles
    from models.scoring.quantiles import Quantiles


class Scorer(Protocol):
    """A model that the core can run: pure, and each row's score depends on nothing else in the batch."""

    @property
    def name(self) -> str:
        """``prior``, or the model as ``name@version``."""

    @property
    def quantiles(self) -> Quantiles:
        """Of its scores of all transactions, as well as it knows them."""

    def fault(self) -> str | None:
        """Say how its scores are not what they should be, as far as it can know; None where they are."""

    def score(self, values: Singles) -> Floats:
        """Probabilities of fraud [n] in [0, 1] of feature rows [n, k]."""

    def contributions(self, values: Singles) -> Floats:
        """How much each feature raised each score [n, k], in the unit of the model's own sum."""
