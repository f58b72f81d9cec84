"""The model in force: which one scores, since when, and whether it does so as it should.

It can be checked where nothing else shows a fault: scores come in time, and are worth nothing, from a model
that gives all payments the same, and from the cold-start scorecard in a worker that refuses every model.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.scoring.scorer import Scorer
    from models.snapshots.selector import ModelSelector


class ModelInForce:
    """Follows the model that scores.

    Args:
        scorer: the first one.
        clock: gives the seconds since 1970.
    """

    def __init__(self, scorer: Scorer, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.use(scorer)

    def use(self, scorer: Scorer) -> None:
        """Note that this one scores from now on."""
        self._scorer = scorer
        self._since = datetime.fromtimestamp(self._clock(), UTC)

    def note(self) -> str:
        """Say which model scores, and since when."""
        name = "the cold-start scorecard (prior)" if self._scorer.name == "prior" else self._scorer.name
        return f"{name} in force since {self._since:%Y-%m-%dT%H:%M:%SZ}"

    def failure(self, shelf: ModelSelector, refused: Mapping[int, str]) -> str | None:
        """Say what is wrong with what scores; None where all is well, as before the first model.

        Args:
            shelf: chooses the model.
            refused: versions on the topic that this worker does not score by, and why.
        """
        if is_fallback(shelf, refused):
            version = max(refused)
            return (
                f"the cold-start scorecard scores, because {len(refused)} version(s) of {shelf.name} are "
                f"refused, the newest, {version}, because {refused[version]}: give this worker the learner's "
                "FRAUDSTREAM_LEARNING__SIGNING_KEY and release, or `fraudstream model pin 0`"
            )
        fault = self._scorer.fault()
        return (
            None if fault is None else f"{fault}: `fraudstream model rollback` puts the one before in force"
        )


def is_fallback(shelf: ModelSelector, refused: Mapping[int, str]) -> bool:
    """Tell whether the cold-start scorecard scores while the topic holds models that others may score by."""
    return shelf.is_fallback and bool(refused)
