"""The state of a partition: what its changelog holds is all that it knows."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from models.batch import EventBatch
from models.scoring.alert_budget import AlertBudgetPolicy
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.state import POLICY_KEY, PROFILE_PREFIX, SubjectState
from schemas.transaction import CardTransaction


def budget(alerts_per_10000: float = 50.0) -> AlertBudgetPolicy:
    return AlertBudgetPolicy(alerts_per_10000, floor=0.01, ceiling=0.9, decline=0.95)


def pay(state: SubjectState, subject: str) -> None:
    payment = CardTransaction(
        transaction_id="t",
        event_time=datetime(2026, 1, 1, tzinfo=UTC),
        card_id=subject,
        merchant_id="shop",
        amount="1.00",
        currency="EUR",
    )
    state.profiles.fold(EventBatch.of([payment], [7]))


def decide(state: SubjectState, scores: list[float]) -> list[float]:
    subjects = [f"card-{place}" for place in range(len(scores))]
    return state.policy.decide(np.arange(float(len(scores))), np.array(scores), subjects).thresholds.tolist()


def test_changes_are_told_once_and_only_of_what_changed() -> None:
    state = SubjectState(budget())
    assert state.changes() == []
    pay(state, "a")
    assert [key for key, _ in state.changes()] == [PROFILE_PREFIX + b"a"]
    decide(state, [0.3])
    pay(state, "b")
    assert [key for key, _ in state.changes()] == [PROFILE_PREFIX + b"b", POLICY_KEY]
    assert state.changes() == []


def test_a_restored_state_is_the_same_and_has_nothing_to_tell() -> None:
    state, restored = SubjectState(budget()), SubjectState(budget())
    pay(state, "a")
    decide(state, [0.3, 0.99])
    for key, payload in state.changes():
        restored.restore(key, payload)
    assert len(restored) == 1
    assert restored.changes() == []
    assert restored.profiles.pack("a") == state.profiles.pack("a")
    assert decide(restored, [0.5]) == decide(state, [0.5])


def test_a_tombstone_forgets() -> None:
    state = SubjectState(budget())
    pay(state, "a")
    state.restore(PROFILE_PREFIX + b"a", None)
    state.restore(PROFILE_PREFIX + b"never", None)
    state.restore(POLICY_KEY, None)
    assert len(state) == 0


def test_a_policy_goes_on_only_from_a_state_of_its_own_version() -> None:
    state, restored = SubjectState(budget()), SubjectState(FixedThresholdPolicy(0.5, 0.9))
    decide(state, [0.99] * 20)
    [(key, payload)] = state.changes()
    restored.restore(key, payload)
    restored.adopt(budget(51.0))
    assert decide(restored, [0.5]) == decide(SubjectState(budget(51.0)), [0.5])
    restored.adopt(budget())
    assert decide(restored, [0.5]) == decide(state, [0.5])


def test_a_key_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="neither a profile, a policy nor"):
        SubjectState(budget()).restore(b"x:1", b"")
