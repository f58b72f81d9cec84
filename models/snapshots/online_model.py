"""A model as a fold of topic `examples`: what was learnt, in which order, and up to which offset.

Each example is scored before it is learnt; these scores fit the calibration and measure the model without
looking ahead. Packed and unpacked, a model goes on exactly as it would have: the same examples give the same
model, wherever it was stopped.

An erasure in the log names a subject whose examples before it are not learnt. A model cannot unlearn: one
that may have learnt them gives way to a fresh one that knows the erasures and folds the log from its
beginning. So the model of a version is the fold of the log up to it, without the examples erased up to it.

A topic that was made again is another log. The model goes on in it: what it learned stays, offsets begin
again, and versions go on from the last one.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import deque
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from models.learners.base import make_learner
from models.scoring.features import FEATURES, FEATURES_VERSION
from models.signing import digest
from models.snapshots.calibration import Calibrator
from models.snapshots.description import ExampleRows
from schemas.erasure import subject_digest
from schemas.errors import ErrorType, InvalidMessage
from schemas.label import Outcome
from schemas.snapshot import QUANTILE_SHARES, ModelSnapshot
from schemas.snapshot import Learner as LearnerDescription

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from models.learners.base import OnlineLearner
    from schemas.erasure import ExamplesErasure
    from schemas.example import Example

REMEMBERED_EXAMPLES: Final = 65_536
"""Examples back that a repeat is recognised."""
READY_FRAUDS: Final = 50
READY_GENUINE: Final = 500
"""Rows that must have been learnt before the model is better than the prior one."""
REPORTED_LABELS: Final = 1_000
_LAYOUT: Final = b"FSO2"
"""First bytes of a packed model. They change with the classes that its pickle names."""
_ADDED: Final[Mapping[str, object]] = {
    "first_erased": None,
    "_erased": {},
    "_suspected": {},
    "log": 0,
    "base": 0,
    "has_older_logs": False,
}
"""What a model knows of erasures and logs that was packed before it knew of them."""


class OtherLayoutError(Exception):
    """A model was packed by a release with another layout; the text is one sentence."""

    is_for_people: ClassVar = True


class OnlineModel:
    """A learner and what surrounds it, as of one offset of `examples`.

    Args:
        name: of the model, in scores and snapshots.
        learner: what learns; it belongs to this model.
        features_version: of the rows to learn.
        seed: that the learner was made with, to be told in snapshots.
        code_version: version of this service, to be told in snapshots.
    """

    def __init__(
        self, name: str, learner: OnlineLearner, *, features_version: int, seed: int, code_version: str
    ) -> None:
        self.name: Final = name
        self.features_version: Final = features_version
        self.examples_offset = -1
        """Offset of the last example or erasure folded, in `log`."""
        self.log = 0
        """Identity of the log of examples, 0 where that is not known."""
        self.base = 0
        """Version that this log began behind."""
        self.has_older_logs = False
        """Whether it, or a version before it, learned from logs that cannot be looked through any more."""
        self.frauds = 0
        """Frauds learnt."""
        self.examples = 0
        """Examples learnt."""
        self.first_erased: int | None = None
        """Version behind which the first example would have been that was left out as erased."""
        self._erased: dict[str, int] = {}
        self._suspected: dict[str, int] = {}
        self._learner = learner
        self._seed = seed
        self._code_version = code_version
        self._calibrator = Calibrator(is_sampled=not learner.counts_samples)
        self._example_rows = ExampleRows()
        self._last = deque[int](maxlen=REMEMBERED_EXAMPLES)
        self._known = set[int]()
        self._labels_recorded = deque[tuple[int, float]](maxlen=REPORTED_LABELS)
        self._parent: int | None = None

    @property
    def version(self) -> int:
        """Offset after the last example folded, above the version that this log began behind."""
        return self.base + self.position

    @property
    def position(self) -> int:
        """Offset after the last example folded: where to read on."""
        return self.examples_offset + 1

    def follow(self, log: int, newest: int = 0) -> None:
        """Go on in a log of examples.

        Args:
            log: its identity; 0, where that is not known, counts as the one before.
            newest: newest version that was published of any other log, which versions must pass.
        """
        if log and self.log and log != self.log:
            self.base, self.examples_offset = self.version, -1
            self.first_erased, self._erased, self.has_older_logs = None, {}, True
        self.log = log or self.log
        if self.base < newest:
            self.base, self.has_older_logs = newest, True

    def fold(self, example: Example, offset: int) -> None:
        """Learn an example, unless it repeats one of the last; one of an offset folded before is passed over.

        Raises:
            InvalidMessage: `FEATURES_MISMATCH`, where the example has features of another version;
                `INVALID_VALUE`, where they are not as many as those of its version. Nothing is changed.
        """
        if example.features_version != self.features_version:
            raise InvalidMessage(
                ErrorType.FEATURES_MISMATCH,
                f"the example has features of version {example.features_version}, the model takes those of "
                f"version {self.features_version}",
            )
        if len(example.features) != self._learner.n_features:
            raise InvalidMessage(
                ErrorType.INVALID_VALUE,
                f"the example has {len(example.features)} features, and version {self.features_version} of "
                f"them has {self._learner.n_features}",
                "features",
            )
        if offset <= self.examples_offset:
            return
        self.examples_offset = offset
        if self._erased and self.is_erased(example, offset):
            self.first_erased = self.base + offset if self.first_erased is None else self.first_erased
        elif self._is_new(example):
            self._learn(example)

    def fold_erasure(self, erasure: ExamplesErasure, offset: int) -> None:
        """Take an erasure that stands at `offset`; unless it is known, the model may hold what it erases."""
        before = self._erased.get(erasure.subject_digest, -1)
        if before < offset:
            self._suspected = {erasure.subject_digest: before} | self._suspected
            self.know_erasure(erasure, offset)
        self.examples_offset = max(self.examples_offset, offset)

    def know_erasure(self, erasure: ExamplesErasure, offset: int) -> None:
        """Leave the examples out, from now on, that the erasure at `offset` names."""
        self._erased = self._erased | {erasure.subject_digest: offset}

    @property
    def may_hold_erased(self) -> bool:
        """Whether it met an erasure that it did not know when it learnt what stands before."""
        return bool(self._suspected)

    def holds_erased(self, example: Example, offset: int) -> bool:
        """Whether the example at this offset, which it folded, was learnt and erased after that."""
        since = self._suspected.get(subject_digest(example.subject))
        return since is not None and offset > since and self.is_erased(example, offset)

    def is_cleared(self) -> None:
        """Note that all it folded was looked at, and `holds_erased` of none."""
        self._suspected = {}

    def is_erased(self, example: Example, offset: int) -> bool:
        """Whether a known erasure that stands behind this offset names the example."""
        return self._erased.get(subject_digest(example.subject), -1) > offset

    def stands_for(self, model: OnlineModel) -> None:
        """Leave out, from now on, what another model of the same log leaves out, under versions like its own.

        Where there were logs before this one, all versions so far may hold what is erased.
        """
        self._erased, self.log, self.base = model._erased, model.log, model.base
        if model.has_older_logs:
            self.first_erased = 0

    @property
    def is_past_erasures(self) -> bool:
        """Whether it has come to the last erasure that it knows: before, it is no version of the log."""
        return self.examples_offset >= self.last_erasure

    @property
    def last_erasure(self) -> int:
        """Offset of the last erasure known, -1 for none."""
        return max(self._erased.values(), default=-1)

    def is_ready(self) -> bool:
        """Whether enough was learnt of both outcomes to score, and nothing that is erased."""
        is_clean = self.is_past_erasures and not self.may_hold_erased
        return is_clean and self.frauds >= READY_FRAUDS and self.examples - self.frauds >= READY_GENUINE

    def snapshot(self, created_at: datetime) -> tuple[ModelSnapshot, bytes]:
        """Describe and compile the model as it is.

        The labels learnt since the snapshot before are told once. Nothing else changes by it.

        Raises:
            ValueError: nothing was folded yet.
        """
        if self.examples_offset < 0:
            raise ValueError("a model that has learnt nothing has no version")
        onnx = self._learner.compile()
        calibration = self._calibrator.fit()
        snapshot = ModelSnapshot(
            name=self.name,
            version=self.version,
            parent=self._parent,
            features_version=self.features_version,
            examples_offset=self.examples_offset,
            examples_log=self.log or None,
            created_at=created_at,
            learner=LearnerDescription(
                algorithm=self._learner.algorithm,
                parameters=dict(self._learner.parameters),
                seed=self._seed,
                code_version=self._code_version,
            ),
            quality={
                "examples": float(self.examples),
                "frauds": float(self.frauds),
                **self._calibrator.quality(),
            },
            calibration=calibration.parameters(),
            quantiles=self._calibrator.quantiles(QUANTILE_SHARES),
            examples=self._example_rows.described(
                lambda row: float(calibration.apply(np.array(self._learner.score(row.tolist()))))
            ),
            labels_recorded=tuple(self._take_labels()),
            onnx_size=len(onnx),
            onnx_sha256=digest(onnx),
        )
        self._parent = self.version
        return snapshot, onnx

    def goes_on_from(self, version: int | None) -> None:
        """Note the version published last, None for none: what was learnt up to now is not told again."""
        deque(self._take_labels(), maxlen=0)
        self._parent = version

    def pack(self) -> bytes:
        """All of the model, as a pickle: whoever keeps it must make sure that nobody else writes it."""
        return _LAYOUT + pickle.dumps(self.__dict__, protocol=5)

    @classmethod
    def unpack(cls, payload: bytes) -> OnlineModel:
        """The model that was packed. A pickle runs code, so the payload must be known to be one's own.

        Raises:
            OtherLayoutError: a release with another layout packed it.
        """
        if not payload.startswith(_LAYOUT):
            raise OtherLayoutError("the model was packed by a release of fraudstream with another layout")
        state = pickle.loads(payload[len(_LAYOUT) :])  # noqa: S301
        model = cls.__new__(cls)
        model.__dict__.update({**_ADDED, "_example_rows": ExampleRows(), **state})
        return model

    def _is_new(self, example: Example) -> bool:
        """Remember an example; tell whether it is none of the last."""
        key = _key(example)
        if key in self._known:
            return False
        if len(self._last) == REMEMBERED_EXAMPLES:
            self._known.remove(self._last[0])
        self._last.append(key)
        self._known.add(key)
        return True

    def _learn(self, example: Example) -> None:
        fraud = example.outcome is Outcome.FRAUD
        raw = self._learner.score(example.features)
        self._calibrator.take(raw, fraud=fraud, sampling_rate=example.sampling_rate)
        weight = example.weight / (example.sampling_rate if self._learner.counts_samples else 1.0)
        self._learner.learn(example.features, fraud, weight=weight)
        self._example_rows.take(example.features, fraud=fraud)
        self.examples += 1
        self.frauds += fraud
        if example.label_recorded_at is not None:
            self._labels_recorded.append((self.examples, example.label_recorded_at.timestamp()))

    def _take_labels(self) -> Iterator[float]:
        """When the labels were recorded that changed the score since the last call."""
        while self._labels_recorded and self._labels_recorded[0][0] <= self.examples - self._learner.fresh:
            yield self._labels_recorded.popleft()[1]


def new_model(name: str, algorithm: str, seed: int, code_version: str) -> OnlineModel:
    """A model of this service's features that has learnt nothing.

    Raises:
        ValueError: no learner is named so.
    """
    learner = make_learner(algorithm, len(FEATURES), seed)
    return OnlineModel(name, learner, features_version=FEATURES_VERSION, seed=seed, code_version=code_version)


def _key(example: Example) -> int:
    """64 bits that tell examples apart: of which transaction, what became known, and when."""
    told = f"{example.transaction_id} {example.outcome} {example.label_time}"
    return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest(), "big")
