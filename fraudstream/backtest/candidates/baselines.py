"""Baselines that learn in batches: gradient boosting on the same features, with the same late labels.

The feature rows are those that the online run of the prior model was scored on, so the reputations in them
know matured outcomes alone. Genuine rows are thinned out, and the probabilities corrected for it:
p = beta p / (beta p - p + 1) with beta the share kept (Dal Pozzolo, Caelen, Johnson, Bontempi: *Calibrating
Probability with Undersampling for Unbalanced Classification*, 2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.decay import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    import lightgbm

    from fraudstream.backtest.files import Folder
    from fraudstream.backtest.sources.dataset import Dataset
    from models.arrays import Floats, Integers, Singles

GENUINE_ROWS: Final = 100_000
"""Genuine rows that one model is fitted on, about."""
ROUNDS: Final = 200
PARAMETERS: Final[dict[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 50,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,  # what LightGBM would otherwise choose by a race
    "num_threads": 1,
    "verbosity": -1,
}


def frozen(bench: Bench) -> Floats:
    """Scores [n] of one model, fitted to what is known when the first test day begins; NaN before."""
    data, features = bench.data, np.load(bench.folder.features, mmap_mode="r")
    scores = np.full(len(data), np.nan)
    midnight = float(bench.test_days[0] * DAY)
    first = int(np.searchsorted(data.times, midnight))
    scores[first:] = _Model(data, features, midnight, bench.horizon).score(features[first:])
    return scores


def nightly(bench: Bench) -> Floats:
    """Scores [n] of models fitted anew at the midnight before each test day; NaN on other days."""
    data, features = bench.data, np.load(bench.folder.features, mmap_mode="r")
    payload = bench.folder.checkpoint(bench.name)
    scores = np.full(len(data), np.nan) if payload is None else np.frombuffer(payload).copy()
    for midnight in (bench.test_days * DAY).tolist():
        start, stop = np.searchsorted(data.times, [midnight, midnight + DAY]).tolist()
        if start < stop and np.isnan(scores[start]):
            scores[start:stop] = _Model(data, features, midnight, bench.horizon).score(features[start:stop])
            bench.folder.keep_checkpoint(bench.name, scores.tobytes())
        bench.report(stop)
    return scores


class _Model:
    """LightGBM on all that is known at a time (s since 1970)."""

    def __init__(self, data: Dataset, features: Singles, time: float, horizon: float) -> None:
        import lightgbm  # noqa: PLC0415 - takes a second that only yardsticks need

        rows, frauds = data.known_by(time, horizon)
        self._share = min(1.0, GENUINE_ROWS / max(int(np.count_nonzero(~frauds)), 1))
        # One number a row, whatever the night: tonight's sample holds most of last night's.
        chances = np.random.default_rng(0).random(len(data))[rows]
        taken = frauds | (chances < self._share)
        sample = lightgbm.Dataset(features[rows[taken]], label=frauds[taken].astype(np.float32))
        self._booster: lightgbm.Booster = lightgbm.train(PARAMETERS, sample, num_boost_round=ROUNDS)

    def score(self, features: Singles) -> Floats:
        """Probabilities of fraud, as in the world that was thinned out for the fit."""
        sampled = np.asarray(self._booster.predict(np.asarray(features), num_threads=1), dtype=np.float64)
        scores: Floats = self._share * sampled / (self._share * sampled - sampled + 1.0)
        return scores


@dataclass(frozen=True, slots=True)
class Bench:
    """What a candidate works with.

    Attributes:
        name: of the candidate.
        data: the past.
        horizon: seconds after which an outcome is final.
        test_days: days that are tested, ascending, counted from 1970-01-01.
        folder: keeps checkpoints and features.
        report: is told how many rows are behind.
    """

    name: str
    data: Dataset
    horizon: float
    test_days: Integers
    folder: Folder
    report: Callable[[int], None]
