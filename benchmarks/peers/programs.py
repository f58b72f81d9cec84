"""Starts what is compared, each as its own process on the topics of a measurement."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from confluent_kafka import Producer

from benchmarks.peers import kafka_streams
from benchmarks.peers.place import Place
from benchmarks.service import BenchmarkFailed, group, worker
from fraudstream.local import tether
from models.scoring.features import FEATURES, FEATURES_VERSION
from models.signing import digest, seal
from models.snapshots.calibration import Calibration
from schemas.snapshot import Learner, ModelSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.peers.forest import Forest
    from benchmarks.peers.kafka_streams import Guarantee
    from benchmarks.service import Mode
    from fraudstream.settings import Settings

ROOT: Final = Path(__file__).parents[2]
PEERS_PYTHON: Final = ROOT / ".venv-peers/bin/python"
_KEY: Final = "benchmark-" * 4
_VERSION: Final = 1
_STOP_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Stage:
    """What a run is given: topics, the model (also as files in a folder), and a folder of its own."""

    settings: Settings
    forest: Forest
    model: Path
    folder: Path


@contextmanager
def run_worker(stage: Stage, mode: Mode) -> Iterator[int]:
    """A worker with fixed thresholds and a key of its own, which finds the forest as a signed snapshot."""
    _publish(stage)
    calibrated = Calibration().apply(np.array([stage.forest.review, stage.forest.decline]))
    review, decline = calibrated.tolist()
    own = {
        "LEARNING__SIGNING_KEY": _KEY,
        "SCORING__POLICY": "fixed",
        "SCORING__REVIEW_THRESHOLD": repr(review),
        "SCORING__DECLINE_THRESHOLD": repr(decline),
    }
    with worker(stage.settings, mode, stage.folder, **own) as pid:
        yield pid


@contextmanager
def run_python(stage: Stage, python: Path, words: Sequence[str]) -> Iterator[int]:
    """`python -m` with these words, told where it is; it dies with the benchmark."""
    names, state = stage.settings.topics.names(), stage.folder / "state"
    state.mkdir()
    place = Place(
        bootstrap_servers=stage.settings.kafka.bootstrap_servers,
        transactions=names.transactions,
        scores=names.scores,
        alerts=names.alerts,
        group=group(stage.settings),
        model=str(stage.model),
        state=str(state),
    )
    command = [sys.executable, "-I", "-S", str(tether.__file__), str(os.getpid())]
    command += [str(python), "-P", "-m", *words]
    environment = os.environ | place.to_environment() | {"PYTHONPATH": str(ROOT)}
    with (stage.folder / "program.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=stage.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    with _ended(process, stage.folder):
        yield process.pid


@contextmanager
def run_kafka_streams(stage: Stage, guarantee: Guarantee) -> Iterator[int]:
    """Kafka Streams."""
    process = kafka_streams.start(stage.settings, stage.folder, stage.model / "forest.json", guarantee)
    with _ended(process, stage.folder):
        yield process.pid


def scored_by(settings: Settings) -> str:
    """How the worker's scores name the forest."""
    return f"{settings.learning.model}@{_VERSION}"


def _publish(stage: Stage) -> None:
    """Put the forest on the topic of models, in the worker's own form."""
    onnx = stage.forest.onnx(len(FEATURES))
    snapshot = ModelSnapshot(
        name=stage.settings.learning.model,
        version=_VERSION,
        features_version=FEATURES_VERSION,
        examples_offset=_VERSION - 1,
        created_at=datetime.now(UTC),
        learner=Learner(algorithm="forest", parameters={}, seed=1, code_version=version("fraudstream")),
        quality={},
        calibration=Calibration().parameters(),
        onnx_size=len(onnx),
        onnx_sha256=digest(onnx),
    )
    producer = Producer({"bootstrap.servers": stage.settings.kafka.bootstrap_servers})
    sealed = seal(snapshot, onnx, _KEY.encode())
    producer.produce(stage.settings.topics.names().models, sealed, snapshot.scored_by)
    assert producer.flush(60) == 0


@contextmanager
def _ended(process: subprocess.Popen[bytes], folder: Path) -> Iterator[None]:
    """End the process after the block; where the block failed, tell what the process said last."""
    try:
        yield
    except BenchmarkFailed as failure:
        raise BenchmarkFailed(f"{failure} Its last words: {_last_words(folder)}") from failure
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_words(folder: Path) -> str:
    said = [line for log in folder.glob("*.log") for line in log.read_text(errors="replace").splitlines()]
    return next(reversed(said), "none")
