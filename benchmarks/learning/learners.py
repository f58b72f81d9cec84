"""How fast each learner folds the same examples, River's own forest beside them, and a snapshot's cost."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from river import forest

from benchmarks.learning.results import LearnerRun
from models.features import FEATURES, FEATURES_VERSION, NAMES
from models.learner import ALGORITHMS, make_learner
from models.online_model import OnlineModel
from models.signing import seal
from schemas.label import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.example import Example

PEER: Final = "River's ARFClassifier"
KEY: Final = b"k" * 32
SEED: Final = 1
_BLOCKS: Final = 4
_SNAPSHOTS: Final = 7


class Ours:
    """The service's model around one of its learners."""

    def __init__(self, algorithm: str) -> None:
        learner = make_learner(algorithm, len(FEATURES), SEED)
        self.learner: Any = learner
        self.model = OnlineModel(
            algorithm,
            learner,
            features_version=FEATURES_VERSION,
            seed=SEED,
            code_version=version("fraudstream"),
        )

    def fold_all(self, examples: Sequence[Example]) -> float:
        """Score, calibrate and learn each: `OnlineModel.fold`."""
        began = time.perf_counter()
        for offset, example in enumerate(examples, start=self.model.version):
            self.model.fold(example, offset)
        return time.perf_counter() - began

    def publish(self) -> tuple[bytes, bytes, float]:
        """Compile and seal; gives key and value of the record, and the seconds that took."""
        began = time.perf_counter()
        snapshot, onnx = self.model.snapshot(datetime.now(UTC))
        value = seal(snapshot, onnx, KEY)
        return snapshot.scored_by.encode(), value, time.perf_counter() - began


class RiverForest:
    """River's adaptive random forest as it comes, with 10 trees; rows are made ready outside the clock."""

    def __init__(self) -> None:
        self._forest = forest.ARFClassifier(n_models=10, seed=SEED)

    def fold_all(self, examples: Sequence[Example]) -> float:
        """Score and learn each."""
        rows = [
            (dict(zip(NAMES, example.features, strict=True)), example.outcome is Outcome.FRAUD)
            for example in examples
        ]
        began = time.perf_counter()
        for row, is_fraud in rows:
            self._forest.predict_proba_one(row)
            self._forest.learn_one(row, is_fraud)
        return time.perf_counter() - began


def grown(algorithm: str, examples: Sequence[Example]) -> Ours:
    """A model of the service that has learnt all of these."""
    model = Ours(algorithm)
    model.fold_all(examples)
    return model


def measure(examples: Sequence[Example], grow: int, rows: int) -> list[LearnerRun]:
    """Grow every learner by the first `grow` examples, then let them take turns on the next `rows`.

    Raises:
        ValueError: there are not so many examples.
    """
    if len(examples) < grow + rows:
        raise ValueError(f"{len(examples)} examples are less than {grow} and {rows}")
    learners: dict[str, Ours | RiverForest] = {name: Ours(name) for name in ALGORITHMS}
    learners[PEER] = RiverForest()
    for learner in learners.values():
        learner.fold_all(examples[:grow])
    size = rows // _BLOCKS
    speeds: dict[str, list[float]] = {name: [] for name in learners}
    for start in range(grow, grow + size * _BLOCKS, size):
        for name, learner in learners.items():
            speeds[name].append(size / learner.fold_all(examples[start : start + size]))
    return [_run(name, learner, grow, speeds[name]) for name, learner in learners.items()]


def _run(name: str, learner: Ours | RiverForest, grow: int, speeds: list[float]) -> LearnerRun:
    published = [learner.publish() for _ in range(_SNAPSHOTS)] if isinstance(learner, Ours) else []
    return LearnerRun(
        learner=name,
        grown=grow,
        rows_per_second=speeds,
        publish_ms=[1e3 * seconds for _, _, seconds in published],
        bytes=max((len(value) for _, value, _ in published), default=0),
    )
