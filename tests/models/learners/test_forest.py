"""The forest: River's trees, and leaves that do not claim more than their rows tell."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from river import forest
from river.drift import NoDrift
from river.forest.adaptive_random_forest import BaseTreeClassifier
from river.tree.nodes.arf_htc_nodes import RandomLeafMajorityClass

from models.learners.forest import FraudForest, smoothed_share

PRIVATE_NAMES = {
    forest.ARFClassifier: ("_init_ensemble", "_multiclass", "_new_base_model", "_rng"),
    BaseTreeClassifier: ("_attempt_to_split", "_enforce_size_limit", "_new_leaf", "_root"),
    RandomLeafMajorityClass: ("_sample_features",),
}
"""Names without a promise that our forest uses, by the class of River that has them."""


def world(rows: int, features: int = 6, seed: int = 0) -> list[tuple[dict[int, float], bool]]:
    """Rows whose first three features tell frauds apart, not surely."""
    draws = np.random.default_rng(seed)
    values = draws.lognormal(0.0, 1.0, (rows, features)).astype(np.float32)
    values[:, 1] = values[:, 1] > 1.2
    log_odds = 1.5 * np.log(values[:, 0]) + 2.0 * values[:, 1] - 0.7 * values[:, 2] - 2.0
    frauds = draws.random(rows) < 1.0 / (1.0 + np.exp(-log_odds))
    return [
        (dict(enumerate(row)), fraud) for row, fraud in zip(values.tolist(), frauds.tolist(), strict=True)
    ]


def shape(node: Any) -> Any:
    """A tree's splits and what its leaves counted, to six digits."""
    if hasattr(node, "children"):
        return node.feature, f"{node.threshold:.6g}", [shape(child) for child in node.children]
    return {outcome: f"{weight:.6g}" for outcome, weight in node.stats.items() if weight}


def test_it_grows_the_trees_of_rivers_forest_without_drift_detectors() -> None:
    ours = FraudForest(n_models=3, seed=5)
    theirs = forest.ARFClassifier(
        n_models=3,
        max_features=0.5,
        leaf_prediction="mc",
        drift_detector=NoDrift(),
        warning_detector=NoDrift(),
        seed=5,
    )
    for row, fraud in world(2_000):
        ours.learn_one(row, fraud)
        theirs.learn_one(row, fraud)
    assert sum(tree.n_nodes for tree in ours) > 150
    assert [shape(tree.root) for tree in ours] == [shape(tree._root) for tree in theirs]


def test_it_finds_frauds() -> None:
    learnt = FraudForest(seed=0)
    for row, fraud in world(3_000):
        learnt.learn_one(row, fraud)
    told = [(learnt.predict_proba_one(row)[True], fraud) for row, fraud in world(1_000, seed=1)]
    frauds = [score for score, fraud in told if fraud]
    genuine = [score for score, fraud in told if not fraud]
    assert np.mean([fraud > other for fraud in frauds for other in genuine]) > 0.8


def test_before_any_row_it_says_one_half() -> None:
    assert FraudForest(seed=0).predict_proba_one({0: 1.0}) == {False: 0.5, True: 0.5}


def test_a_leaf_without_rows_says_the_share_of_all_rows() -> None:
    learnt = FraudForest(seed=0, n_models=1)
    for _ in range(98):
        learnt.learn_one({0: 1.0}, y=False)
    assert learnt.leaf_scores()(None) == pytest.approx(0.01)


def test_a_weight_counts_as_so_many_rows() -> None:
    once, often = FraudForest(seed=0, n_models=2), FraudForest(seed=0, n_models=2)
    for row, _ in world(100):
        once.learn_one(row, y=False)
        often.learn_one(row, y=False, w=10.0)
    [leaf, _], [heavy, _] = once.roots(), often.roots()
    assert heavy.total_weight == pytest.approx(10.0 * leaf.total_weight)


def test_a_share_is_drawn_by_the_strength_and_never_certain() -> None:
    assert smoothed_share({True: 0.0, False: 10.0}, 0.1, 1.0) == pytest.approx(0.1 / 11)
    assert smoothed_share({True: 10.0}, 0.1, 1.0) == pytest.approx(10.1 / 11)
    assert smoothed_share({}, 0.1, 1.0) == pytest.approx(0.1)


def test_no_tree_grows_deeper_than_allowed_and_the_deepest_packs() -> None:
    """A feature that halves again and again makes as deep a tree as there can be."""
    learnt = FraudForest(n_models=1, max_features=1.0, max_depth=40, grace_period=10, tau=1.0, seed=0)
    draws = np.random.default_rng(0)
    for scale in range(60):
        for _ in range(60):
            value = float(draws.random() * 0.5**scale)
            learnt.learn_one({0: value}, bool(draws.random() < 0.5))
    [tree] = learnt
    assert tree.height > 30
    assert tree.height <= 41
    assert shape(pickle.loads(pickle.dumps(learnt))[0].root) == shape(tree.root)  # noqa: S301 - its own


@pytest.mark.parametrize("owner", PRIVATE_NAMES)
def test_river_still_has_each_private_name_that_is_used(owner: type) -> None:
    """A new River is taken over by hand: this fails first where it renames what the forest extends."""
    # What __init__ sets is seen on an instance alone.
    example = owner if owner is RandomLeafMajorityClass else owner()
    assert [name for name in PRIVATE_NAMES[owner] if not hasattr(example, name)] == []
