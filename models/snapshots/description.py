"""What a snapshot says of its own scores, and the check that the model is the one described.

A signature says who published a model, not that it works: one that gives every payment the same score is
signed as rightly as any. So a snapshot carries rows with their scores, and the quantiles of its scores. Who
scores checks both before it takes the model over, and again whenever its readiness is asked for.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

from models.scoring.quantiles import log_odds_of
from schemas.snapshot import ExampleRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from models.arrays import Floats, Singles
    from models.scoring.scorer import Scorer
    from schemas.snapshot import ModelSnapshot

ROWS: Final = 12
"""Rows of either outcome that are shown: with 67 features about 12 kB of a snapshot."""
SAME_LOG_ODDS: Final = 0.05
"""Most that a score may differ from the one described. Compiled models give raw scores to 1e-6, which is 1 %
of the odds of the lowest raw score, and calibration takes that to a power of 2.5 at most."""
LEAST_SPREAD: Final = 0.1
"""Log-odds from the lowest to the highest score; a model of less spread tells nothing apart."""


class ExampleRows:
    """The rows learned last, as many of either outcome.

    They are of the model that learned them: one that learns without an erased subject never sees its rows.
    """

    def __init__(self) -> None:
        self._rows: dict[bool, deque[Singles]] = {outcome: deque(maxlen=ROWS) for outcome in (False, True)}

    def take(self, features: Sequence[float], *, fraud: bool) -> None:
        """Keep a row [k]."""
        self._rows[fraud].append(np.array(features, dtype=np.float32))

    def described(self, score: Callable[[Singles], float]) -> tuple[ExampleRow, ...]:
        """The rows with the scores that this function gives them."""
        return tuple(
            ExampleRow(features=tuple(map(_shortest, row)), score=score(row))
            for rows in self._rows.values()
            for row in rows
        )


def fault(snapshot: ModelSnapshot, scorer: Scorer) -> str | None:
    """Say what is wrong with the scores of a snapshot's model; None where they are as it describes them."""
    name = snapshot.scored_by
    if not snapshot.examples or not snapshot.quantiles:
        return f"{name} describes no scores of its own, so nobody can check what it gives"
    described = log_odds_of(np.array([example.score for example in snapshot.examples]))
    for what, log_odds in (("example rows", described), ("quantiles", scorer.quantiles.log_odds)):
        if np.ptp(log_odds) < LEAST_SPREAD:
            return (
                f"{name} scores all alike: the odds of its {what} are within {np.expm1(np.ptp(log_odds)):.1%}"
            )
    try:
        given = _scores(scorer, [example.features for example in snapshot.examples])
    except Exception as error:  # noqa: BLE001 - whatever a model does with its own rows, it cannot score
        return f"{name} fails on its own example rows ({type(error).__name__})"
    is_same = np.isfinite(given) & (np.abs(log_odds_of(given) - described) <= SAME_LOG_ODDS)
    if not is_same.all():
        count = np.count_nonzero(~is_same)
        return f"{name} gives {count} of its {len(given)} example rows other scores than it describes"
    return None


def _scores(scorer: Scorer, rows: Iterable[Sequence[float]]) -> Floats:
    return scorer.score(np.array([*rows], dtype=np.float32))


def _shortest(number: np.float32) -> float:
    """The decimal of fewest digits that is this float32 again."""
    return float(str(number))
