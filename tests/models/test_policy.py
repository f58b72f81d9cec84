"""Decision policies: two fixed thresholds, and the alert budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alert_budget import REMEMBERED_ALERTS, REPEAT_SECONDS, STEP, AlertBudget
from models.policy import Decisions, FixedThreshold, Policy
from schemas.score import Decision

APPROVE, REVIEW, DECLINE = Decision.APPROVE, Decision.REVIEW, Decision.DECLINE


def budget(
    alerts_per_10000: float = 50.0, floor: float = 0.0, ceiling: float = 1.0, **more: float
) -> AlertBudget:
    return AlertBudget(alerts_per_10000, floor=floor, ceiling=ceiling, **{"decline": 1.0, **more})


def decide(policy: Policy, scores: np.ndarray | list[float], subjects: list[str] | None = None) -> Decisions:
    """Decide on scores one second apart, each of a subject of its own unless said."""
    count = len(scores)
    named = subjects or [f"card-{number}" for number in range(count)]
    return policy.decide(np.arange(count, dtype=np.float64), np.asarray(scores, dtype=np.float64), named)


def alerts(decisions: Decisions) -> int:
    return sum(decision is not APPROVE for decision in decisions.decisions)


def test_a_fixed_threshold_is_reached_by_its_own_score() -> None:
    decisions = decide(FixedThreshold(0.5, 0.9), [0.0, 0.499, 0.5, 0.899, 0.9, 1.0])
    assert decisions.decisions == [APPROVE, APPROVE, REVIEW, REVIEW, DECLINE, DECLINE]
    assert set(decisions.thresholds.tolist()) == {0.5}


@pytest.mark.parametrize("thresholds", [(0.9, 0.5), (-0.1, 0.5), (0.5, 1.1), (float("nan"), 0.5)])
def test_thresholds_out_of_order_or_range_are_refused(thresholds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="thresholds must ascend within 0 and 1"):
        FixedThreshold(*thresholds)


def test_a_version_names_the_setting_unless_one_is_given() -> None:
    assert FixedThreshold(0.5, 0.9).version == "fixed-0.5-0.9"
    assert FixedThreshold(0.5, 0.9, "autumn").version == "autumn"
    assert budget().version == "budget-50-0-1-1"


@pytest.mark.parametrize("wrong", [0.0, -1.0, 10_001.0, float("nan")])
def test_a_budget_out_of_range_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 10,000"):
        budget(wrong)


def test_drifting_scores_stay_within_a_tenth_of_the_budget() -> None:
    draws = np.random.default_rng(0)
    drift = np.linspace(-4.0, -1.0, 100_000) + np.sin(np.arange(100_000) / 8_000)
    scores = 1 / (1 + np.exp(-(drift + draws.normal(0, 1, 100_000))))
    decisions = decide(budget(50.0), scores)
    assert alerts(decisions) == pytest.approx(500, rel=0.1)
    quarters = np.array_split(np.array([decision is not APPROVE for decision in decisions.decisions]), 4)
    assert [quarter.sum() for quarter in quarters] == pytest.approx([125] * 4, rel=0.35)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=300), st.floats(1.0, 9_999.0))
@settings(max_examples=50)
def test_the_share_of_alerts_is_off_by_no_more_than_the_threshold_moved(
    scores: list[float], alerts_per_10000: float
) -> None:
    policy = budget(alerts_per_10000, floor=1e-6, ceiling=1 - 1e-6)
    raised = alerts(decide(policy, scores))
    log_odds_range = 2 * np.log(1e6)
    assert abs(raised - len(scores) * alerts_per_10000 / 10_000) <= (log_odds_range + STEP) / STEP


def test_floor_and_ceiling_hold_whatever_the_scores() -> None:
    quiet = decide(budget(5_000.0, floor=0.3), np.full(2_000, 0.2))
    loud = decide(budget(1.0, ceiling=0.8, decline=0.99), np.full(2_000, 0.9))
    assert alerts(quiet) == 0
    assert quiet.thresholds.min() == pytest.approx(0.3)
    assert alerts(loud) == 2_000
    assert loud.thresholds.max() == pytest.approx(0.8)


def test_a_subject_with_an_alert_needs_a_clearly_higher_score_for_some_time() -> None:
    policy = budget(floor=0.5, ceiling=0.5, decline=0.95)
    times = np.array([0.0, 60.0, 60.0, 120.0, 180.0, REPEAT_SECONDS + 181.0])
    decisions = policy.decide(
        times, np.array([0.6, 0.65, 0.65, 0.75, 0.76, 0.6]), ["a", "a", "b", "a", "a", "a"]
    )
    assert decisions.decisions == [REVIEW, APPROVE, REVIEW, REVIEW, APPROVE, REVIEW]
    assert decisions.thresholds[1] > 0.65
    assert decisions.thresholds[2] == pytest.approx(0.5)


def test_what_declines_is_declined_again_and_again() -> None:
    decisions = decide(budget(floor=0.5, ceiling=0.5, decline=0.95), [0.96] * 5, ["a"] * 5)
    assert decisions.decisions == [DECLINE] * 5


def test_the_memory_of_alerts_is_bounded_and_forgets_the_oldest() -> None:
    policy = budget(floor=0.5, ceiling=0.5)
    decide(policy, [0.6] * (REMEMBERED_ALERTS + 1))
    size = len(policy.pack())
    again = decide(policy, [0.6, 0.6], ["card-0", f"card-{REMEMBERED_ALERTS}"])
    assert again.decisions == [REVIEW, APPROVE]
    assert len(policy.pack()) == size < 8_192


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.sampled_from("abc")), max_size=60), st.integers(0, 60))
@settings(max_examples=50)
def test_a_restored_budget_decides_as_the_one_that_was_packed(
    scored: list[tuple[float, str]], cut: int
) -> None:
    scores, subjects = [score for score, _ in scored], [subject for _, subject in scored]
    whole, first, second = (budget(2_000.0, decline=0.9, ceiling=0.9) for _ in range(3))
    expected = decide(whole, scores, subjects)
    decide(first, scores[:cut], subjects[:cut])
    second.unpack(first.pack())
    assert second.pack() == first.pack()
    times = np.arange(len(scores), dtype=np.float64)[cut:]
    rest = second.decide(times, np.array(scores[cut:]), subjects[cut:])
    assert rest.decisions == expected.decisions[cut:]
    assert rest.thresholds.tolist() == expected.thresholds.tolist()[cut:]
    assert second.pack() == whole.pack()


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x02" + bytes(8), b"\x01" + bytes(9)])
def test_a_payload_of_something_else_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        budget().unpack(payload)
