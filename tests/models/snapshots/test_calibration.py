"""Calibration: probabilities of all transactions, from scores of the rows that learning was given."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.snapshots.calibration import LEAST, MOST, Calibration, Calibrator

RATE = 0.1
CALIBRATIONS = st.builds(
    Calibration,
    beta=st.floats(1e-3, 1.0),
    a=st.floats(LEAST[0], MOST[0]),
    b=st.floats(LEAST[1], MOST[1]),
    c=st.floats(LEAST[2], MOST[2]),
)
SCORES = st.floats(0.0, 1.0, width=32)


def sampled(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Raw scores, outcomes and sampling rates of what is learnt of a stream of ``rows`` transactions.

    The raw score is right for the sample, but for being drawn to the middle.
    """
    draws = np.random.default_rng(seed)
    probability = draws.beta(0.15, 8.0, rows)
    frauds = draws.random(rows) < probability
    odds = probability / (1.0 - probability) / RATE
    raw = 0.02 + 0.9 * odds / (1.0 + odds)
    kept = frauds | (draws.random(rows) < RATE)
    return raw[kept], frauds[kept], np.where(frauds[kept], 1.0, RATE)


def fitted(rows: int) -> Calibrator:
    calibrator = Calibrator()
    for raw, fraud, rate in zip(*(column.tolist() for column in sampled(rows)), strict=True):
        calibrator.take(raw, fraud=fraud, sampling_rate=rate)
    return calibrator


def error(probabilities: np.ndarray, outcomes: np.ndarray, weights: np.ndarray) -> float:
    """Expected calibration error over ten bins of equal weight."""
    order = np.argsort(probabilities)
    bins = np.minimum((weights[order].cumsum() / weights.sum() * 10).astype(int), 9)
    distances = np.bincount(bins, (weights * (probabilities - outcomes))[order])
    return float(np.abs(distances).sum() / weights.sum())


def test_nothing_is_changed_before_anything_is_known() -> None:
    calibration = Calibrator().fit()
    assert calibration == Calibration(1.0, 1.0, 1.0, 0.0)
    raw = np.linspace(0.0, 1.0, 101)
    np.testing.assert_allclose(calibration.apply(raw), raw, atol=1.01e-4)


def test_the_sampling_correction_is_that_of_dal_pozzolo() -> None:
    raw = np.linspace(0.01, 0.99, 99)
    corrected = RATE * raw / (RATE * raw - raw + 1.0)
    np.testing.assert_allclose(Calibration(beta=RATE).apply(raw), corrected, rtol=0.02)


def test_the_rate_of_sampling_is_learnt_from_the_rows() -> None:
    assert fitted(2_000).fit().beta == pytest.approx(RATE)


def test_fitted_to_one_part_of_a_stream_it_is_right_on_the_next() -> None:
    calibration = fitted(60_000).fit()
    raw, frauds, rates = sampled(60_000, seed=1)
    left = error(calibration.apply(raw), frauds, 1.0 / rates)
    assert left < 0.002
    assert left < error(Calibration(beta=RATE).apply(raw), frauds, 1.0 / rates) / 1.5


def test_a_few_rows_do_not_bend_it() -> None:
    calibrator = Calibrator()
    calibrator.take(0.9, fraud=False, sampling_rate=1.0)
    calibrator.take(0.1, fraud=True, sampling_rate=1.0)
    calibration = calibrator.fit()
    assert calibration.a == pytest.approx(1.0, abs=0.5)
    assert calibration.b == pytest.approx(1.0, abs=0.5)
    assert abs(calibration.c) < 1.0


def test_old_rows_fade() -> None:
    """After the outcomes of two scores change places, the new ones count in the end."""
    calibrator = Calibrator()
    for _ in range(2_000):
        calibrator.take(0.5, fraud=True, sampling_rate=1.0)
        calibrator.take(0.5, fraud=False, sampling_rate=1.0)
    before = calibrator.fit().apply(np.array([0.5]))[0]
    for _ in range(60_000):
        calibrator.take(0.5, fraud=False, sampling_rate=1.0)
    assert before == pytest.approx(0.5, abs=0.01)
    assert calibrator.fit().apply(np.array([0.5]))[0] < 0.01


@given(CALIBRATIONS, SCORES, SCORES)
def test_it_keeps_the_order_of_scores_and_makes_no_ties(
    calibration: Calibration, one: float, two: float
) -> None:
    low, high = sorted((one, two))
    less, more = calibration.apply(np.array([low, high]))
    assert 0.0 < less <= more < 1.0
    if high - low > 1e-9:
        assert less < more


@given(
    st.lists(st.tuples(SCORES, st.booleans(), st.sampled_from([1.0, 0.1, 0.001])), max_size=40),
)
@settings(deadline=None)
def test_whatever_was_taken_the_calibration_is_finite_and_within_bounds(
    rows: list[tuple[float, bool, float]],
) -> None:
    calibrator = Calibrator()
    for raw, fraud, rate in rows:
        calibrator.take(raw, fraud=fraud, sampling_rate=rate)
    calibration = calibrator.fit()
    fit = np.array([calibration.a, calibration.b, calibration.c])
    assert (fit >= LEAST).all()
    assert (fit <= MOST).all()
    assert all(np.isfinite(value) for value in calibrator.quality().values())


@pytest.mark.parametrize("fraud", [False, True])
def test_a_model_that_is_always_wrong_is_flattened_not_turned_over(*, fraud: bool) -> None:
    calibrator = Calibrator()
    for _ in range(3_000):
        calibrator.take(0.9, fraud=fraud, sampling_rate=1.0)
        calibrator.take(0.1, fraud=not fraud, sampling_rate=1.0)
    low, high = calibrator.fit().apply(np.array([0.1, 0.9]))
    assert low < high


def test_the_parameters_come_back() -> None:
    calibration = Calibration(0.1, 1.2, 0.9, -0.3)
    assert Calibration.of(calibration.parameters()) == calibration
    assert Calibration.of({}) == Calibration()


@pytest.mark.parametrize(
    "wrong", [{"d": 1.0}, {"a": 0.0}, {"b": -1.0}, {"beta": 0.0}, {"c": float("inf")}, {"a": float("nan")}]
)
def test_parameters_that_keep_no_order_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration.of(wrong)


def test_quality_counts_rows_as_often_as_they_stand_for() -> None:
    """Frauds score 0.9, genuine rows 0.1, but one of ten kept at a rate of one in ten scores 0.9 too."""
    calibrator = Calibrator()
    for _ in range(100):
        calibrator.take(0.9, fraud=True, sampling_rate=1.0)
        for score in [0.1] * 9 + [0.9]:
            calibrator.take(score, fraud=False, sampling_rate=0.1)
    quality = calibrator.quality()
    assert quality["auc"] == pytest.approx(0.9 + 0.1 / 2, abs=0.001)
    assert quality["average_precision"] == pytest.approx(1 / 11, abs=0.001)
    assert 0.0 < quality["log_loss"] < 0.1
    assert 0.0 <= quality["calibration_error"] < 0.01


def test_quality_needs_both_outcomes() -> None:
    calibrator = Calibrator()
    calibrator.take(0.3, fraud=False, sampling_rate=1.0)
    assert calibrator.quality() == {}


def test_it_goes_on_from_a_pickle() -> None:
    calibrator = fitted(1_000)
    copy = pickle.loads(pickle.dumps(calibrator))  # noqa: S301 - its own
    for each in (calibrator, copy):
        each.take(0.3, fraud=True, sampling_rate=1.0)
    assert copy.fit() == calibrator.fit()


@pytest.mark.parametrize("rate_of_frauds", [1e-6, 1.0])
@pytest.mark.parametrize("rate_of_genuine", [1e-6, 1.0])
def test_the_measures_are_finite_whatever_the_sampling(rate_of_frauds: float, rate_of_genuine: float) -> None:
    """Of raw scores that are all wrong, too."""
    for frauds_score in (0.0, 0.5, 1.0):
        calibrator = Calibrator()
        for _ in range(50):
            calibrator.take(frauds_score, fraud=True, sampling_rate=rate_of_frauds)
            calibrator.take(1.0 - frauds_score, fraud=False, sampling_rate=rate_of_genuine)
        assert np.isfinite([*calibrator.quality().values(), *calibrator.fit().parameters().values()]).all()
