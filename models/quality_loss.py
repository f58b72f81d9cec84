"""Whether the loss of the scores changes: ADWIN on the log loss of matured transactions, in their order.

ADWIN keeps a window of past losses as long as their mean does not change, and drops its older part as soon as
two parts differ by more than chance would have it. Its bound is for numbers within [0, 1], so losses are
bounded and scaled. Source: Bifet, Gavalda, *Learning from Time-Changing Data with Adaptive Windowing*, SDM
2007, as implemented by River.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from river.drift import ADWIN

if TYPE_CHECKING:
    from models.arrays import Flags, Floats

LARGEST_LOSS: Final = 7.0
"""Most that one transaction may count, nats: a fraud that was given one chance in 1,100. Without it a single
fraud scored near 0 would hide what the others say."""
SIGNIFICANCE: Final = 0.002
"""ADWIN's delta: how seldom chance may look like a change."""


class LossWatch:
    """Counts changes of the mean loss."""

    def __init__(self) -> None:
        self._detector = ADWIN(delta=SIGNIFICANCE)
        self.worse = 0
        """Changes after which the loss was higher."""
        self.better = 0
        """Changes after which it was lower."""

    def take(self, losses: Floats) -> None:
        """Take losses [n] within [0, `LARGEST_LOSS`], oldest first."""
        for loss in (losses / LARGEST_LOSS).tolist():
            before = self._detector.estimation
            self._detector.update(loss)
            if self._detector.drift_detected:
                rose = self._detector.estimation > before
                self.worse += rose
                self.better += not rose


def bounded_losses(frauds: Flags, scores: Floats) -> Floats:
    """Log loss [n] of each score as a probability, nats, at most `LARGEST_LOSS`."""
    likelihoods = np.where(frauds, scores, 1.0 - scores)
    losses: Floats = -np.log(np.maximum(likelihoods, np.exp(-LARGEST_LOSS)))
    return losses
