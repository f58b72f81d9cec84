"""The seam between the fold of `examples` and whatever learns from it, and the learners to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.snapshot import Setting

ALGORITHMS: Final = ("boost", "forest", "logistic")
"""Names that ``make_learner`` knows; the first is the default."""


class OnlineLearner(Protocol):
    """Learns one row at a time; its score is not yet a probability.

    Everything it knows is in itself and is pickled with it, its random numbers too: a copy from a pickle goes
    on exactly as the original would have.
    """

    @property
    def algorithm(self) -> str:
        """Name of the learner, one of ``ALGORITHMS``."""

    @property
    def parameters(self) -> Mapping[str, Setting]:
        """Its configuration."""

    @property
    def n_features(self) -> int:
        """Length of each row."""

    @property
    def counts_samples(self) -> bool:
        """Whether it is told how many rows a sampled one stands for: its score then needs no correction."""

    @property
    def fresh(self) -> int:
        """How many of the last rows have not changed the score yet."""

    def learn(self, features: Sequence[float], outcome: bool, *, weight: float) -> None:  # noqa: FBT001
        """Learn that a row [k] was a fraud or not, counted ``weight`` times."""

    def score(self, features: Sequence[float]) -> float:
        """Raw score of a row [k], in [0, 1]."""

    def compile(self) -> bytes:
        """The scoring part as ONNX: ``features`` float32 [n, k] to ``score`` float32 [n, 1].

        Of any float32 row it gives what ``score`` gives, to 1e-6.
        """


def make_learner(algorithm: str, n_features: int, seed: int) -> OnlineLearner:
    """A learner that has learnt nothing yet.

    River is not imported before the first learner is made, so that what only scores starts without it.

    Raises:
        ValueError: no learner has this name.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"no learner is named {algorithm!r}; there are {', '.join(ALGORITHMS)}")
    if algorithm == "boost":
        from models.learners.boost import BoostLearner  # noqa: PLC0415

        return BoostLearner(n_features, seed)
    if algorithm == "logistic":
        from models.learners.logistic import LogisticLearner  # noqa: PLC0415

        return LogisticLearner(n_features)
    from models.learners.forest import ForestLearner  # noqa: PLC0415

    return ForestLearner(n_features, seed)
