"""All that a worker can tell of its scores' quality while it runs.

It is held in memory and begins anew with each start: measures come back as transactions mature, drift as soon
as both samples hold rows enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.decay import DAY
from models.quality.drift import LossWatch, RecentSample, bounded_losses, stability_indices
from models.quality.matured import MEMORY, MaturedQuality
from models.scoring.features import FEATURES_VERSION, NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.labelling.core import Observation
    from models.labelling.pending import ScoredTransaction

SAMPLE: Final = 2_000
"""Rows of either sample that drift compares."""
LEAST_SAMPLE: Final = 1_000
"""Below so many rows in either, chance alone could look like drift."""
LEAST_SPAN: Final = DAY
"""Seconds of event time that either must span, else the hours of the day would look like drift."""
SCORE: Final = "score"
COLUMNS: Final = (SCORE, *NAMES)


class LiveQuality:
    """The measures of matured transactions, changes of their loss, and drift of what is scored now.

    Drift compares the rows as they are scored with those that matured last: a horizon older, they are what
    the model could learn from. Rows of another version of the features are left out of it.
    """

    def __init__(self) -> None:
        self._matured = MaturedQuality()
        self._loss = LossWatch()
        self._reference = RecentSample(SAMPLE, len(COLUMNS), MEMORY)
        self._current = RecentSample(SAMPLE, len(COLUMNS), MEMORY)

    def take_score(self, row: ScoredTransaction) -> None:
        """Take a transaction as it was scored."""
        _put(self._current, row)

    def take_matured(self, observations: Sequence[Observation]) -> None:
        """Take transactions whose outcome is final, in the order in which they matured."""
        self._matured.take(observations)
        frauds = np.array([each.is_fraud for each in observations], dtype=np.bool_)
        self._loss.take(bounded_losses(frauds, np.array([each.row.score for each in observations])))
        for each in observations:
            _put(self._reference, each.row)

    def measures(self) -> dict[str, float]:
        """Measures of matured transactions by name; those that rest on too little are left out."""
        return self._matured.measures()

    def loss_changes(self) -> dict[str, int]:
        """Changes of the loss since the start, by direction."""
        return {"worse": self._loss.worse, "better": self._loss.better}

    def stability(self) -> dict[str, float]:
        """Population stability index of the score and of each feature, once there are rows enough."""
        if not (_is_enough(self._reference) and _is_enough(self._current)):
            return {}
        indices = stability_indices(self._reference.rows(), self._current.rows())
        return dict(zip(COLUMNS, indices.tolist(), strict=True))


def _is_enough(sample: RecentSample) -> bool:
    return len(sample) >= LEAST_SAMPLE and sample.span >= LEAST_SPAN


def _put(sample: RecentSample, row: ScoredTransaction) -> None:
    if (row.features_version, len(row.features)) == (FEATURES_VERSION, len(NAMES)):
        sample.take(row.key, row.event_time, row.score, row.features)
