"""Scores by a snapshot: its ONNX model, then its calibration. River is not needed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import onnxruntime

from models.learners.onnx import INPUT
from models.scoring.features import FEATURES_VERSION
from models.scoring.prior import PriorModel
from models.scoring.quantiles import Quantiles
from models.snapshots.calibration import Calibration
from models.snapshots.contributions import contributor
from models.snapshots.description import fault
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from models.arrays import Floats, Singles
    from schemas.snapshot import ModelSnapshot

_ONLY_FATAL: Final = 4


class SnapshotScorer:
    """A ``Scorer`` made of a model's description and its ONNX bytes.

    Args:
        snapshot: the description.
        onnx: the model; both are trusted, since their signature was checked.
        features_version: of the rows that will be scored.

    Raises:
        InvalidMessage: `FEATURES_MISMATCH`, where the model takes other features; `INVALID_VALUE`, where the
            bytes are no model of ours, or calibration or quantiles keep no order.
    """

    def __init__(
        self, snapshot: ModelSnapshot, onnx: bytes, features_version: int = FEATURES_VERSION
    ) -> None:
        if snapshot.features_version != features_version:
            raise InvalidMessage(
                ErrorType.FEATURES_MISMATCH,
                f"the model takes features of version {snapshot.features_version}, not {features_version}",
            )
        self.name: Final = snapshot.scored_by
        self._snapshot = snapshot
        try:
            self.quantiles = _quantiles(snapshot)
            self._calibration = Calibration.of(snapshot.calibration)
            self._contributor = contributor(onnx)
            self._session = _session(onnx)
        except Exception as error:
            raise InvalidMessage(
                ErrorType.INVALID_VALUE, "the snapshot holds no model that can score"
            ) from error

    def fault(self) -> str | None:
        """Say how its scores are not as its description says; None where they are."""
        return fault(self._snapshot, self)

    def raw(self, values: Singles) -> Floats:
        """Raw scores [n] in [0, 1] of feature rows [n, k], as the learner gave them."""
        [scores] = self._session.run(None, {INPUT: values})
        raw: Floats = np.clip(scores[:, 0].astype(np.float64), 0.0, 1.0)
        return raw

    def score(self, values: Singles) -> Floats:
        """Probabilities of fraud [n] of feature rows [n, k]."""
        return self._calibration.apply(self.raw(values))

    def contributions(self, values: Singles) -> Floats:
        """How much each feature raised the sum behind each score, [n, k]."""
        return self._contributor.contributions(values)


def checked_scorer(
    snapshot: ModelSnapshot, onnx: bytes, features_version: int = FEATURES_VERSION
) -> SnapshotScorer:
    """Make the scorer of a snapshot that scores as it says.

    Raises:
        InvalidMessage: as `SnapshotScorer` does; `UNSOUND_MODEL`, where its scores are others, or all alike.
    """
    scorer = SnapshotScorer(snapshot, onnx, features_version)
    if (sentence := scorer.fault()) is not None:
        raise InvalidMessage(ErrorType.UNSOUND_MODEL, sentence)
    return scorer


def _quantiles(snapshot: ModelSnapshot) -> Quantiles:
    """Its own, or the cold-start scorecard's for a snapshot of a release that described none."""
    return Quantiles.of_scores(snapshot.quantiles) if snapshot.quantiles else PriorModel().quantiles


def _session(onnx: bytes) -> onnxruntime.InferenceSession:
    """One thread, so that scoring neither waits for others nor depends on how a batch was divided."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_FATAL
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
