"""What a snapshot costs by its size: made by the learner, published on Kafka, opened by a scorer, scored by.

Models are grown to a size by the service's own learners on real rows whose outcomes are drawn by chance: of
such rows a tree never knows enough. How good the model is does not matter here.
"""

from __future__ import annotations

import random
import time
from itertools import cycle
from typing import TYPE_CHECKING, Final

import numpy as np
from confluent_kafka import Producer
from onnx import ModelProto

from agents.broadcast import SnapshotHandler
from agents.runtime.options import DeliveryOptions
from benchmarks.learning.learners import KEY, SEED, Ours
from benchmarks.learning.results import SnapshotRun
from benchmarks.service import topics
from models.learners.boost import BoostLearner
from models.learners.forest import ForestLearner
from models.scoring.features import FEATURES, FEATURES_VERSION
from models.signing import seal, unseal
from models.snapshots.scorer import SnapshotScorer
from models.snapshots.selector import ModelSelector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from models.arrays import Singles
    from schemas.example import Example
    from schemas.snapshot import ModelSnapshot

SIZES: Final = (100, 1_000, 3_000, 10_000, 30_000)
"""Nodes, about."""
BATCH: Final = 100
_FOLDED: Final = 500
"""Examples that each model folds first, so that there is something to calibrate by."""
_TIMES: Final = 9
_BATCHES: Final = 200
_NODES_A_BOOSTED_TREE: Final = 51
_LOOKED_AT_EVERY: Final = 50


def measure(examples: Sequence[Example], sizes: Sequence[int], bootstrap_servers: str) -> list[SnapshotRun]:
    """Measure both kinds of trees at each size.

    Args:
        examples: at least 500.
        sizes: nodes, ascending.
        bootstrap_servers: of a Kafka.
    """
    with topics(bootstrap_servers) as settings:
        publisher = Publisher(bootstrap_servers, settings.topics.names().models)
        return [_measure(model, examples, publisher) for model in _models(examples, sizes)]


class Publisher:
    """Sends snapshots as a worker does, each in a transaction of its own."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        options = DeliveryOptions({"bootstrap.servers": bootstrap_servers}, "benchmark", "snapshots")
        quiet = {"log_level": 3}  # a broker that has just started lets transactions wait, with a warning
        self._producer = Producer(options.producer_properties() | quiet)
        self._producer.init_transactions()
        self._topic = topic

    def publish(self, key: bytes, value: bytes) -> None:
        """Return when the record is committed."""
        self._producer.begin_transaction()
        self._producer.produce(self._topic, value, key)
        self._producer.commit_transaction()


def _models(examples: Sequence[Example], sizes: Sequence[int]) -> Iterator[Ours]:
    """One boosted model a size, and one forest that grows from size to size."""
    for size in sizes:
        yield boosted(size, examples)
    forest = Ours("forest", ForestLearner(len(FEATURES), SEED, grace_period=20, tau=0.9))
    forest.fold_all(examples[:_FOLDED])
    for size in sizes:
        _learn(forest, examples, until=lambda: _forest_nodes(forest) >= size)  # noqa: B023
        yield forest


def boosted(nodes: int, examples: Sequence[Example]) -> Ours:
    """A model of boosted trees with about so many nodes."""
    n_trees = max(1, round(nodes / _NODES_A_BOOSTED_TREE))
    learner = BoostLearner(
        *(len(FEATURES), SEED), n_trees=n_trees, warm_up=2_000, top_share=1.0, min_child=0.0, min_frauds=0.0
    )
    model = Ours("boost", learner)
    model.fold_all(examples[:_FOLDED])
    _learn(model, examples, until=lambda: len(learner.boost.trees) == n_trees)
    return model


def _learn(model: Ours, examples: Sequence[Example], until: Callable[[], bool]) -> None:
    """Learn rows again and again, their outcomes drawn by chance."""
    draws = random.Random(SEED)
    for number, example in enumerate(cycle(examples)):
        if number % _LOOKED_AT_EVERY == 0 and until():
            return
        is_fraud = draws.random() < 0.5  # noqa: PLR2004
        model.learner.learn(example.features, is_fraud, weight=1.0)


def _forest_nodes(model: Ours) -> int:
    return sum(tree.n_nodes for tree in model.learner.forest)


def shape(onnx: bytes) -> tuple[int, int]:
    """Trees and nodes of a compiled ensemble."""
    [trees] = [
        each.ints
        for each in ModelProto.FromString(onnx).graph.node[0].attribute
        if each.name == "nodes_treeids"
    ]
    return len(set(trees)), len(trees)


def _measure(model: Ours, examples: Sequence[Example], publisher: Publisher) -> SnapshotRun:
    rows = np.array([example.features for example in examples[:BATCH]], dtype=np.float32)
    made = [model.publish() for _ in range(_TIMES)]
    key, value, _ = made[-1]
    snapshot, onnx = unseal(value, KEY)
    trees, nodes = shape(onnx)
    handler = SnapshotHandler(ModelSelector(model.model.name, lambda _: None), KEY, FEATURES_VERSION)
    return SnapshotRun(
        algorithm=model.model.name,
        trees=trees,
        nodes=nodes,
        bytes=len(value),
        compile_ms=_milliseconds(model.learner.compile),
        seal_ms=_milliseconds(lambda: seal(snapshot, onnx, KEY)),
        made_ms=[1e3 * seconds for _, _, seconds in made],
        publish_ms=_milliseconds(lambda: publisher.publish(key, value)),
        open_ms=_milliseconds(lambda: handler.prepare(key, value)),
        score_us=_score_us(snapshot, onnx, rows),
    )


def _milliseconds(call: Callable[[], object]) -> list[float]:
    """How long a call takes, each time."""
    found = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        call()
        found.append(1e3 * (time.perf_counter() - began))
    return found


def _score_us(snapshot: ModelSnapshot, onnx: bytes, rows: Singles) -> list[float]:
    """CPU microseconds of a row, each time over many batches."""
    scorer = SnapshotScorer(snapshot, onnx)
    found = []
    for _ in range(_TIMES):
        began = time.process_time()
        for _ in range(_BATCHES):
            scorer.raw(rows)
        found.append(1e6 * (time.process_time() - began) / (_BATCHES * len(rows)))
    return found
