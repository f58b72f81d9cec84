"""A transaction on its way to its outcome: the same from Kafka as from the core, and back from bytes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.labelling.pending import (
    Cases,
    KnownLabel,
    PendingTransaction,
    ScoredTransaction,
    case_key,
    named_by,
)
from models.profiles.fold import HIGH_RATIO
from models.reputations.store import ReputationStore
from models.scoring.features import FEATURES_VERSION, NAMES
from models.scoring.pipeline import Scored, ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from schemas.errors import InvalidMessage
from schemas.label import Label, LabelOrigin, Outcome
from schemas.score import Decision, Source, decode_score, encode_score
from schemas.transaction import CardTransaction
from tests.models.labelling_cases import START, row

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(
    learnt=st.lists(st.none() | st.booleans(), max_size=3),
    times=st.lists(st.tuples(st.floats(0, 2e9), st.none() | st.floats(0, 2e9)), max_size=3),
    matured=st.booleans(),
)
def test_cases_come_back_from_bytes(
    learnt: list[bool | None], times: list[tuple[float, float | None]], *, matured: bool
) -> None:
    labels = [
        KnownLabel(time, bool(number), LabelOrigin.ISSUER, 1.5, event_time, offset=number)
        for number, (time, event_time) in enumerate(times)
    ]
    cases = Cases(waiting=labels[1:])
    for day, said in enumerate(learnt):
        features = np.arange(
            len(NAMES) - day, dtype=np.float32
        )  # those of other releases are as many as they are
        scored = replace(row(day=day), features=features, features_version=2 + day, offset=day)
        cases.cases.append(PendingTransaction(scored, labels[0] if labels else None, said, matured))
    back = Cases.unpack(cases.pack())
    assert list(map(everything, back.waiting)) == list(map(everything, cases.waiting))
    assert len(back.cases) == len(cases.cases)
    for one, other in zip(back.cases, cases.cases, strict=True):
        assert (one.label, one.learnt, one.is_matured) == (other.label, other.learnt, other.is_matured)
        for name in ScoredTransaction.__slots__:
            assert np.array_equal(getattr(one.row, name), getattr(other.row, name)), name


def everything(label: KnownLabel) -> tuple[object, ...]:
    """What a label is, with what is not compared."""
    return label, label.event_time, label.offset


@pytest.mark.parametrize(
    ("version", "features", "is_unusual"),
    [
        (FEATURES_VERSION, len(NAMES), False),
        (FEATURES_VERSION, 3, True),
        (FEATURES_VERSION - 1, len(NAMES), True),
    ],
)
def test_a_transaction_that_the_release_before_kept_is_read(
    version: int, features: int, *, is_unusual: bool
) -> None:
    """It says nothing of its amount; of another list of features nobody can tell any more."""
    fields = {
        "transaction_id": "t1",
        "subject": "card_a",
        "counterparty": "terminal_a",
        "dimensions": {"country": "FR"},
        "event_time": START,
        "score": 0.25,
        "alerted": False,
        "scored_by": "prior",
        "features_version": version,
    }
    head = orjson.dumps(
        {
            "row": fields,
            "waiting": [[START, True, "customer", 1.5]],
            "label": None,
            "learnt": None,
            "matured": False,
        }
    )
    packed = len(head).to_bytes(4, "little") + head + np.ones(features, dtype="<f4").tobytes()
    [case] = (cases := Cases.unpack(packed)).cases
    assert case.row.amount_is_unusual is is_unusual
    assert len(case.row.features) == features
    assert cases.waiting == [KnownLabel(START, is_fraud=True, origin=LabelOrigin.CUSTOMER, recorded_at=1.5)]
    label = {"row": None, "waiting": [[1.0, True, "issuer", 1.5]], "label": None}
    only_a_label = orjson.dumps(label | {"learnt": None, "matured": False})
    cases = Cases.unpack(len(only_a_label).to_bytes(4, "little") + only_a_label)
    assert (cases.cases, len(cases.waiting)) == ([], 1)


def test_a_score_with_other_features_than_its_version_has_is_refused() -> None:
    for version, is_refused in ((FEATURES_VERSION, True), (FEATURES_VERSION + 1, False)):
        score = decode_score(message(features=[1.0] * 3, features_version=version))
        with pytest.raises(InvalidMessage, match="3 features") if is_refused else nullcontext():
            assert ScoredTransaction.of_score(score).amount_is_unusual


def message(**changes: object) -> bytes:
    """A message of topic `scores`."""
    fields: dict[str, Any] = {
        "transaction_id": "t1",
        "event_time": NOON,
        "subject": "card_a",
        "counterparty": "till-1",
        "dimensions": {},
        "score": 0.5,
        "decision": Decision.APPROVE,
        "threshold": 0.5,
        "scored_by": "prior",
        "features": [1.0] * len(NAMES),
        "features_version": FEATURES_VERSION,
        "features_complete": True,
        "policy_version": "budget-50",
        "source": Source("transactions", 0, 0),
        "scored_at": NOON,
    }
    return encode_score(**fields | changes)


@pytest.mark.parametrize("review", [0.0, 0.9])
def test_a_row_from_a_message_of_scores_is_the_row_that_the_core_made(review: float) -> None:
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(review, 0.99))
    payment = CardTransaction(
        transaction_id="t1",
        event_time=NOON,
        card_id="card_a",
        merchant_id="shop",
        terminal_id="till-1",
        amount="12.34",
        currency="EUR",
        country="FR",
    )
    [scored] = core.process([payment], [0], core.new_state())
    assert isinstance(scored, Scored)
    message = encode_score(
        transaction_id=payment.transaction_id,
        event_time=payment.event_time,
        subject=payment.subject,
        counterparty=payment.counterparty,
        dimensions=scored.dimensions,
        score=scored.score,
        decision=scored.decision,
        threshold=scored.threshold,
        scored_by=scored.scored_by,
        policy_version=scored.policy_version,
        features=scored.features,
        features_version=FEATURES_VERSION,
        features_complete=scored.complete,
        source=Source("transactions", 0, 0),
        scored_at=NOON,
    )
    sent, made = (
        ScoredTransaction.of_score(decode_score(message)),
        ScoredTransaction.of_scored(scored, FEATURES_VERSION),
    )
    for name in ScoredTransaction.__slots__:
        assert np.array_equal(getattr(sent, name), getattr(made, name)), name
    assert made.alerted == (review == 0.0)


@pytest.mark.parametrize(("ratio", "is_unusual"), [(1.0, False), (HIGH_RATIO, False), (HIGH_RATIO + 1, True)])
def test_an_amount_is_unusual_as_the_profile_counts_it(ratio: float, *, is_unusual: bool) -> None:
    features = np.ones(len(NAMES))
    features[NAMES.index("amount_ratio")] = ratio
    score = decode_score(message(features=features.tolist()))
    assert ScoredTransaction.of_score(score).amount_is_unusual is is_unusual


def test_the_counterparty_is_named_first_and_then_the_dimensions() -> None:
    assert list(named_by(row())) == [("counterparty", "terminal_a"), ("country", "FR")]


def test_a_key_is_of_one_subject_and_one_transaction_only() -> None:
    assert len({case_key("a", "bc"), case_key("ab", "c"), case_key("abc", "")}) == 3


def test_of_two_labels_the_later_is_in_force_and_of_one_time_the_one_that_says_fraud() -> None:
    def said(seconds: float, outcome: Outcome) -> KnownLabel:
        label = Label(
            transaction_id="t1",
            subject="card_a",
            outcome=outcome,
            origin=LabelOrigin.CUSTOMER,
            label_time=datetime.fromtimestamp(START + seconds, UTC),
        )
        return KnownLabel.of(label, recorded_at=1.0)

    early, late = said(0, Outcome.FRAUD), said(1, Outcome.GENUINE)
    assert max(early, late) == max(late, early) == late
    assert max(said(0, Outcome.GENUINE), early) == early
