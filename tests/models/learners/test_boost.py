"""Boosting that never ends: it learns, follows a change, forgets, and is the same of the same rows."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from models.learners.boost import BoostLearner, RollingBoost

SMALL = {"memory": 1_500, "period": 50, "warm_up": 200, "n_trees": 30, "max_depth": 3}


def world(rows: int, seed: int, column: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are frauds where one column is high."""
    draws = np.random.default_rng(seed)
    values = draws.normal(size=(rows, 6)).astype(np.float32)
    return values, values[:, column] + 0.3 * draws.normal(size=rows) > 1.0


def taught(model: RollingBoost, values: np.ndarray, frauds: np.ndarray) -> RollingBoost:
    for row, fraud in zip(values, frauds.tolist(), strict=True):
        model.learn_row(row, fraud, 1.0)
    return model


def scores(model: RollingBoost, values: np.ndarray) -> np.ndarray:
    return np.array([model.predict_proba_one(dict(enumerate(row.tolist())))[True] for row in values])


def auc(scores: np.ndarray, frauds: np.ndarray) -> float:
    return float((scores[frauds][:, None] > scores[~frauds]).mean())


def learnt(model: RollingBoost, rows: int, seed: int, column: int = 0) -> RollingBoost:
    values, frauds = world(rows, seed, column)
    for row, fraud in zip(values.tolist(), frauds.tolist(), strict=True):
        model.learn_one(dict(enumerate(row)), fraud)
    return model


def test_it_learns_what_tells_frauds_apart() -> None:
    model = learnt(RollingBoost(**SMALL), 2_000, seed=1)
    values, frauds = world(500, seed=2)
    assert auc(scores(model, values), frauds) > 0.95


def test_it_follows_a_world_that_changes() -> None:
    model = learnt(RollingBoost(**SMALL), 2_000, seed=1)
    values, frauds = world(500, seed=3, column=5)
    before = auc(scores(model, values), frauds)
    learnt(model, 3_000, seed=4, column=5)
    assert before < 0.7
    assert auc(scores(model, values), frauds) > 0.95


def test_the_oldest_tree_makes_room_and_memory_is_bounded() -> None:
    model = learnt(RollingBoost(**SMALL), 4_000, seed=1)
    assert len(model.trees) == SMALL["n_trees"]
    assert len(pickle.dumps(model)) == pytest.approx(
        len(pickle.dumps(learnt(model, 2_000, seed=2))), rel=0.05
    )


def test_the_same_rows_give_the_same_trees_and_another_seed_others() -> None:
    one, same, other = (learnt(RollingBoost(**SMALL, seed=seed), 1_000, seed=1) for seed in (7, 7, 8))
    values, _ = world(200, seed=2)
    assert scores(one, values).tolist() == scores(same, values).tolist()
    assert scores(one, values).tolist() != scores(other, values).tolist()


def test_a_copy_from_a_pickle_goes_on_as_the_original() -> None:
    model = learnt(RollingBoost(**SMALL), 1_730, seed=1)
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 - its own
    values, _ = world(200, seed=2)
    one, other = learnt(model, 1_000, seed=3), learnt(copy, 1_000, seed=3)
    assert scores(one, values).tolist() == scores(other, values).tolist()


def test_a_row_counts_as_often_as_it_is_told() -> None:
    values, frauds = world(1_000, seed=1)
    heavy, plain = RollingBoost(**SMALL), RollingBoost(**SMALL)
    for row, fraud in zip(values, frauds.tolist(), strict=True):
        heavy.learn_row(row, fraud, 1.0 if fraud else 10.0)
        plain.learn_row(row, fraud, 1.0)
    assert scores_of_rows(heavy, values).mean() < 0.6 * scores_of_rows(plain, values).mean()


def scores_of_rows(model: RollingBoost, values: np.ndarray) -> np.ndarray:
    totals = np.array([sum(float(tree.of(row[None])[0]) for tree in model.trees) for row in values])
    return 1.0 / (1.0 + np.exp(-model.base - totals))


def test_rows_with_small_gradients_are_sampled_and_count_for_all_of_them() -> None:
    model = learnt(RollingBoost(**SMALL), 1_500, seed=1)
    rows, counted = model._draw_rows(np.arange(1_000.0))
    assert set(range(900, 1_000)) <= set(rows[:100].tolist())
    assert len(set(rows.tolist())) == 200
    assert counted.sum() == pytest.approx(1_000.0)


def test_the_learner_says_how_many_rows_have_not_changed_its_score_yet() -> None:
    learner = BoostLearner(6, seed=1, **SMALL, fraud_rows=1)
    values, frauds = world(500, seed=1)
    probe = values[0].tolist()
    told = []
    for row, fraud in zip(values.tolist(), frauds.tolist(), strict=True):
        before, fresh = learner.score(probe), learner.fresh
        learner.learn(row, fraud, weight=1.0)
        assert learner.fresh in {0, fresh + 1}
        assert (learner.fresh == 0) == (learner.score(probe) != before)
        told.append(learner.fresh)
    assert told[198:250] == [199, *([0]), *range(1, 50), 0]


def test_frauds_are_learnt_sooner_than_their_number() -> None:
    model = RollingBoost(**SMALL, fraud_rows=10)
    values, _ = world(204, seed=1)
    taught(model, values[:199], np.arange(199) % 9 == 0)
    taught(model, values[199:200], np.array([True]))
    assert model.fresh == 0
    taught(model, values[200:204], np.array([True] * 4))
    assert model.fresh == 4
    taught(model, values[:1], np.array([True]))
    assert model.fresh == 0


def test_before_the_first_tree_nothing_is_known_of_a_row() -> None:
    model = RollingBoost(**SMALL)
    assert model.predict_proba_one({"a": 1.0}) == {False: 0.5, True: 0.5}
    model.learn_one({"a": 1.0}, y=True)
    assert model.predict_proba_one({"a": 1.0}) == {False: 0.5, True: 0.5}


def test_the_whole_memory_may_be_of_one_outcome() -> None:
    model = RollingBoost(**SMALL)
    values, _ = world(300, seed=1)
    for row in values:
        model.learn_row(row, y=False, w=1.0)
    assert model.trees == []
