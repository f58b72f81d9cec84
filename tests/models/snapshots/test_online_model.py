"""The fold of examples: the same log gives the same model, wherever the learner was stopped."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from models.learners.base import ALGORITHMS, make_learner
from models.signing import digest
from models.snapshots import online_model
from models.snapshots.calibration import Calibration
from models.snapshots.online_model import (
    READY_FRAUDS,
    READY_GENUINE,
    REPORTED_LABELS,
    OnlineModel,
    OtherLayoutError,
)
from models.snapshots.scorer import SnapshotScorer
from schemas.errors import ErrorType, InvalidMessage
from schemas.example import Example, Maturity
from schemas.label import Outcome

START = datetime(2026, 3, 1, tzinfo=UTC)
FEATURES = 4
ROWS = 240


def example(number: int, **changes: object) -> Example:
    """Frauds are one in four; their first feature is high. Some verdicts are early."""
    draws = np.random.default_rng(number)
    fraud = number % 4 == 0
    values = draws.lognormal(1.5 * fraud, 1.0, FEATURES).astype(np.float32)
    early = number % 5 == 0
    given = {
        "transaction_id": f"t-{number}",
        "subject": "card-1",
        "event_time": START,
        "score": 0.1,
        "scored_by": "prior",
        "features": tuple(values.tolist()),
        "features_version": 1,
        "outcome": Outcome.FRAUD if fraud else Outcome.GENUINE,
        "maturity": Maturity.EARLY if early else Maturity.MATURED,
        "weight": 1.0,
        "sampling_rate": 1.0 if fraud else 0.1,
        "learn_time": START,
        "label_recorded_at": START + timedelta(seconds=number) if early else None,
    }
    return Example.model_validate({**given, **changes})


EXAMPLES = [example(number) for number in range(ROWS)]


def new(algorithm: str = "forest") -> OnlineModel:
    learner = make_learner(algorithm, FEATURES, seed=7)
    return OnlineModel("fraud", learner, features_version=1, seed=7, code_version="0.1.0")


def folded(model: OnlineModel, examples: list[Example]) -> OnlineModel:
    for each in examples:
        model.fold(each, model.examples_offset + 1)
    return model


def told(model: OnlineModel) -> tuple[object, ...]:
    """All that a snapshot says of the model but which labels it learnt since the snapshot before."""
    snapshot, onnx = model.snapshot(START)
    return snapshot.model_copy(update={"parent": None, "labels_recorded": ()}), onnx


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_killed_anywhere_it_is_the_same_model_node_for_node(algorithm: str) -> None:
    whole = told(folded(new(algorithm), EXAMPLES))

    @given(st.lists(st.integers(0, ROWS), max_size=3).map(sorted))
    @settings(max_examples=8, deadline=None)
    def killed_at(places: list[int]) -> None:
        model = new(algorithm)
        for start, end in zip([0, *places], [*places, ROWS], strict=True):
            folded(model, EXAMPLES[start:end])
            checkpoint = model.pack()
            folded(model, EXAMPLES[end : end + 20])  # learnt after the checkpoint, lost by the kill
            model = OnlineModel.unpack(checkpoint)
        assert told(model) == whole

    killed_at()


def test_snapshots_change_nothing_that_is_learnt() -> None:
    often = new()
    for each in EXAMPLES:
        folded(often, [each])
        often.snapshot(START)
    assert told(often) == told(folded(new(), EXAMPLES))


def test_a_repeat_changes_nothing_but_the_offset() -> None:
    once, twice = folded(new(), EXAMPLES), folded(new(), EXAMPLES[:100])
    folded(twice, EXAMPLES[20:])
    assert (twice.version, once.version) == (ROWS + 80, ROWS)
    assert (twice.examples, twice.frauds) == (once.examples, once.frauds)
    assert told(twice)[1] == told(once)[1]


def test_a_repeat_is_recognised_after_a_restart() -> None:
    model = OnlineModel.unpack(folded(new(), EXAMPLES[:50]).pack())
    folded(model, EXAMPLES[:50])
    assert (model.examples, model.version) == (50, 100)


@pytest.mark.parametrize(
    "changes", [{"outcome": Outcome.FRAUD}, {"label_time": START}, {"transaction_id": "other"}]
)
def test_another_outcome_or_label_is_no_repeat(changes: dict[str, object]) -> None:
    model = folded(new(), [example(1), example(1, **changes)])
    assert model.examples == 2


def test_repeats_are_remembered_for_a_bounded_number_of_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online_model, "REMEMBERED_EXAMPLES", 10)
    model = folded(new(), EXAMPLES[:11])
    folded(model, [EXAMPLES[1]])
    assert model.examples == 11
    folded(model, [EXAMPLES[0]])
    assert model.examples == 12


def test_an_offset_folded_before_is_passed_over() -> None:
    model = folded(new(), EXAMPLES[:10])
    model.fold(EXAMPLES[50], 9)
    assert (model.examples_offset, model.examples) == (9, 10)


def test_a_gap_between_offsets_is_no_fault() -> None:
    """Transactions of Kafka leave gaps: their markers take offsets."""
    model = new()
    model.fold(EXAMPLES[0], 4)
    model.fold(EXAMPLES[1], 9)
    assert (model.examples_offset, model.version, model.examples) == (9, 10, 2)


@pytest.mark.parametrize(
    ("changes", "error_type"),
    [
        ({"features_version": 2}, ErrorType.FEATURES_MISMATCH),
        ({"features": (1.0, 2.0)}, ErrorType.INVALID_VALUE),
    ],
)
def test_an_example_with_other_features_is_refused_and_changes_nothing(
    changes: dict[str, object], error_type: ErrorType
) -> None:
    model = folded(new(), EXAMPLES[:10])
    before = model.pack()
    with pytest.raises(InvalidMessage) as refused:
        model.fold(example(11, **changes), 10)
    assert refused.value.error_type is error_type
    assert model.pack() == before


def test_it_is_ready_after_enough_of_both_outcomes() -> None:
    model = new("logistic")
    folded(model, [example(number, outcome=Outcome.GENUINE) for number in range(READY_GENUINE)])
    assert not model.is_ready()
    frauds = [
        example(number, outcome=Outcome.FRAUD, transaction_id=f"f-{number}") for number in range(READY_FRAUDS)
    ]
    folded(model, frauds[:-1])
    assert not model.is_ready()
    folded(model, frauds[-1:])
    assert model.is_ready()


def test_a_snapshot_tells_what_it_is_a_model_of() -> None:
    model = folded(new(), EXAMPLES)
    snapshot, onnx = model.snapshot(START)
    assert (snapshot.name, snapshot.version, snapshot.examples_offset) == ("fraud", ROWS, ROWS - 1)
    assert (snapshot.scored_by, snapshot.parent) == (f"fraud@{ROWS}", None)
    assert (snapshot.features_version, snapshot.created_at) == (1, START)
    assert (snapshot.learner.algorithm, snapshot.learner.seed) == ("forest", 7)
    assert snapshot.learner.parameters["n_models"] == 10
    assert (snapshot.onnx_size, snapshot.onnx_sha256) == (len(onnx), digest(onnx))
    assert snapshot.quality["examples"] == ROWS
    assert snapshot.quality["frauds"] == ROWS / 4
    assert 0.5 < snapshot.quality["auc"] < 1.0
    assert Calibration.of(snapshot.calibration).beta == pytest.approx(0.1)
    folded(model, [example(ROWS)])
    assert model.snapshot(START)[0].parent == ROWS


def test_a_model_of_nothing_has_no_snapshot() -> None:
    with pytest.raises(ValueError, match="no version"):
        new().snapshot(START)


def test_labels_are_told_once_with_the_snapshot_that_learnt_them() -> None:
    model = folded(new(), EXAMPLES[:11])
    expected = tuple((START + timedelta(seconds=number)).timestamp() for number in (0, 5, 10))
    assert model.snapshot(START)[0].labels_recorded == expected
    assert model.snapshot(START)[0].labels_recorded == ()


def test_only_the_newest_labels_are_told() -> None:
    model = new("logistic")
    labelled = [
        example(number, label_recorded_at=START + timedelta(seconds=number))
        for number in range(REPORTED_LABELS + 5)
    ]
    reported = folded(model, labelled).snapshot(START)[0].labels_recorded
    assert len(reported) == REPORTED_LABELS
    assert reported[0] == (START + timedelta(seconds=5)).timestamp()


def test_each_row_is_scored_before_it_is_learnt() -> None:
    """Outcomes without any pattern are not told apart, however well a forest can learn them by heart."""
    draws = np.random.default_rng(3)
    rows = [
        example(number, outcome=Outcome.FRAUD if draws.random() < 0.5 else Outcome.GENUINE, sampling_rate=1.0)
        for number in range(1, 2_000, 4)
    ]
    assert 0.4 < folded(new(), rows).snapshot(START)[0].quality["auc"] < 0.6


def test_another_layout_is_refused() -> None:
    with pytest.raises(OtherLayoutError, match="another layout"):
        OnlineModel.unpack(pickle.dumps((0, {})))


# -- numbers at the bounds of the contract


def at_bounds(draw: Any) -> dict[str, object]:
    """What an example may say at the most."""
    return {
        "features": tuple(draw(st.lists(st.sampled_from([-1e18, -1.0, 0.0, 1e18]), min_size=4, max_size=4))),
        "weight": draw(st.sampled_from([1e-300, 1.0, 1e3])),
        "sampling_rate": draw(st.sampled_from([1e-6, 1.0])),
        "outcome": draw(st.sampled_from(Outcome)),
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@settings(max_examples=5, deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_whatever_examples_the_contract_admits_a_snapshot_can_be_made(
    algorithm: str, data: st.DataObject
) -> None:
    """One with a sampling rate of 1e-300 made every later one fail."""
    model = new(algorithm)
    kinds = [at_bounds(data.draw) for _ in range(4)]
    for number in range(120):
        model.fold(example(number, **kinds[number % 4]), number)
    described, onnx = model.snapshot(START)
    scores = SnapshotScorer(described, onnx, 1).score(np.zeros((1, FEATURES), dtype=np.float32))
    assert np.isfinite(scores).all()
