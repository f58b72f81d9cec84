"""The versions of a model that a scorer may use, and which of them it does.

The newest scores, unless an operator holds every scorer to one version that is there. Versions only rise: an
old record that somebody sends again is refused, signed or not.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from models.scoring.prior import PriorModel
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.scoring.scorer import Scorer
    from schemas.control import ModelPin
    from schemas.snapshot import ModelSnapshot

PRIOR_VERSION: Final = 0
"""The version by which a pin names the prior model."""
MOST_LABELS: Final = 10_000
"""Labels remembered until they are told; a pin may keep them waiting for days."""


class ModelSelector:
    """Snapshots by version, newest or pinned in force.

    Args:
        name: of the model; a pin of another one holds nothing here.
        use: is told which scorer is in force, each time it changes.
    """

    def __init__(self, name: str, use: Callable[[Scorer], None]) -> None:
        self.name: Final = name
        self._use = use
        self._prior: Final = PriorModel()
        self._scorers: dict[int, tuple[Scorer, ModelSnapshot]] = {}
        self._gone: set[int] = set()
        self._pinned: int | None = None
        self._newest = PRIOR_VERSION
        self._in_force = PRIOR_VERSION
        self._unseen_labels = deque[float](maxlen=MOST_LABELS)

    @property
    def in_force(self) -> ModelSnapshot | None:
        """The snapshot that scores; None for the prior model."""
        held = self._scorers.get(self._in_force)
        return held and held[1]

    @property
    def newest(self) -> int:
        """The newest version that was ever put on it, 0 for none."""
        return self._newest

    @property
    def is_fallback(self) -> bool:
        """Whether the prior model scores although nobody pinned it."""
        return self._in_force == PRIOR_VERSION != self._pinned

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
        self._gone.add(version)
        self._forget()

    def pin(self, pin: ModelPin | None) -> None:
        """Hold to one version, as soon as it is there; until then, and for None, the newest scores."""
        self._pinned = pin.model_version if pin is not None and pin.name == self.name else None
        self._choose()

    def take_labels(self) -> list[float]:
        """When the labels were recorded (s since 1970) that the model in force has learnt, each told once.

        Nothing while a pin keeps the newest version, which learnt them, from scoring.
        """
        if self._in_force != self._newest:
            return []
        labels = list(self._unseen_labels)
        self._unseen_labels.clear()
        return labels

    def forget_labels(self) -> None:
        """Tell none of the labels learnt so far: this scorer was not there when they were."""
        self._unseen_labels.clear()

    def _choose(self) -> None:
        """Put in force what versions and pin say, whichever came first: all scorers come to the same."""
        wanted = max(self._scorers, default=PRIOR_VERSION)
        if self._pinned is not None and (self._pinned == PRIOR_VERSION or self._pinned in self._scorers):
            wanted = self._pinned
        if wanted == self._in_force:
            return
        self._in_force = wanted
        self._use(self._prior if wanted == PRIOR_VERSION else self._scorers[wanted][0])
        self._forget()

    def _forget(self) -> None:
        for version in self._gone - {self._in_force}:
            self._scorers.pop(version, None)
        self._gone &= {self._in_force}
