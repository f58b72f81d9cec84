"""The report of a backtest as a document: its plan, its figures, and published figures of others.

The published figures are of batch models, each fitted for its fold. Sources: Le Borgne, Siblini, Lebichot,
Bontempi, *Reproducible Machine Learning for Credit Card Fraud Detection - Practical Handbook*;
github.com/jorgeasmz/Fraud-Stream-Detection.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fraudstream.backtest.candidates.table import CANDIDATES, RULES
from fraudstream.backtest.protocols import ProtocolName
from fraudstream.errors import FraudstreamError
from models.decay import DAY
from models.quality.evaluation import calibration_error, reliability
from models.scoring.features import FEATURES_VERSION
from models.snapshots.online_model import READY_FRAUDS, READY_GENUINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fraudstream.backtest.plan import BacktestPlan
    from fraudstream.backtest.protocols.base import Fold, Protocol
    from fraudstream.backtest.sources.dataset import Dataset
    from models.arrays import Floats

SCHEMA_VERSION: Final = 1
ALERT_SHARE: Final = 0.01
"""Share of a week's transactions, the highest scores, that count as looked at in the weekly figures."""
_LIBRARIES: Final = ("fraudstream", "river", "lightgbm", "numpy")


def summarise(
    *,
    plan: BacktestPlan,
    data: Dataset,
    command: str,
    scores: Mapping[str, Floats],
    published: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Everything that is reported, as JSON has it.

    Args:
        plan: what was run.
        data: what was scored.
        command: that made the report.
        scores: of each candidate, [n].
        published: figures of others on the same data and protocol.

    Raises:
        FraudstreamError: a candidate has no score for some tested transaction.
    """
    protocol = plan.protocol
    folds = plan.folds(data)
    return {
        "schema_version": SCHEMA_VERSION,
        "protocol": plan.name,
        "tested": protocol.sentence,
        "data": data.sentence,
        "transactions": len(data),
        "frauds": int(np.count_nonzero(data.frauds)),
        "delay_days": plan.delay_days,
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
            "features": FEATURES_VERSION,
        },
        "measures": protocol.measures,
        "published": list(published),
        "candidates": [
            _candidate(name, protocol, data, folds, each) | _without_model(name, scores)
            for name, each in scores.items()
        ],
    }


def _without_model(name: str, scores: Mapping[str, Floats]) -> dict[str, str]:
    """Say of a learner that scored like the rules throughout that it had no model of its own."""
    rules = scores.get(RULES)
    if name == RULES or rules is None or not np.array_equal(scores[name], rules, equal_nan=True):
        return {}
    return {
        "about": f"{CANDIDATES[name].sentence} It never had a model of its own: that takes {READY_FRAUDS} "
        f"frauds and {READY_GENUINE} others that have matured. Its figures are those of {RULES}.",
        "note": "never had a model of its own",
    }


def _candidate(
    name: str, protocol: Protocol, data: Dataset, folds: Sequence[Fold], scores: Floats
) -> dict[str, Any]:
    tested = np.concatenate([fold.rows for fold in folds])
    if missing := np.count_nonzero(np.isnan(scores[tested])):
        raise FraudstreamError(
            f"The candidate {name} left {missing} of {len(tested)} tested transactions unscored."
        )
    figures = [protocol.measure(data, fold, scores) for fold in folds]
    table = reliability(data.frauds[tested], scores[tested])
    return {
        "name": name,
        "about": CANDIDATES[name].sentence,
        "mean": {measure: float(np.mean([each[measure] for each in figures])) for measure in figures[0]},
        "std": {measure: float(np.std([each[measure] for each in figures])) for measure in figures[0]},
        "folds": [
            {
                "name": fold.name,
                "transactions": len(fold.rows),
                "frauds": int(np.count_nonzero(data.frauds[fold.rows])),
                **each,
            }
            for fold, each in zip(folds, figures, strict=True)
        ],
        "calibration": {"ece": calibration_error(table), "bins": [line._asdict() for line in table]},
        "weeks": _weeks(data, scores),
    }


def _weeks(data: Dataset, scores: Floats) -> list[dict[str, Any]]:
    """Share of each week's frauds among its highest scores, for weeks that were scored and have frauds."""
    weeks, first = [], int(data.days[0])
    cuts = np.searchsorted(data.times, DAY * np.arange(first, int(data.days[-1]) + 8, 7)).tolist()
    for place, (start, stop) in enumerate(pairwise(cuts)):
        scored, frauds = scores[start:stop], data.frauds[start:stop]
        if np.isnan(scored).any() or not frauds.any():
            continue
        looked_at = np.argsort(-scored, kind="stable")[: max(1, round(ALERT_SHARE * len(scored)))]
        day = datetime.fromtimestamp((first + 7 * place) * DAY, UTC).date()
        caught = np.count_nonzero(frauds[looked_at]) / np.count_nonzero(frauds)
        weeks.append(
            {"from": day.isoformat(), "frauds": int(np.count_nonzero(frauds)), "caught": float(caught)}
        )
    return weeks


_HANDBOOK: Final = {
    "Decision tree": (0.797, 0.579, 0.284),
    "Logistic regression": (0.868, 0.623, 0.297),
    "Random forest": (0.870, 0.678, 0.299),
    "XGBoost": (0.872, 0.694, 0.304),
    "Balanced bagging": (0.879, 0.680, 0.305),
    "Multi-layer perceptron": (0.876, 0.675, 0.303),
    "Convolutional network": (0.872, 0.599, 0.288),
    "LSTM": (0.876, 0.665, 0.297),
    "LSTM with attention": (0.874, 0.667, 0.295),
}

PUBLISHED: Final[dict[ProtocolName, list[dict[str, Any]]]] = {
    ProtocolName.HANDBOOK: [
        {"name": f"{name} (Handbook)", "mean": dict(zip(("auc", "ap", "cp100"), figures, strict=True))}
        for name, figures in _HANDBOOK.items()
    ],
    ProtocolName.SECOND: [
        {
            "name": "Histogram boosting (Fraud-Stream-Detection)",
            "mean": {"cards_top100": 0.561, "transactions_top100": 0.620},
        }
    ],
}
"""By protocol; they hold for the published data only."""
