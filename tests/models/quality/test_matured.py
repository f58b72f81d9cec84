"""Live quality of matured transactions: each measure equals its plain definition."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.decay import DAY
from models.quality.drift import LARGEST_LOSS, LossWatch, bounded_losses
from models.quality.evaluation import (
    RELIABILITY_EDGES,
    average_precision,
    calibration_error,
    reliability,
    roc_auc,
)
from models.quality.live import LEAST_SAMPLE, LiveQuality
from models.quality.matured import LEAST, MEMORY, MaturedQuality
from models.scoring.features import FEATURES_VERSION, NAMES
from tests.models.quality_cases import observed, quality_of_all

if TYPE_CHECKING:
    from models.labelling.core import Observation

SCORES = (0.0, 0.001, 0.02, 0.021, 0.3, 0.5, 0.97, 1.0)
"""A few scores, none so near to another that one bin holds both, so that many are equal."""

drawn = st.builds(
    observed,
    st.sampled_from(SCORES),
    fraud=st.booleans(),
    alerted=st.booleans(),
    labelled=st.booleans(),
    day=st.sampled_from([0.0, 0.5, 3.0, 40.0]),
)
many = st.lists(drawn, min_size=1, max_size=30)


def told(observations: list[Observation], *, times: int = 1) -> dict[str, float]:
    quality = MaturedQuality()
    for _ in range(times):
        quality.take(observations)
    return quality.measures()


def weights(observations: list[Observation]) -> np.ndarray:
    ages = np.array([each.row.event_time for each in observations])
    return np.exp((ages - ages.max()) / MEMORY)


def share(observations: list[Observation], part: list[bool], whole: list[bool]) -> float | None:
    """Weight of those in both, by weight of the whole; None where that is too little."""
    weight = 30 * weights(observations)
    total = weight[whole].sum()
    return weight[np.array(part) & np.array(whole)].sum() / total if total >= LEAST else None


@settings(max_examples=50, deadline=None)
@given(many)
def test_shares_are_one_faded_count_by_another(observations: list[Observation]) -> None:
    every = [True] * len(observations)
    alerts = [each.row.alerted for each in observations]
    frauds = [each.is_fraud for each in observations]
    labels = [each.label_delay is not None for each in observations]
    found = told(observations, times=30)
    expected = {
        "fraud_ratio": share(observations, frauds, every),
        "alert_ratio": share(observations, alerts, every),
        "alert_precision": share(observations, frauds, alerts),
        "alert_recall": share(observations, alerts, frauds),
        "label_coverage_ratio": share(observations, labels, every),
        "alert_label_coverage_ratio": share(observations, labels, alerts),
    }
    assert {name: found.get(name) for name in expected} == pytest.approx(expected)
    assert found["matured_transactions"] == pytest.approx(30 * weights(observations).sum())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SCORES), st.booleans()), min_size=2, max_size=30))
def test_measures_of_ranking_and_calibration_are_those_of_a_backtest(rows: list[tuple[float, bool]]) -> None:
    rows = [*rows, (0.3, True), (0.02, False)]
    scores, outcomes = (np.array(column) for column in zip(*rows, strict=True))
    found = told([observed(score, fraud=fraud) for score, fraud in rows], times=20)
    assert found["average_precision"] == pytest.approx(average_precision(outcomes, scores))
    assert found["roc_auc"] == pytest.approx(roc_auc(outcomes, scores))
    assert found["calibration_error"] == pytest.approx(calibration_error(reliability(outcomes, scores)))
    assert found["log_loss"] == pytest.approx(np.mean([_loss(*each) for each in rows]))


@settings(max_examples=50, deadline=None)
@given(many)
def test_ranking_weighs_each_transaction_by_its_age(observations: list[Observation]) -> None:
    observations = [*observations, observed(0.3, fraud=True, day=40), observed(0.02, day=40)]
    found, faded = told(observations, times=20), weights(observations)
    at_frauds, of_frauds, won, pairs = [], [], 0.0, 0.0
    for one, weight in zip(observations, faded, strict=True):
        if one.is_fraud:
            above = np.array([other.row.score >= one.row.score for other in observations])
            frauds = np.array([other.is_fraud for other in observations])
            at_frauds.append(faded[above & frauds].sum() / faded[above].sum())
            of_frauds.append(weight)
            for other, its_weight in zip(observations, faded, strict=True):
                if not other.is_fraud:
                    pairs += weight * its_weight
                    tie = 0.5 * (one.row.score == other.row.score)
                    won += weight * its_weight * ((one.row.score > other.row.score) + tie)
    assert found["average_precision"] == pytest.approx(np.average(at_frauds, weights=of_frauds))
    assert found["roc_auc"] == pytest.approx(won / pairs)


@settings(max_examples=50, deadline=None)
@given(many)
def test_loss_and_calibration_weigh_each_transaction_by_its_age(observations: list[Observation]) -> None:
    observations = [*observations, observed(0.3, fraud=True, day=40), observed(0.02, day=40)]
    found, faded = told(observations, times=20), weights(observations)
    scores, frauds = np.array([(each.row.score, each.is_fraud) for each in observations]).T
    expected = [_loss(each.row.score, each.is_fraud) for each in observations]
    levels = np.searchsorted(RELIABILITY_EDGES[:-1], scores, side="right")
    errors = [abs((faded * (scores - frauds))[levels == level].sum()) for level in set(levels.tolist())]
    assert found["log_loss"] == pytest.approx(np.average(expected, weights=faded))
    assert found["calibration_error"] == pytest.approx(sum(errors) / faded.sum())


@settings(max_examples=50, deadline=None)
@given(many, st.randoms(use_true_random=False), st.integers(1, 29))
def test_order_and_pieces_change_nothing(observations: list[Observation], order: object, piece: int) -> None:
    observations = [*observations, observed(0.3, fraud=True, day=3), observed(0.02)]
    shuffled = observations * 20
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    quality = MaturedQuality()
    for start in range(0, len(shuffled), piece):
        quality.take(shuffled[start : start + piece])
    assert quality.measures() == pytest.approx(told(observations, times=20))


def test_the_past_fades() -> None:
    quality = MaturedQuality()
    quality.take([observed(0.9, alerted=True)] * 1_000)
    assert quality.measures()["alert_precision"] == 0.0
    quality.take([observed(0.9, alerted=True, fraud=True, day=MEMORY / DAY)] * 1_000)
    assert quality.measures()["alert_precision"] == pytest.approx(1 / (1 + math.exp(-1)))


def test_what_rests_on_too_little_is_not_told() -> None:
    quality = MaturedQuality()
    assert quality.measures() == {"matured_transactions": 0.0}
    quality.take([observed(0.1)] * 500)
    quality.take([observed(0.9, alerted=True, fraud=True, labelled=True)] * 19)
    assert quality.measures().keys() == {
        *("matured_transactions", "fraud_ratio", "alert_ratio", "label_coverage_ratio")
    }
    quality.take([observed(0.9, alerted=True, fraud=True, labelled=True)])
    assert quality.measures()["average_precision"] == quality.measures()["alert_recall"] == 1.0


def test_a_loss_is_bounded_and_that_of_the_outcome() -> None:
    losses = bounded_losses(np.array([True, False, True, True]), np.array([0.25, 0.25, 0.0, 1.0]))
    assert losses == pytest.approx([-math.log(0.25), -math.log(0.75), LARGEST_LOSS, 0.0])


def losses(chance: np.random.Generator, count: int, missed: float) -> np.ndarray:
    """Losses of calibrated-looking scores at 1 % frauds, a share of which is scored like all others."""
    frauds = chance.random(count) < 0.01
    scores = np.where(frauds & (chance.random(count) >= missed), 0.6, 0.003)
    return bounded_losses(frauds, scores)


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_that_rises_and_falls_again_is_noticed_each_way(seed: int) -> None:
    chance, watch = np.random.default_rng(seed), LossWatch()
    watch.take(losses(chance, 30_000, missed=0.2))
    assert (watch.worse, watch.better) == (0, 0)
    watch.take(losses(chance, 30_000, missed=0.9))
    assert watch.worse > 0
    assert watch.better == 0
    watch.take(losses(chance, 60_000, missed=0.2))
    assert watch.better > 0


def test_a_loss_of_chance_alone_is_no_change() -> None:
    for seed in range(5):
        watch = LossWatch()
        watch.take(losses(np.random.default_rng(seed), 60_000, missed=0.5))
        assert (watch.worse, watch.better) == (0, 0)


def rows_of(days: float, count: int = LEAST_SAMPLE) -> list[Observation]:
    return [observed(0.1, name=f"t{number}", day=number * days / (count - 1)) for number in range(count)]


@pytest.mark.parametrize("short", ["matured", "scored"])
@pytest.mark.parametrize("too_few", [rows_of(1.1)[1:], rows_of(0.99, 1_500)])
def test_drift_is_told_once_both_samples_hold_enough_rows_of_a_whole_day(
    short: str, too_few: list[Observation]
) -> None:
    quality, enough = LiveQuality(), rows_of(1.0)
    quality.take_matured(too_few if short == "matured" else enough)
    for each in too_few if short == "scored" else enough:
        quality.take_score(each.row)
    assert quality.stability() == {}
    quality.take_matured(enough)
    for each in enough:
        quality.take_score(each.row)
    assert quality.stability().keys() == {"score", *NAMES}
    assert max(quality.stability().values()) < 0.001


def test_drift_of_what_is_scored_shows_before_any_of_it_matures() -> None:
    quality = quality_of_all()
    before = quality.stability()
    for number in range(2_000):
        quality.take_score(observed(0.97, name=f"new-{number}", day=4).row)
    after = quality.stability()
    assert max(before.values()) < 0.02
    assert min(after.values()) > 0.25


def test_rows_of_other_features_have_no_part_in_drift() -> None:
    quality = LiveQuality()
    for each in rows_of(2.0):
        quality.take_matured([each])
        quality.take_score(replace(each.row, features_version=FEATURES_VERSION - 1))
        quality.take_score(replace(each.row, features=each.row.features[1:]))
    assert quality.stability() == {}


def _loss(score: float, fraud: bool) -> float:  # noqa: FBT001
    chance = score if fraud else 1.0 - score
    return min(-math.log(chance), LARGEST_LOSS) if chance else LARGEST_LOSS
