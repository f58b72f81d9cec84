"""Who takes part in a backtest: the service's learners, and yardsticks to see them against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from fraudstream.backtest.candidates import baselines
from fraudstream.backtest.candidates.online import OnlineOptions, OnlineRun, batches
from models.decay import DAY
from models.learners.base import ALGORITHMS
from models.scoring.features import FEATURES
from models.scoring.pipeline import Scored

if TYPE_CHECKING:
    from collections.abc import Callable

    from fraudstream.backtest.candidates.baselines import Bench
    from models.arrays import Floats, Singles
    from models.scoring.pipeline import Skipped

    Run = Callable[[Bench], Floats]

SERVED: Final = ALGORITHMS[0]
"""What learns in the service unless its settings say otherwise."""
RULES: Final = "rules"
"""The candidate whose run also leaves the feature rows that batch yardsticks are fitted on."""
_SECONDS_KEPT: Final = 7 * DAY


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to score the past.

    Attributes:
        sentence: what it is, for the report.
        run: gives a score for each transaction, NaN where it has none.
        needs_features: whether the feature rows of ``RULES`` must be there.
    """

    sentence: str
    run: Run
    needs_features: bool = False


def _online(options: OnlineOptions, *, keeps_features: bool = False) -> Run:
    """Run the loop over all data, a checkpoint each simulated week."""

    def run(bench: Bench) -> Floats:
        online = OnlineRun(bench.data, bench.horizon, options)
        if (payload := bench.folder.checkpoint(bench.name)) is not None:
            online.unpack(payload)
        features = _open_features(bench, fresh=online.position == 0) if keeps_features else None
        kept_at = online.position
        times = bench.data.times
        for stop in batches(times, online.position):
            start = online.position
            if times[start] - times[kept_at] >= _SECONDS_KEPT:
                bench.folder.keep_checkpoint(bench.name, online.pack())
                kept_at = start
            results = online.step(stop)
            if features is not None:
                _write(features, start, results)
            bench.report(stop)
        return online.scores

    return run


def _open_features(bench: Bench, *, fresh: bool) -> Singles:
    """The file of feature rows as an array."""
    return np.lib.format.open_memmap(
        bench.folder.features,
        mode="w+" if fresh else "r+",
        dtype=np.float32,
        shape=(len(bench.data), len(FEATURES)) if fresh else None,
    )


def _write(features: Singles, start: int, results: list[Scored | Skipped]) -> None:
    for row, result in enumerate(results, start):
        if isinstance(result, Scored):
            features[row] = result.features


def _oracle(bench: Bench) -> Floats:
    return bench.data.frauds.astype(np.float64)


CANDIDATES: Final[dict[str, Candidate]] = {
    "online": Candidate(
        f"The service's default, {SERVED}: learns each label when it becomes known.",
        _online(OnlineOptions(SERVED)),
    ),
    "online-verdicts": Candidate(
        "The same, and each midnight verdicts on the day's 100 highest cards (2 % of all cards at most).",
        _online(OnlineOptions(SERVED, verdicts=True)),
    ),
    "forest": Candidate("Adaptive random forest of River's trees, online.", _online(OnlineOptions("forest"))),
    "logistic": Candidate("River's logistic regression, online.", _online(OnlineOptions("logistic"))),
    RULES: Candidate(
        "The prior model: weights set by hand, nothing learnt but reputations.",
        _online(OnlineOptions(None), keeps_features=True),
    ),
    "frozen": Candidate(
        "LightGBM, fitted once to all that is known on the first test day.",
        baselines.frozen,
        needs_features=True,
    ),
    "nightly": Candidate(
        "LightGBM, fitted each night anew to all that is known.", baselines.nightly, needs_features=True
    ),
    "oracle": Candidate("The truth itself: the ceiling.", _oracle),
}
"""By name; the first are the service's own."""

DEFAULT: Final = ("online", "online-verdicts", "forest", "logistic", RULES, "frozen", "nightly", "oracle")
