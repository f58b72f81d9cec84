"""The versions of a model that a scorer may use, and which of them it does.

The newest scores, unless an operator holds every scorer to one version. Versions only rise: an old record
that somebody sends again is refused, signed or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.prior import PriorModel
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.scorer import Scorer
    from schemas.control import ModelPin
    from schemas.snapshot import ModelSnapshot

PRIOR_VERSION: Final = 0
"""The version by which a pin names the prior model."""


class ModelShelf:
    """Snapshots by version, newest or pinned in force.

    Args:
        use: is told which scorer is in force, each time it changes.
    """

    def __init__(self, use: Callable[[Scorer], None]) -> None:
        self._use = use
        self._prior: Final = PriorModel()
        self._scorers: dict[int, tuple[Scorer, ModelSnapshot]] = {}
        self._pinned: int | None = None
        self._newest = PRIOR_VERSION
        self._in_force = PRIOR_VERSION
        self._unseen_labels: list[float] = []

    @property
    def in_force(self) -> ModelSnapshot | None:
        """The snapshot that scores; None for the prior model."""
        held = self._scorers.get(self._in_force)
        return held and held[1]

    def put(self, snapshot: ModelSnapshot, scorer: Scorer) -> None:
        """Take a newer version.

        Raises:
            InvalidMessage: `OLD_VERSION`, where a newer one, or this one, was there before.
        """
        if snapshot.version <= self._newest:
            raise InvalidMessage(
                ErrorType.OLD_VERSION, f"version {snapshot.version} is not newer than {self._newest}"
            )
        self._newest = snapshot.version
        self._scorers[snapshot.version] = scorer, snapshot
        self._unseen_labels.extend(snapshot.labels_recorded)
        self._choose()

    def remove(self, version: int) -> None:
        """Forget a version that is kept no longer; the one in force stays until another takes its place."""
        if version != self._in_force:
            self._scorers.pop(version, None)

    def pin(self, pin: ModelPin | None) -> None:
        """Hold to one version, as soon as it is there; None lets the newest score again."""
        self._pinned = None if pin is None else pin.model_version
        self._choose()

    def take_labels(self) -> list[float]:
        """When the labels were recorded (s since 1970) that the model in force has learnt, each told once.

        Nothing while a pin keeps the newest version, which learnt them, from scoring.
        """
        if self._in_force != self._newest:
            return []
        labels, self._unseen_labels = self._unseen_labels, []
        return labels

    def _choose(self) -> None:
        wanted = self._newest if self._pinned is None else self._pinned
        if wanted == self._in_force:
            return
        if wanted == PRIOR_VERSION:
            self._in_force = wanted
            self._use(self._prior)
        elif wanted in self._scorers:
            self._in_force = wanted
            self._use(self._scorers[wanted][0])
