"""Learners made of trees: the forest, one adaptive tree, and an aggregate of two forests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from models.compile import compile_trees
from models.forest import FraudForest
from models.hoeffding import FraudTree
from models.river_row import as_row
from models.tree_table import tree_table
from schemas.example import Maturity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.snapshot import Setting


class ForestLearner:
    """An adaptive random forest.

    Args:
        n_features: of each row.
        seed: of its random numbers.
        settings: of ``FraudForest``, where not its defaults.
    """

    algorithm: Final = "forest"
    counts_samples: Final = False
    fresh: Final = 0

    def __init__(self, n_features: int, seed: int, **settings: Any) -> None:
        self.n_features: Final = n_features
        self.forest = FraudForest(seed=seed, **settings)
        self.parameters: Final = forest_parameters(self.forest)

    def learn(self, features: Sequence[float], outcome: bool, *, maturity: Maturity, weight: float) -> None:  # noqa: ARG002, FBT001
        """Learn a row, whatever made it an example."""
        self.forest.learn_one(as_row(features), outcome, weight)

    def score(self, features: Sequence[float]) -> float:
        """Mean answer of the trees."""
        return self.forest.predict_proba_one(as_row(features))[True]

    def compile(self) -> bytes:
        """The forest as ONNX."""
        return compile_forests([self.forest], self.n_features)


class TreeLearner:
    """One Hoeffding tree that replaces branches which have become wrong.

    Args:
        n_features: of each row.
        seed: of its random numbers.
    """

    algorithm: Final = "tree"
    counts_samples: Final = False
    fresh: Final = 0

    def __init__(self, n_features: int, seed: int) -> None:
        self.n_features: Final = n_features
        self.tree = FraudTree(seed=seed)
        self.parameters: Final[Mapping[str, Setting]] = {
            name: getattr(self.tree, name)
            for name in ("grace_period", "delta", "tau", "max_depth", "smoothing")
        }

    def learn(self, features: Sequence[float], outcome: bool, *, maturity: Maturity, weight: float) -> None:  # noqa: ARG002, FBT001
        """Learn a row, whatever made it an example."""
        self.tree.learn_one(as_row(features), outcome, w=weight)

    def score(self, features: Sequence[float]) -> float:
        """Answer of the leaf."""
        return self.tree.predict_proba_one(as_row(features))[True]

    def compile(self) -> bytes:
        """The tree as ONNX."""
        answer = self.tree.leaf_answers()
        table = tree_table([self.tree.root], lambda leaf, _: answer(leaf))
        return compile_trees(table, self.n_features)


class TwoHeadsLearner:
    """Mean of two forests: one learns from verdicts alone, the other from every label.

    Verdicts fall on alerts, which are few and unlike the rest; a forest of their own keeps them from drowning
    among matured rows. Source: Dal Pozzolo and others, *Credit card fraud detection and concept-drift
    adaptation with delayed supervised information*, IJCNN 2015, whose aggregate of the two was best. A
    verdict is a transaction's only example unless it is corrected, so the other head must learn it as well.

    Args:
        n_features: of each row.
        seed: of its random numbers.
        settings: of both ``FraudForest``, where not its defaults.
    """

    algorithm: Final = "two-heads"
    counts_samples: Final = False
    fresh: Final = 0

    def __init__(self, n_features: int, seed: int, **settings: Any) -> None:
        self.n_features: Final = n_features
        self.all_labels = FraudForest(seed=seed, **settings)
        self.verdicts = FraudForest(seed=seed + 1, **settings)
        self.parameters: Final = forest_parameters(self.all_labels)

    def learn(self, features: Sequence[float], outcome: bool, *, maturity: Maturity, weight: float) -> None:  # noqa: FBT001
        """Learn a row in the head of all labels, and an early one in that of verdicts too."""
        row = as_row(features)
        self.all_labels.learn_one(row, outcome, weight)
        if maturity is Maturity.EARLY:
            self.verdicts.learn_one(row, outcome, weight)

    def score(self, features: Sequence[float]) -> float:
        """Mean answer of the heads."""
        row = as_row(features)
        return (self.all_labels.predict_proba_one(row)[True] + self.verdicts.predict_proba_one(row)[True]) / 2

    def compile(self) -> bytes:
        """Both forests as one ONNX ensemble."""
        return compile_forests([self.all_labels, self.verdicts], self.n_features)


def forest_parameters(forest: FraudForest) -> Mapping[str, Setting]:
    """What a forest was made with."""
    names = (
        "n_models",
        "max_features",
        "lambda_value",
        "grace_period",
        "delta",
        "tau",
        "max_depth",
        "smoothing",
    )
    return {name: getattr(forest, name) for name in names}


def compile_forests(forests: Sequence[FraudForest], n_features: int) -> bytes:
    """The mean of forests of as many trees each, as ONNX."""
    answers = [forest.leaf_answers() for forest in forests for _ in range(forest.n_models)]
    table = tree_table(
        [root for forest in forests for root in forest.roots()],
        lambda leaf, tree: answers[tree](leaf) / len(answers),
    )
    return compile_trees(table, n_features)
