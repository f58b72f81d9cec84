"""How fast each learner folds the same examples, and how well it ranks them, River's own forest beside them.

Every row is scored before it is learnt; the scores tell whether what is faster is as good.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import forest
from river.drift import NoDrift

from benchmarks.learning.results import LearnerRun
from models.learners.base import ALGORITHMS, make_learner
from models.quality.evaluation import average_precision, roc_auc
from models.scoring.features import FEATURES, FEATURES_VERSION, NAMES
from models.signing import seal
from models.snapshots.online_model import OnlineModel
from schemas.label import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.learners.base import OnlineLearner
    from schemas.example import Example

PEER: Final = "River's ARFClassifier"
TWIN: Final = "River's, set as our forest"
FOREST: Final = "forest"
BOOST: Final = "boost"
KEY: Final = b"k" * 32
SEED: Final = 1
_BLOCKS: Final = 4
_SNAPSHOTS: Final = 7


@dataclass(frozen=True)
class Stage:
    """A moment at which learners are timed.

    Attributes:
        grown: examples that they have learnt before.
        learners: which; None for all.
    """

    grown: int
    learners: tuple[str, ...] | None = None


class Ours:
    """The service's model around one of its learners.

    Args:
        algorithm: its name.
        learner: one that has learnt nothing; None for that of the service.
    """

    def __init__(self, algorithm: str, learner: OnlineLearner | None = None) -> None:
        self.learner: Any = learner or make_learner(algorithm, len(FEATURES), SEED)
        self._keeping = _KeepsScores(self.learner)
        self.scores: list[float] = self._keeping.scores
        """Raw score of each example, given before it was learnt."""
        self.model = OnlineModel(
            algorithm,
            self._keeping,
            features_version=FEATURES_VERSION,
            seed=SEED,
            code_version=version("fraudstream"),
        )

    def fold_all(self, examples: Sequence[Example]) -> float:
        """Score, calibrate and learn each: `OnlineModel.fold`; gives the CPU seconds."""
        began = time.process_time()
        for offset, example in enumerate(examples, start=self.model.version):
            self.model.fold(example, offset)
        return time.process_time() - began

    def tree_seconds(self, examples: Sequence[Example]) -> list[float]:
        """Fold each; gives the CPU seconds of those rows at which the learner grew a tree."""
        spent = [(self.fold_all([example]), self.learner.fresh) for example in examples]
        return [seconds for seconds, fresh in spent if not fresh]

    def publish(self) -> tuple[bytes, bytes, float]:
        """Compile and seal; gives key and value of the record, and the seconds that took."""
        folded, began = len(self.scores), time.perf_counter()
        snapshot, onnx = self.model.snapshot(datetime.now(UTC))
        value = seal(snapshot, onnx, KEY)
        seconds = time.perf_counter() - began
        del self.scores[folded:]  # those of the example rows that the snapshot describes
        return snapshot.scored_by.encode(), value, seconds


class RiverForest:
    """River's adaptive random forest with 10 trees; rows are made ready outside the clock.

    Args:
        settings: of the forest, where not as it comes.
    """

    def __init__(self, **settings: Any) -> None:
        self._forest = forest.ARFClassifier(n_models=10, seed=SEED, **settings)
        self.scores: list[float] = []
        """Score of each example, given before it was learnt."""

    def fold_all(self, examples: Sequence[Example]) -> float:
        """Score and learn each; gives the CPU seconds."""
        rows = [(dict(zip(NAMES, example.features, strict=True)), _is_fraud(example)) for example in examples]
        began = time.process_time()
        for row, is_fraud in rows:
            self.scores.append(self._forest.predict_proba_one(row).get(True, 0.0))
            self._forest.learn_one(row, is_fraud)
        return time.process_time() - began


class _KeepsScores:
    """A learner that keeps its scores, and is else the one that it is made of."""

    def __init__(self, learner: OnlineLearner) -> None:
        self._learner = learner
        self.scores: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._learner, name)

    def score(self, features: Sequence[float]) -> float:
        """Raw score of a row."""
        raw = self._learner.score(features)
        self.scores.append(raw)
        return raw


def grown(algorithm: str, examples: Sequence[Example]) -> Ours:
    """A model of the service that has learnt all of these."""
    model = Ours(algorithm)
    model.fold_all(examples)
    return model


def contestants() -> dict[str, Ours | RiverForest]:
    """All learners, new: ours, River's forest as it comes, and River's forest set as ours is."""
    learners: dict[str, Ours | RiverForest] = {name: Ours(name) for name in ALGORITHMS}
    learners[PEER] = RiverForest()
    learners[TWIN] = RiverForest(
        max_features=0.5,
        leaf_prediction="mc",
        disable_weighted_vote=True,
        drift_detector=NoDrift(),
        warning_detector=NoDrift(),
        max_depth=40,
    )
    return learners


def measure(examples: Sequence[Example], stages: Sequence[Stage], rows: int) -> list[LearnerRun]:
    """At each stage let the learners take turns on the next `rows` examples, in the order of the stages.

    Raises:
        ValueError: there are not so many examples.
    """
    if len(examples) < (needed := examples_needed(stages, rows)):
        raise ValueError(f"{len(examples)} examples are less than {needed}")
    learners, runs = contestants(), list[LearnerRun]()
    for stage in stages:
        names = stage.learners or tuple(learners)
        runs += _stage({name: learners[name] for name in names}, examples, stage.grown, rows)
    return runs


def examples_needed(stages: Sequence[Stage], rows: int) -> int:
    """How many examples the stages take; a boosted learner folds as many again, to time its trees."""
    return max(stage.grown for stage in stages) + 2 * rows


def _stage(
    learners: dict[str, Ours | RiverForest], examples: Sequence[Example], grow: int, rows: int
) -> list[LearnerRun]:
    for learner in learners.values():
        learner.fold_all(examples[len(learner.scores) : grow])
    size = rows // _BLOCKS
    speeds: dict[str, list[float]] = {name: [] for name in learners}
    for start in range(grow, grow + size * _BLOCKS, size):
        for name, learner in learners.items():
            speeds[name].append(size / learner.fold_all(examples[start : start + size]))
    return [_run(name, learner, examples, grow, speeds[name]) for name, learner in learners.items()]


def _run(
    name: str, learner: Ours | RiverForest, examples: Sequence[Example], grow: int, speeds: list[float]
) -> LearnerRun:
    seen = len(learner.scores)
    judged = seen // 2
    frauds = np.array([_is_fraud(each) for each in examples[seen - judged : seen]])
    scores = np.array(learner.scores[seen - judged :])
    published = [learner.publish() for _ in range(_SNAPSHOTS)] if isinstance(learner, Ours) else []
    return LearnerRun(
        learner=name,
        grown=grow,
        rows_per_second=speeds,
        judged=judged,
        frauds=int(frauds.sum()),
        auc=roc_auc(frauds, scores),
        average_precision=average_precision(frauds, scores),
        tree_ms=_tree_ms(learner, examples[seen : 2 * seen - grow]),
        publish_ms=[1e3 * seconds for _, _, seconds in published],
        bytes=max((len(value) for _, value, _ in published), default=0),
    )


def _tree_ms(learner: Ours | RiverForest, more: Sequence[Example]) -> list[float]:
    if not (isinstance(learner, Ours) and learner.model.name == BOOST):
        return []
    return [1e3 * seconds for seconds in learner.tree_seconds(more)]


def _is_fraud(example: Example) -> bool:
    return example.outcome is Outcome.FRAUD
