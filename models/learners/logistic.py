"""Logistic regression, learnt one row at a time: the simplest learner, and a measure for the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import base, compose, linear_model, optim, preprocessing

from models.arrays import as_row
from models.learners.onnx import BOUND, compile_logistic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.snapshot import Setting

LEARNING_RATE: Final = 0.01
L2: Final = 1e-4
_LEAST_VARIANCE: Final = 1e-6
"""Added to a feature's variance, so that a constant feature has a scale too."""


class SignedLog(base.Transformer):  # type: ignore[misc]
    """Brings heavy-tailed features to a scale that a sum can weigh: ``sign(x) ln(1 + |x|)``."""

    def transform_one(self, x: Mapping[Any, float]) -> dict[Any, float]:
        """Scale each feature."""
        return {name: math.copysign(math.log(1.0 + abs(value)), value) for name, value in x.items()}


class BoundedScaler(preprocessing.StandardScaler):  # type: ignore[misc]
    """Subtracts the running mean and divides by the running deviation, within ``BOUND`` deviations."""

    def transform_one(self, x: Mapping[Any, float]) -> dict[Any, float]:
        """Scale each feature."""
        return {
            name: min(max((value - self.means[name]) * self.scale(name), -BOUND), BOUND)
            for name, value in x.items()
        }

    def scale(self, name: Any) -> float:
        """One over the deviation of a feature."""
        return 1.0 / math.sqrt(self.vars[name] + _LEAST_VARIANCE)


def fraud_regression() -> compose.Pipeline:
    """The pipeline: logarithm, standard scale, logistic regression by stochastic gradient descent."""
    regression = linear_model.LogisticRegression(optimizer=optim.SGD(LEARNING_RATE), l2=L2)
    return compose.Pipeline(SignedLog(), BoundedScaler(), regression)


class LogisticLearner:
    """Logistic regression on scaled logarithms of the features.

    Args:
        n_features: of each row.
    """

    algorithm: Final = "logistic"
    counts_samples: Final = False
    fresh: Final = 0

    def __init__(self, n_features: int) -> None:
        self.n_features: Final = n_features
        self._pipeline = fraud_regression()
        self.parameters: Final[Mapping[str, Setting]] = {"learning_rate": LEARNING_RATE, "l2": L2}

    def learn(self, features: Sequence[float], outcome: bool, *, weight: float) -> None:  # noqa: FBT001
        """Learn a row, whatever made it an example."""
        self._pipeline.learn_one(as_row(features), outcome, w=weight)

    def score(self, features: Sequence[float]) -> float:
        """Probability of fraud, as sampled."""
        return float(self._pipeline.predict_proba_one(as_row(features))[True])

    def compile(self) -> bytes:
        """Scaler and regression as ONNX."""
        _, scaler, regression = self._pipeline.steps.values()
        weights = regression.weights
        return compile_logistic(
            means=np.array([scaler.means.get(name, 0.0) for name in range(self.n_features)]),
            scales=np.array([scaler.scale(name) for name in range(self.n_features)]),
            weights=np.array([weights.get(name, 0.0) for name in range(self.n_features)]),
            bias=float(regression.intercept),
        )
