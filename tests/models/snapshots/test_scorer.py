"""Scoring by a snapshot: what was learnt, as probabilities, whatever else is in the batch."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learners.base import ALGORITHMS, OnlineLearner, make_learner
from models.signing import digest
from models.snapshots.scorer import SnapshotScorer
from schemas.errors import ErrorType, InvalidMessage
from schemas.snapshot import Learner as LearnerDescription
from schemas.snapshot import ModelSnapshot

FEATURES = 6
CALIBRATION = {"beta": 0.1, "a": 1.1, "b": 0.9, "c": 0.2}


def values(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(0.0, 1.5, (rows, FEATURES)).astype(np.float32)


def taught(algorithm: str) -> OnlineLearner:
    learner = make_learner(algorithm, FEATURES, seed=2)
    noise = np.random.default_rng(5).random(2_000)
    for row, chance in zip(values(2_000).tolist(), noise.tolist(), strict=True):
        learner.learn(row, row[1] * chance > 1.0, weight=1.0)
    return learner


def describe(onnx: bytes, **changes: object) -> ModelSnapshot:
    given = {
        "name": "fraud",
        "version": 2000,
        "features_version": 1,
        "examples_offset": 1999,
        "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        "learner": LearnerDescription(algorithm="forest", parameters={}, seed=1, code_version="0.1.0"),
        "quality": {},
        "calibration": CALIBRATION,
        "onnx_size": len(onnx),
        "onnx_sha256": digest(onnx),
    }
    return ModelSnapshot.model_validate({**given, **changes})


@pytest.fixture(scope="module", params=ALGORITHMS)
def learner(request: pytest.FixtureRequest) -> OnlineLearner:
    return taught(request.param)


@pytest.fixture(scope="module")
def scorer(learner: OnlineLearner) -> SnapshotScorer:
    onnx = learner.compile()
    return SnapshotScorer(describe(onnx), onnx, features_version=1)


def test_it_is_named_after_its_model_and_version(scorer: SnapshotScorer) -> None:
    assert scorer.name == "fraud@2000"


def test_it_scores_as_what_learnt_it(scorer: SnapshotScorer, learner: OnlineLearner) -> None:
    rows = values(500, seed=1)
    own = [learner.score(row) for row in rows.tolist()]
    np.testing.assert_allclose(scorer.raw(rows), own, rtol=0, atol=1e-6)


def test_a_score_is_a_probability_of_all_transactions(scorer: SnapshotScorer) -> None:
    """The sample has ten times the frauds, so that calibrated scores are lower, in the same order."""
    rows = values(500, seed=1)
    raw, scores = scorer.raw(rows), scorer.score(rows)
    assert scores.dtype == np.float64
    assert ((scores > 0.0) & (scores < 1.0)).all()
    assert scores.mean() < raw.mean() / 2.0
    assert (np.argsort(raw, kind="stable") == np.argsort(scores, kind="stable")).all()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 31, 64, 100, 499, 500, 1_000])
def test_a_row_scores_the_same_to_the_last_bit_in_any_batch(scorer: SnapshotScorer, size: int) -> None:
    rows = values(1_000, seed=1)
    parts = [scorer.score(rows[start : start + size]) for start in range(0, len(rows), size)]
    assert np.concatenate(parts).tolist() == scorer.score(rows).tolist()


@given(st.permutations(range(40)), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_a_row_scores_the_same_in_any_place(scorer: SnapshotScorer, order: list[int], size: int) -> None:
    rows, chosen = values(40, seed=1), order[:size]
    assert scorer.score(rows[chosen]).tolist() == scorer.score(rows)[chosen].tolist()


def test_it_explains_its_scores(scorer: SnapshotScorer) -> None:
    usual, high = np.ones((2, FEATURES), dtype=np.float32)
    high[1] = 8.0
    contributions = scorer.contributions(np.stack([usual, high]))
    assert contributions.shape == (2, FEATURES)
    assert contributions[1].argmax() == 1
    assert contributions[1, 1] > contributions[0, 1]


@pytest.mark.parametrize("version", [0, 2])
def test_a_model_of_other_features_is_refused(version: int) -> None:
    onnx = make_learner("logistic", FEATURES, seed=0).compile()
    with pytest.raises(InvalidMessage) as refused:
        SnapshotScorer(describe(onnx), onnx, features_version=version)
    assert refused.value.error_type is ErrorType.FEATURES_MISMATCH


@pytest.mark.parametrize("onnx", [b"", b"no model", b"\x08\x08"])
def test_bytes_that_are_no_model_are_refused(onnx: bytes) -> None:
    with pytest.raises(InvalidMessage) as refused:
        SnapshotScorer(describe(onnx), onnx, features_version=1)
    assert refused.value.error_type is ErrorType.INVALID_VALUE


def test_a_calibration_that_keeps_no_order_is_refused() -> None:
    onnx = make_learner("logistic", FEATURES, seed=0).compile()
    with pytest.raises(InvalidMessage) as refused:
        SnapshotScorer(describe(onnx, calibration={"a": -1.0}), onnx, features_version=1)
    assert refused.value.error_type is ErrorType.INVALID_VALUE


def test_what_scores_starts_without_river() -> None:
    program = "import sys, models.learners.base, models.signing\n"
    program += "import models.snapshots.scorer, models.snapshots.online_model\n"
    program += "sys.exit('river' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
