"""Examples, models and snapshots for the tests of learning and of what comes after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from models.controls import sign
from models.learners.base import make_learner
from models.signing import digest, seal
from models.snapshots.online_model import OnlineModel
from schemas.control import Control, ModelPin, ModelUnpin
from schemas.example import Example, Maturity
from schemas.label import Outcome
from schemas.snapshot import Learner, ModelSnapshot

START = datetime(2026, 3, 1, tzinfo=UTC)
KEY = b"a key for tests alone"
NAME = "forest"
FEATURES_VERSION = 3
N_FEATURES = 2


class CountingLearner:
    """Stands for a learner: its ONNX bytes say all that it learnt, in its order."""

    algorithm = "logistic"
    n_features = N_FEATURES
    counts_samples = False
    fresh = 0

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {"rate": 0.1}
        self.learnt: list[tuple[float, ...]] = []

    def learn(self, features: Any, outcome: bool, *, weight: float) -> None:  # noqa: FBT001
        self.learnt.append((*features, float(outcome), weight))

    def score(self, features: Any) -> float:
        return float(1.0 / (1.0 + np.exp(-np.sum(features) / 10.0)))

    def compile(self) -> bytes:
        return repr(self.learnt).encode()


def example(number: int, *, fraud: bool = False, **changes: Any) -> Example:
    """The example of transaction `number`; its label was recorded `number` seconds after the start."""
    fields = {
        "transaction_id": f"t-{number}",
        "subject": "card_a",
        "event_time": START,
        "score": 0.5,
        "scored_by": "prior",
        "features": (float(number % 7), 1.0),
        "features_version": FEATURES_VERSION,
        "outcome": Outcome.FRAUD if fraud else Outcome.GENUINE,
        "maturity": Maturity.EARLY if fraud else Maturity.MATURED,
        "weight": 1.0,
        "sampling_rate": 1.0 if fraud else 0.1,
        "learn_time": START + timedelta(seconds=number),
        "label_time": START + timedelta(seconds=number) if fraud else None,
        "label_recorded_at": START + timedelta(seconds=number) if fraud else None,
    }
    return Example(**fields | changes)


def new_model(name: str = NAME) -> OnlineModel:
    return OnlineModel(
        name, CountingLearner(), features_version=FEATURES_VERSION, seed=7, code_version="0.1.0"
    )


def contents(model: OnlineModel) -> tuple[ModelSnapshot, bytes, list[int]]:
    """All that a model consists of, to be compared: quality, calibration, every node, and what it knows."""
    copy = OnlineModel.unpack(model.pack())
    return *copy.snapshot(START), list(copy._last)


@cache
def sound() -> tuple[ModelSnapshot, bytes]:
    """A small model of the plainest learner that scores as it says."""
    learner = make_learner("logistic", N_FEATURES, 1)
    model = OnlineModel(NAME, learner, features_version=FEATURES_VERSION, seed=1, code_version="0.1.0")
    for number in range(60):
        model.fold(telling_example(number), number)
    return model.snapshot(START)


def telling_example(number: int, **changes: Any) -> Example:
    """The example of transaction `number`, every third a fraud that its features give away."""
    is_fraud = number % 3 == 0
    return example(number, fraud=is_fraud, features=(float(number % 7) + 20.0 * is_fraud, 1.0), **changes)


def snapshot(version: int, onnx: bytes | None = None, **changes: Any) -> ModelSnapshot:
    """Describe these ONNX bytes; those of the sound model unless others are given."""
    described, its_onnx = sound()
    onnx = its_onnx if onnx is None else onnx
    fields = {
        "quantiles": described.quantiles,
        "examples": described.examples,
        "name": NAME,
        "version": version,
        "features_version": FEATURES_VERSION,
        "examples_offset": max(0, version - 1),
        "created_at": START,
        "learner": Learner(algorithm="logistic", parameters={}, seed=7, code_version="0.1.0"),
        "quality": {"examples": 900.0, "frauds": 60.0, "average_precision": 0.7312},
        "calibration": described.calibration,
        "onnx_size": len(onnx),
        "onnx_sha256": digest(onnx),
    }
    return ModelSnapshot(**fields | changes)


def sealed(version: int, key: bytes = KEY, **changes: Any) -> bytes:
    return seal(snapshot(version, **changes), changes.get("onnx", sound()[1]), key)


def pin(version: int, name: str = NAME, minutes: int = 0) -> ModelPin:
    """A pin that was issued so many minutes after the start."""
    return ModelPin(name=name, model_version=version, issued_at=START + timedelta(minutes=minutes))


def unpin(minutes: int) -> ModelUnpin:
    return ModelUnpin(issued_at=START + timedelta(minutes=minutes))


def signed(control: Control, key: bytes = KEY) -> tuple[bytes, bytes]:
    """Key and value of a control's record."""
    return control.control.encode(), sign(control, key)
