"""Every learner: compiled it scores as it does itself, and a copy from a pickle goes on as the original."""

from __future__ import annotations

import pickle

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learners.base import ALGORITHMS, OnlineLearner, make_learner

FEATURES = 7


def world(rows: int, seed: int = 0) -> tuple[np.ndarray, list[bool]]:
    """Feature rows as heavy-tailed as real ones, with a flag, a constant and a rare one; and their frauds."""
    draws = np.random.default_rng(seed)
    values = draws.lognormal(0.0, 2.0, (rows, FEATURES)).astype(np.float32)
    values[:, 1] = values[:, 1] > 2.0
    values[:, 4] = 3.0
    values[:, 5] *= draws.random(rows) < 0.01
    values[:, 6] = draws.normal(0.0, 10.0, rows)
    log_odds = 1.5 * np.log(values[:, 0]) + 2.0 * values[:, 1] - 0.1 * values[:, 6] - 3.0
    return values, (draws.random(rows) < 1.0 / (1.0 + np.exp(-log_odds))).tolist()


def teach(learner: OnlineLearner, values: np.ndarray, frauds: list[bool]) -> OnlineLearner:
    """Teach rows in order."""
    for features, fraud in zip(values.tolist(), frauds, strict=True):
        learner.learn(features, fraud, weight=1.0)
    return learner


def compiled(learner: OnlineLearner, values: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(learner.compile(), providers=["CPUExecutionProvider"])
    [scores] = session.run(None, {"features": values})
    assert scores.shape == (len(values), 1)
    return scores[:, 0]


@pytest.fixture(scope="module", params=ALGORITHMS)
def learner(request: pytest.FixtureRequest) -> OnlineLearner:
    return teach(make_learner(request.param, FEATURES, seed=3), *world(3_000))


def test_compiled_it_gives_its_own_score_of_every_row(learner: OnlineLearner) -> None:
    values, _ = world(2_000, seed=1)
    own = np.array([learner.score(row) for row in values.tolist()])
    assert len(set(own.tolist())) >= 4
    np.testing.assert_allclose(compiled(learner, values), own, rtol=0, atol=1e-6)


@given(
    st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=7, max_size=7),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=50, deadline=None)
def test_also_of_rows_unlike_any_learnt(learner: OnlineLearner, rows: list[list[float]]) -> None:
    own = np.array([learner.score(row) for row in rows])
    assert ((own >= 0.0) & (own <= 1.0)).all()
    np.testing.assert_allclose(compiled(learner, np.array(rows, dtype=np.float32)), own, rtol=0, atol=1e-6)


def test_also_of_rows_on_its_own_thresholds() -> None:
    """Rows that were learnt stand on thresholds, or as near as float32 comes."""
    values, frauds = world(400)
    values = np.round(values)
    for algorithm in ("boost", "forest"):
        learner = teach(make_learner(algorithm, FEATURES, seed=0), values, frauds)
        own = np.array([learner.score(row) for row in values.tolist()])
        np.testing.assert_allclose(compiled(learner, values), own, rtol=0, atol=1e-6)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_before_any_row_it_scores_and_compiles(algorithm: str) -> None:
    learner = make_learner(algorithm, FEATURES, seed=0)
    assert learner.score([1.0] * FEATURES) == 0.5
    assert compiled(learner, np.ones((3, FEATURES), dtype=np.float32)) == pytest.approx([0.5] * 3)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_copy_from_a_pickle_goes_on_as_the_original(algorithm: str) -> None:
    values, frauds = world(1_500)
    original = teach(make_learner(algorithm, FEATURES, seed=1), values[:700], frauds[:700])
    copy = pickle.loads(pickle.dumps(original))  # noqa: S301 - its own
    assert copy.compile() == original.compile()
    teach(original, values[700:], frauds[700:])
    teach(copy, values[700:], frauds[700:])
    assert copy.compile() == original.compile()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_tells_frauds_from_genuine_rows(algorithm: str) -> None:
    learner = teach(make_learner(algorithm, FEATURES, seed=0), *world(4_000))
    values, frauds = world(1_000, seed=1)
    scores = np.array([learner.score(row) for row in values.tolist()])
    above = scores[np.array(frauds)][:, None] > scores[~np.array(frauds)]
    assert above.mean() > 0.75


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_weight_of_ten_teaches_more_than_one(algorithm: str) -> None:
    light, heavy = (make_learner(algorithm, FEATURES, seed=0) for _ in range(2))
    values, frauds = world(1_000)
    for learner, weight in ((light, 1.0), (heavy, 10.0)):
        for features, fraud in zip(values.tolist(), frauds, strict=True):
            learner.learn(features, fraud, weight=weight if fraud else 1.0)
    assert heavy.score(values[0].tolist()) > light.score(values[0].tolist())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_tells_its_name_and_what_it_was_made_with(algorithm: str) -> None:
    learner = make_learner(algorithm, FEATURES, seed=0)
    assert learner.algorithm == algorithm
    assert learner.n_features == FEATURES
    assert learner.parameters


def test_features_are_learnt_as_scorers_see_them() -> None:
    """A feature between two float32 numbers scores as the float32 number that scorers are sent."""
    learner = teach(make_learner("forest", FEATURES, seed=0), *world(500))
    row = world(1, seed=2)[0][0].tolist()
    nudged = [value * (1.0 + 1e-9) for value in row]
    assert nudged != row
    assert learner.score(nudged) == learner.score(row)


def test_an_unknown_learner_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="boost, forest, logistic"):
        make_learner("oracle", FEATURES, seed=0)
