"""The default learner: rolling boosted trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.boost_tree import Tree
from models.compile import compile_trees
from models.river_row import as_row
from models.rolling_boost import RollingBoost
from models.tree_table import LEAF, TreeTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.example import Maturity
    from schemas.snapshot import Setting


class BoostLearner:
    """Rolling boosted trees.

    Args:
        n_features: of each row.
        seed: of its random numbers.
        settings: of ``RollingBoost``, where not its defaults.
    """

    algorithm: Final = "boost"
    counts_samples: Final = True

    def __init__(self, n_features: int, seed: int, **settings: Any) -> None:
        self.n_features: Final = n_features
        self.boost = RollingBoost(seed=seed, **settings)
        self.parameters: Final[Mapping[str, Setting]] = {
            name: getattr(self.boost, name) for name in _PARAMETERS
        }

    @property
    def fresh(self) -> int:
        """The last so many rows have not changed the score yet."""
        return self.boost.fresh

    def learn(self, features: Sequence[float], outcome: bool, *, maturity: Maturity, weight: float) -> None:  # noqa: ARG002, FBT001
        """Learn a row, whatever made it an example."""
        self.boost.learn_one(as_row(features), outcome, weight)

    def score(self, features: Sequence[float]) -> float:
        """Probability of the sum of the trees."""
        return self.boost.predict_proba_one(as_row(features))[True]

    def compile(self) -> bytes:
        """The trees as ONNX."""
        table = boost_table(self.boost.trees, self.boost.max_depth)
        return compile_trees(table, self.n_features, base=self.boost.base, logistic=True)


def boost_table(trees: Sequence[Tree], max_depth: int) -> TreeTable:
    """Boosted trees, or one that says nothing where there are none, without the nodes that were not split."""
    trees = trees or [Tree.stump(max_depth)]
    thresholds = np.stack([tree.thresholds for tree in trees])
    weights, values = np.stack([tree.weights for tree in trees]), np.stack([tree.values for tree in trees])
    is_split, is_node = np.zeros(values.shape, dtype=bool), np.zeros(values.shape, dtype=bool)
    is_split[:, : thresholds.shape[1]] = np.isfinite(thresholds)
    is_node[:, 0] = True
    is_node[:, 1::2] = is_node[:, 2::2] = np.isfinite(thresholds)
    tree, node = np.nonzero(is_node)
    splits = is_split[tree, node]
    inner = np.minimum(node, thresholds.shape[1] - 1)
    place = (np.cumsum(is_node) - 1).reshape(is_node.shape)
    own = np.arange(len(tree))
    left = np.minimum(2 * node + 1, values.shape[1] - 2)
    return TreeTable(
        tree=tree,
        feature=np.where(splits, np.stack([each.features for each in trees])[tree, inner], LEAF),
        threshold=np.where(splits, thresholds[tree, inner], np.float32(0.0)),
        left=np.where(splits, place[tree, left], own),
        right=np.where(splits, place[tree, left + 1], own),
        hits=weights[tree, node],
        value=np.where(splits, 0.0, values[tree, node]),
    )


_PARAMETERS: Final = (
    *("n_trees", "learning_rate", "max_depth", "period", "fraud_rows", "memory", "top_share", "other_share"),
    *("max_features", "n_bins", "l2", "min_child", "min_frauds", "warm_up"),
)
