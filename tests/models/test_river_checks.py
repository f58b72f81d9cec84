"""Each learner's estimator keeps River's conventions: River's own checks, on River's own stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import river.checks
from river import datasets

from models.learners.boost import RollingBoost
from models.learners.forest import FraudForest
from models.learners.logistic import BoundedScaler, SignedLog, fraud_regression

if TYPE_CHECKING:
    from collections.abc import Iterator

ESTIMATORS = {
    "boost": lambda: RollingBoost(warm_up=50, period=50, memory=200, n_trees=10, seed=1),
    "forest": lambda: FraudForest(n_models=3, seed=1),
    "logistic": fraud_regression,
    "signed-log": SignedLog,
    "bounded-scaler": BoundedScaler,
}


def streams(_model: object, scale: int = 1) -> Iterator[Any]:
    """River's stream of two classes; the module that offers it imports scikit-learn for others."""
    yield datasets.Phishing().take(200 * scale)
    yield ((x, np.bool_(y)) for x, y in datasets.Phishing().take(200 * scale))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_passes_rivers_checks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(river.checks, "_yield_datasets", streams)
    model = ESTIMATORS[name]()
    done = set()
    for check in river.checks.yield_checks(model):
        check(model.clone())
        done.add(check.__name__)
    assert {"check_learn_one", "check_pickling", "check_clone_is_independent"} <= done
