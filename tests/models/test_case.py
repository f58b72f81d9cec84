"""A transaction on its way to its outcome: the same from Kafka as from the core, and back from bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.case import Case, KnownLabel, ScoredRow, case_key, named_by
from models.core import Scored, ScoringCore
from models.features import FEATURES_VERSION
from models.policy import FixedThreshold
from models.prior import PriorModel
from models.profile_fold import HIGH_RATIO
from models.reputation import ReputationStore
from schemas.label import Label, LabelOrigin, Outcome
from schemas.score import Source, decode_score, encode_score
from schemas.transaction import CardTransaction
from tests.models.labelling_cases import START, row

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(
    learnt=st.none() | st.booleans(),
    times=st.lists(st.floats(0, 2e9), max_size=3),
    has_row=st.booleans(),
    matured=st.booleans(),
)
def test_a_case_comes_back_from_bytes(
    times: list[float], *, learnt: bool | None, has_row: bool, matured: bool
) -> None:
    labels = [KnownLabel(time, is_fraud=True, origin=LabelOrigin.ISSUER, recorded_at=1.5) for time in times]
    case = Case(row() if has_row else None, labels[1:], labels[0] if labels else None, learnt, matured)
    back = Case.unpack(case.pack())
    assert (back.waiting, back.label, back.learnt, back.is_matured) == (
        labels[1:],
        case.label,
        learnt,
        matured,
    )
    if has_row:
        assert back.row is not None
        assert case.row is not None
        assert back.row.features.tolist() == case.row.features.tolist()
        assert (back.row.key, back.row.dimensions) == (case.row.key, case.row.dimensions)


@pytest.mark.parametrize("review", [0.0, 0.9])
def test_a_row_from_a_message_of_scores_is_the_row_that_the_core_made(review: float) -> None:
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThreshold(review, 0.99))
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
    sent, made = ScoredRow.of_score(decode_score(message)), ScoredRow.of_scored(scored, FEATURES_VERSION)
    for name in ScoredRow.__slots__:
        assert np.array_equal(getattr(sent, name), getattr(made, name)), name
    assert made.alerted == (review == 0.0)


@pytest.mark.parametrize(("ratio", "is_unusual"), [(1.0, False), (HIGH_RATIO, False), (HIGH_RATIO + 1, True)])
def test_an_amount_is_unusual_as_the_profile_counts_it(ratio: float, *, is_unusual: bool) -> None:
    assert row(amount_ratio=ratio).amount_is_unusual is is_unusual


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
