"""Models in ONNX: what a score is made of, to the last bit of every constant."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from models.learners.onnx import BOUND, LEAF, TreeTable, compile_logistic, compile_trees, scaled

STUMPS = TreeTable(
    tree=np.array([0, 0, 0, 1]),
    feature=np.array([1, LEAF, LEAF, LEAF]),
    threshold=np.array([2.0, 0.0, 0.0, 0.0], dtype=np.float32),
    left=np.array([1, 1, 2, 3]),
    right=np.array([2, 1, 2, 3]),
    hits=np.array([4.0, 1.0, 3.0, 4.0]),
    value=np.array([0.0, 0.125, 0.25, 0.5]),
)
ROWS = np.array([[9.0, 2.0, 0.0], [0.0, 2.5, 9.0]], dtype=np.float32)


def run(model: bytes, rows: np.ndarray) -> list[float]:
    onnx.checker.check_model(onnx.load_from_string(model))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"features": rows})[0][:, 0].tolist()


def test_a_score_is_the_sum_of_the_leaves_and_the_base() -> None:
    assert run(compile_trees(STUMPS, 3), ROWS) == [0.625, 0.75]
    assert run(compile_trees(STUMPS, 3, base=0.125), ROWS) == [0.75, 0.875]


def test_a_logistic_sum_becomes_a_probability() -> None:
    log_odds = np.array([0.625, 0.75]) - 2.0
    scores = run(compile_trees(STUMPS, 3, base=-2.0, logistic=True), ROWS)
    assert scores == pytest.approx(1.0 / (1.0 + np.exp(-log_odds)), abs=1e-7)


def test_the_same_trees_give_the_same_bytes() -> None:
    assert compile_trees(STUMPS, 3) == compile_trees(STUMPS, 3)
    assert compile_trees(STUMPS, 3) != compile_trees(STUMPS, 3, base=0.1)


def test_a_value_on_the_threshold_goes_left() -> None:
    above = np.nextafter(np.float32(2.0), np.float32(3.0))
    rows = np.array([[0.0, 2.0, 0.0], [0.0, above, 0.0]], dtype=np.float32)
    assert run(compile_trees(STUMPS, 3), rows) == [0.625, 0.75]


def test_a_logistic_model_weighs_bounded_logarithms() -> None:
    means, scales, weights = np.array([0.0, 1.0]), np.array([1.0, 0.5]), np.array([2.0, -1.0])
    rows = np.array([[0.0, 0.0], [np.e - 1.0, -5.0], [1e30, 0.0]], dtype=np.float32)
    log_odds = [0.25 + 0.5, 2.0 * 1.0 + 0.5 * (np.log(6.0) + 1.0) + 0.25, 2.0 * BOUND + 0.5 + 0.25]
    expected = 1.0 / (1.0 + np.exp(-np.array(log_odds)))
    assert run(compile_logistic(means, scales, weights, 0.25), rows) == pytest.approx(expected, abs=1e-7)
    assert scaled(rows, means, scales)[2, 0] == BOUND


def test_a_logistic_model_keeps_its_numbers_in_full() -> None:
    weights = np.array([1.0 / 3.0])
    model = onnx.load_from_string(compile_logistic(np.zeros(1), np.ones(1), weights, 0.0))
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    assert constants["weights"].tolist() == weights.tolist()
