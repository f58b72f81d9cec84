"""Upper quantiles of scores: the score that a given share of all transactions reaches.

They turn an alert budget into a threshold. Each scorer brings a table of its own, of the scores that it gave
before each row was learned. A worker makes a better one of the rows that it scored last: a table of examples
is of transactions a week old, and of the models in between.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from schemas.snapshot import QUANTILE_SHARES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.arrays import Floats, Singles
    from models.scoring.scorer import Scorer

FEWEST_ROWS: Final = 500
"""Recent rows from which a table is made of them."""
MOST_ROWS: Final = 1_000
"""Recent rows that are kept: 0.3 MB, and 1 ms of scoring at a change of the model. Of twice as many, half are
of a past that a young model has left behind: the budget was kept less well on both simulated banks."""
FEWEST_ABOVE: Final = 5
"""Rows above a quantile without which it is no estimate: the scorer's own table gives the shape beyond."""

_SHARES: Final = np.array(QUANTILE_SHARES)
_LOG_SHARES: Final = -np.log(_SHARES)
_LEAST: Final = 1e-6
_MOST_LOG_ODDS: Final = math.log((1.0 - _LEAST) / _LEAST)
_MOST_LOG_SHARE: Final = -math.log(_LEAST)


class Quantiles:
    """A table of log-odds, one for each of `QUANTILE_SHARES`.

    Args:
        log_odds: what that share of the transactions reaches, [shares], ascending.

    Raises:
        ValueError: they are not as many, not finite, or not ascending.
    """

    def __init__(self, log_odds: Sequence[float] | Floats) -> None:
        table = np.asarray(log_odds, dtype=np.float64)
        if table.shape != _LOG_SHARES.shape or not np.isfinite(table).all() or (np.diff(table) < 0.0).any():
            raise ValueError(f"a table of quantiles has {len(_SHARES)} finite numbers that never fall")
        self.log_odds: Final = table

    @classmethod
    def of_scores(cls, scores: Sequence[float]) -> Quantiles:
        """Read a table of scores in [0, 1].

        Raises:
            ValueError: as the class does.
        """
        return cls(log_odds_of(np.asarray(scores, dtype=np.float64)))

    @property
    def scores(self) -> tuple[float, ...]:
        """The table as scores in [0, 1]."""
        return tuple((1.0 / (1.0 + np.exp(-self.log_odds))).tolist())

    def at(self, share: float) -> float:
        """Log-odds that this share of the transactions reaches, linear in its logarithm."""
        places = np.concatenate([[0.0], _LOG_SHARES, [_MOST_LOG_SHARE]])
        beyond = self.log_odds[-1] + _MOST_LOG_SHARE - _LOG_SHARES[-1]
        values = np.concatenate([[-_MOST_LOG_ODDS], self.log_odds, [beyond]])
        return float(np.interp(-math.log(max(share, _LEAST)), places, values))

    def shifted_to(self, scores: Floats) -> Quantiles:
        """Read a table of scores [n], at least `FEWEST_ROWS`; beyond them it has this one's shape."""
        ordered = np.sort(log_odds_of(scores))[::-1]
        above = len(scores) * _SHARES
        seen = np.interp(above + 0.5, np.arange(1, len(ordered) + 1), ordered)
        is_seen = above >= FEWEST_ABOVE
        last = int(np.flatnonzero(is_seen)[-1])
        table = np.where(is_seen, seen, seen[last] + (self.log_odds - self.log_odds[last]))
        return Quantiles(table)


class Aim(NamedTuple):
    """What an alert budget takes its threshold from when the scorer, or what is known of it, changes."""

    scorer: str
    """Name of the scorer."""
    quantiles: Quantiles
    is_seen: bool
    """Whether they are of rows that this worker scored, not the scorer's own."""


class RecentRows:
    """The last rows that a worker scored, of all its partitions, to see what another scorer makes of them."""

    def __init__(self) -> None:
        self._rows: Singles | None = None
        self._count = 0

    def take(self, values: Singles) -> None:
        """Keep rows [n, k]."""
        if self._rows is None:
            self._rows = np.empty((MOST_ROWS, values.shape[1]), dtype=np.float32)
        kept = values[-MOST_ROWS:]
        places = (self._count + len(values) - len(kept) + np.arange(len(kept))) % MOST_ROWS
        self._rows[places] = kept
        self._count += len(values)

    def __len__(self) -> int:
        return min(self._count, MOST_ROWS)

    def aim(self, scorer: Scorer) -> Aim:
        """What the scorer makes of the rows; its own table while they are too few."""
        if self._rows is None or len(self) < FEWEST_ROWS:
            return Aim(scorer.name, scorer.quantiles, is_seen=False)
        scores = scorer.score(self._rows[: len(self)])
        return Aim(scorer.name, scorer.quantiles.shifted_to(scores), is_seen=True)


def log_odds_of(scores: Floats) -> Floats:
    """Log-odds of scores, finite even of 0 and 1."""
    inside = np.clip(scores, _LEAST, 1.0 - _LEAST)
    log_odds: Floats = np.log(inside) - np.log1p(-inside)
    return log_odds
