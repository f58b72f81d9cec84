"""What the service writes keeps its own contract."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from schemas.alert import Alert, Reason, alert_id, decode_alert
from schemas.control import AlertBudget, FixedThreshold, ModelPin, decode_control
from schemas.errors import ErrorType, InvalidMessage
from schemas.export.documents import json_schemas
from schemas.outcome import decode_outcomes
from schemas.reputation import decode_reputation
from schemas.score import Decision, Score, Source, decode_score, encode_score
from schemas.snapshot import decode_snapshot
from schemas.transaction import decode_transaction

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
CARD = (GOLDEN / "transaction.card.json").read_bytes()
NOW = datetime(2026, 11, 24, 9, 15, 30, 262_000, UTC)
SCHEMAS = json_schemas()


def score_fields(**changes: Any) -> dict[str, Any]:
    transaction = decode_transaction(CARD)
    fields = {
        "transaction_id": transaction.transaction_id,
        "event_time": transaction.event_time,
        "subject": transaction.subject,
        "counterparty": transaction.counterparty,
        "dimensions": dict(transaction.dimensions),
        "score": 0.625,
        "decision": Decision.REVIEW,
        "threshold": 0.5,
        "scored_by": "prior",
        "policy_version": "budget-50-0-1-0.9",
        "features": np.array([12.5, 0.0, -1.25], dtype=np.float32),
        "features_version": 1,
        "features_complete": False,
        "source": Source("transactions", 3, 4711),
        "scored_at": NOW,
    }
    return fields | changes


def assert_keeps_contract(contract: str, value: bytes) -> None:
    Draft202012Validator(SCHEMAS[contract]).validate(json.loads(value))


def test_an_encoded_score_is_the_golden_one() -> None:
    value = encode_score(**score_fields())
    assert_keeps_contract("score", value)
    assert decode_score(value) == decode_score((GOLDEN / "score.review.json").read_bytes())


MOST = 999_999_984_306_749_440.0  # the largest float32 below 1e18
FEATURES = st.lists(st.floats(-MOST, MOST, width=32), max_size=40)


@given(score=st.floats(0, 1), features=FEATURES, decision=st.sampled_from(Decision), as_array=st.booleans())
def test_any_score_is_encoded_without_losing_a_digit(
    score: float, features: list[float], decision: Decision, *, as_array: bool
) -> None:
    row = np.array(features, dtype=np.float32) if as_array else features
    value = encode_score(**score_fields(score=score, features=row, decision=decision))
    assert_keeps_contract("score", value)
    decoded = decode_score(value)
    assert (decoded.score, decoded.decision) == (score, decision)
    assert np.array_equal(np.array(decoded.features, dtype=np.float32), np.array(features, dtype=np.float32))


def test_an_encoded_score_has_every_field_of_the_model() -> None:
    assert set(json.loads(encode_score(**score_fields()))) == set(Score.model_fields)


def test_a_feature_that_is_no_number_breaks_the_contract_visibly() -> None:
    value = encode_score(**score_fields(features=np.array([np.nan])))
    with pytest.raises(InvalidMessage) as refused:
        decode_score(value)
    assert refused.value.field == "features.0"


def test_an_alert_is_written_as_its_contract_says_and_read_back() -> None:
    alert = Alert(
        alert_id=alert_id("1", "fixed-1", b""),
        decision=Decision.DECLINE,
        score=0.97,
        threshold=0.5,
        reasons=(Reason(code="night", text="Paid at night.", contribution=1.5, value=1.0),),
        transaction=decode_transaction(CARD),
        scored_by="forest@17",
        policy_version="fixed-1",
        features_version=2,
        features_complete=True,
        source=Source("transactions", 3, 4711),
        scored_at=NOW,
    )
    assert_keeps_contract("alert", alert.to_json())
    assert decode_alert(alert.to_json()) == alert


def test_no_alert_approves() -> None:
    approving = json.loads((GOLDEN / "alert.review.json").read_bytes()) | {"decision": "approve"}
    with pytest.raises(InvalidMessage):
        decode_alert(json.dumps(approving).encode())


def test_a_repeat_is_the_same_alert_and_nothing_else_is() -> None:
    assert alert_id("1", "p", b"") == alert_id("1", "p", b"")
    others = (("2", "p", b""), ("1", "q", b""), ("1p", "", b""), ("1", "p", b"q"))
    assert len({alert_id("1", "p", b""), *(alert_id(*other) for other in others)}) == 5


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("fixed-threshold", {"review": 0.95}, "review"),
        ("alert-budget-as-sent", {"floor": 0.91}, "floor"),
        ("alert-budget-as-sent", {"alerts_per_10000": 0}, "alerts_per_10000"),
    ],
)
def test_a_control_whose_bounds_contradict_is_refused(
    name: str, changes: dict[str, float], field: str
) -> None:
    document = json.loads((GOLDEN / f"control.{name}.json").read_bytes())
    with pytest.raises(InvalidMessage) as refused:
        decode_control(json.dumps(document | changes).encode())
    assert (refused.value.error_type, refused.value.field) == (ErrorType.INVALID_VALUE, field)


def test_either_control_replaces_the_other_under_one_key() -> None:
    fixed = decode_control((GOLDEN / "control.fixed-threshold.json").read_bytes())
    budget = decode_control((GOLDEN / "control.alert-budget-as-sent.json").read_bytes())
    assert isinstance(fixed, FixedThreshold)
    assert isinstance(budget, AlertBudget)
    assert fixed.control == budget.control


def test_a_pinned_model_stands_beside_the_policy_under_a_key_of_its_own() -> None:
    pin = decode_control((GOLDEN / "control.model-pin.json").read_bytes())
    assert isinstance(pin, ModelPin)
    assert (pin.control, pin.name, pin.model_version) == ("model", "forest", 17)


def test_names_under_which_other_topics_speak_of_a_message() -> None:
    assert decode_snapshot((GOLDEN / "model-snapshot.forest.json").read_bytes()).scored_by == "forest@90211"
    assert decode_outcomes((GOLDEN / "outcomes.terminal.json").read_bytes()).key == "counterparty:T-00042"
    assert decode_reputation((GOLDEN / "reputation.terminal.json").read_bytes()).key == "counterparty:T-00042"
