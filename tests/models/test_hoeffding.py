"""The single adaptive tree: River's tree, which learns and unlearns what has become wrong."""

from __future__ import annotations

import numpy as np
from river.tree import HoeffdingAdaptiveTreeClassifier

from models.hoeffding import FraudTree

OLD_RULE = {0: 0.5, 1: 0.9, 2: 0.8, 3: 0.1}
NEW_RULE = {0: 0.5, 1: 0.1, 2: 0.2, 3: 0.9}


def taught(
    tree: HoeffdingAdaptiveTreeClassifier, rows: int, changes_at: int
) -> HoeffdingAdaptiveTreeClassifier:
    """Teach rows of which two rules in turn say whether they are frauds."""
    draws = np.random.default_rng(0)
    for row in range(rows):
        x = draws.random(4).tolist()
        fraud = (x[1] > 0.5 and x[2] > 0.3) if row < changes_at else (x[3] > 0.5 and x[2] < 0.6)
        tree.learn_one(dict(enumerate(x)), fraud)
    return tree


def test_it_learns_a_rule() -> None:
    tree = taught(FraudTree(seed=0), 4_000, changes_at=4_000)
    assert tree.predict_proba_one(OLD_RULE)[True] > 0.9
    assert tree.predict_proba_one(NEW_RULE)[True] < 0.1


def test_it_replaces_what_has_become_wrong() -> None:
    tree = taught(FraudTree(seed=0), 8_000, changes_at=4_000)
    assert tree.n_switch_alternate_trees > 0
    assert tree.predict_proba_one(OLD_RULE)[True] < 0.2
    assert tree.predict_proba_one(NEW_RULE)[True] > 0.8


def test_it_grows_as_rivers_own_tree() -> None:
    ours = taught(FraudTree(seed=0), 6_000, changes_at=4_000)
    theirs = HoeffdingAdaptiveTreeClassifier(seed=0, leaf_prediction="mc", delta=ours.delta)
    taught(theirs, 6_000, changes_at=4_000)
    assert ours.n_nodes > 5
    told = ("n_nodes", "height", "n_alternate_trees", "n_pruned_alternate_trees", "n_switch_alternate_trees")
    assert [getattr(ours, name) for name in told] == [getattr(theirs, name) for name in told]


def test_before_any_row_it_says_one_half() -> None:
    assert FraudTree(seed=0).predict_proba_one({0: 1.0}) == {False: 0.5, True: 0.5}
