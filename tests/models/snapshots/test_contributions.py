"""Contributions: read from ONNX alone, they add up to what the model says."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import NodeProto

from models.learners.base import make_learner
from models.learners.onnx import LEAF, TreeTable, compile_trees, model_bytes
from models.snapshots.contributions import LogisticContributor, TreeContributor, contributor

FEATURES = 5


def rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(0.0, 1.0, (count, FEATURES)).astype(np.float32)


def compiled(algorithm: str) -> bytes:
    """A model of rows that are frauds where the third feature is high."""
    learner = make_learner(algorithm, FEATURES, seed=1)
    noise = np.random.default_rng(9).random(2_000)
    for values, chance in zip(rows(2_000).tolist(), noise.tolist(), strict=True):
        learner.learn(values, values[2] * chance > 1.0, weight=1.0)
    return learner.compile()


def scores(onnx: bytes, values: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    return session.run(None, {"features": values})[0][:, 0]


def test_contributions_of_a_forest_and_what_was_expected_add_up_to_the_score() -> None:
    onnx, values = compiled("forest"), rows(500, seed=1)
    explained = contributor(onnx)
    assert isinstance(explained, TreeContributor)
    told = explained.contributions(values)
    assert told.shape == values.shape
    np.testing.assert_allclose(told.sum(axis=1) + explained.expected, scores(onnx, values), atol=1e-6)


def test_contributions_of_a_logistic_model_and_its_bias_add_up_to_the_log_odds() -> None:
    onnx, values = compiled("logistic"), rows(500, seed=1)
    explained = contributor(onnx)
    assert isinstance(explained, LogisticContributor)
    probability = scores(onnx, values).astype(np.float64)
    bias = np.log(probability / (1.0 - probability)) - explained.contributions(values).sum(axis=1)
    assert np.ptp(bias) < 1e-3


@pytest.mark.parametrize("algorithm", ["boost", "forest", "logistic"])
def test_the_feature_that_makes_frauds_raises_the_scores_of_frauds(algorithm: str) -> None:
    values = np.ones((2, FEATURES), dtype=np.float32)
    values[1, 2] = 6.0
    usual, high = contributor(compiled(algorithm)).contributions(values)
    assert high.argmax() == 2
    assert high[2] > usual[2]


def test_a_row_is_explained_alike_in_any_batch() -> None:
    explained, values = contributor(compiled("forest")), rows(64)
    alone = np.concatenate([explained.contributions(row[None]) for row in values])
    assert explained.contributions(values).tolist() == alone.tolist()


def test_each_step_counts_for_the_feature_asked_for() -> None:
    table = TreeTable(
        tree=np.zeros(5, dtype=np.int64),
        feature=np.array([1, 0, LEAF, LEAF, LEAF]),
        threshold=np.array([2.0, 7.0, 0.0, 0.0, 0.0], dtype=np.float32),
        left=np.array([1, 2, 2, 3, 4]),
        right=np.array([4, 3, 2, 3, 4]),
        hits=np.array([10.0, 5.0, 4.0, 1.0, 5.0]),
        value=np.array([0.0, 0.0, 0.0, 1.0, 0.5]),
    )
    explained = contributor(compile_trees(table, 2))
    assert isinstance(explained, TreeContributor)
    assert explained.expected == pytest.approx(0.35)
    told = explained.contributions(np.array([[7.0, 2.0], [8.0, 2.0], [0.0, 3.0]], dtype=np.float32))
    np.testing.assert_allclose(told, [[-0.2, -0.15], [0.8, -0.15], [0.0, 0.15]], atol=1e-12)


def test_a_model_of_another_kind_is_refused() -> None:
    foreign = model_bytes([NodeProto(op_type="Abs", input=["features"], output=["score"])], 1)
    with pytest.raises(ValueError, match="none that this service compiles"):
        contributor(foreign)
