"""Decision policies: two fixed thresholds, and the alert budget."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scoring.alert_budget import REMEMBERED_ALERTS, REPEAT_SECONDS, STEP, AlertBudgetPolicy
from models.scoring.policy import Decisions, FixedThresholdPolicy, Policy
from models.scoring.quantiles import FEWEST_ROWS, MOST_ROWS, Aim, Quantiles, RecentRows
from schemas.score import Decision
from schemas.snapshot import QUANTILE_SHARES

APPROVE, REVIEW, DECLINE = Decision.APPROVE, Decision.REVIEW, Decision.DECLINE


def budget(
    alerts_per_10000: float = 50.0, floor: float = 0.0, ceiling: float = 1.0, **more: float
) -> AlertBudgetPolicy:
    return AlertBudgetPolicy(alerts_per_10000, floor=floor, ceiling=ceiling, **{"decline": 1.0, **more})


def decide(policy: Policy, scores: np.ndarray | list[float], subjects: list[str] | None = None) -> Decisions:
    """Decide on scores one second apart, each of a subject of its own unless said."""
    count = len(scores)
    named = subjects or [f"card-{number}" for number in range(count)]
    return policy.decide(np.arange(count, dtype=np.float64), np.asarray(scores, dtype=np.float64), named)


def alerts(decisions: Decisions) -> int:
    return sum(decision is not APPROVE for decision in decisions.decisions)


def test_a_fixed_threshold_is_reached_by_its_own_score() -> None:
    decisions = decide(FixedThresholdPolicy(0.5, 0.9), [0.0, 0.499, 0.5, 0.899, 0.9, 1.0])
    assert decisions.decisions == [APPROVE, APPROVE, REVIEW, REVIEW, DECLINE, DECLINE]
    assert set(decisions.thresholds.tolist()) == {0.5}


@pytest.mark.parametrize("thresholds", [(0.9, 0.5), (-0.1, 0.5), (0.5, 1.1), (float("nan"), 0.5)])
def test_thresholds_out_of_order_or_range_are_refused(thresholds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="thresholds must ascend within 0 and 1"):
        FixedThresholdPolicy(*thresholds)


def test_a_version_names_the_setting_unless_one_is_given() -> None:
    assert FixedThresholdPolicy(0.5, 0.9).version == "fixed-0.5-0.9"
    assert FixedThresholdPolicy(0.5, 0.9, "autumn").version == "autumn"
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


def shares(*scores: float) -> Quantiles:
    """A table of these scores, the last of them for all smaller shares."""
    return Quantiles.of_scores((*scores, *[scores[-1]] * (len(QUANTILE_SHARES) - len(scores))))


TABLE = Quantiles(np.linspace(-6.0, 2.0, len(QUANTILE_SHARES)))
HIGHER = Quantiles(TABLE.log_odds + 1.5)


def first_threshold(policy: AlertBudgetPolicy) -> float:
    return float(decide(policy, [0.0]).thresholds[0])


@pytest.mark.parametrize("alerts_per_10000", [5.0, 50.0, 200.0])
def test_a_budget_starts_at_the_scorers_own_quantile(alerts_per_10000: float) -> None:
    policy = budget(alerts_per_10000)
    policy.aim(Aim("boost@1", TABLE, is_seen=True))
    log_odds = TABLE.at(alerts_per_10000 / 10_000)
    assert first_threshold(policy) == pytest.approx(1 / (1 + np.exp(-log_odds)))


def test_another_scorer_moves_the_threshold_and_the_same_one_does_not() -> None:
    policy = budget()
    policy.aim(Aim("boost@1", TABLE, is_seen=True))
    before = first_threshold(policy)
    policy.aim(Aim("boost@1", HIGHER, is_seen=True))
    assert first_threshold(policy) == pytest.approx(before, abs=1e-3)
    policy.aim(Aim("boost@2", HIGHER, is_seen=True))
    assert np.log(first_threshold(policy) / before) > 1.0


def test_a_threshold_of_a_table_that_nobody_saw_falls_fast_until_its_first_alert() -> None:
    policy = budget()
    policy.aim(Aim("prior", HIGHER, is_seen=False))
    start = first_threshold(policy)
    half = decide(policy, [0.0] * 20)
    restored = budget()
    restored.unpack(policy.pack())
    assert restored.pack() == policy.pack()
    assert np.log(start / half.thresholds[-1]) > 0.5
    decide(restored, [0.999])
    settled = decide(restored, [0.0] * 20)
    assert np.log(settled.thresholds[0] / settled.thresholds[-1]) < 0.1


def test_what_was_alerted_too_often_before_a_change_of_the_scorer_is_made_up_for_after_it() -> None:
    policy, fresh = budget(), budget()
    policy.aim(Aim("boost@1", TABLE, is_seen=True))
    decide(policy, [0.999] * 2)
    for each in (policy, fresh):
        each.aim(Aim("boost@2", TABLE, is_seen=True))
    assert first_threshold(policy) > first_threshold(fresh)


def test_a_budget_that_was_restored_goes_on_under_its_scorer_and_aims_under_another() -> None:
    policy, same, other = budget(), budget(), budget()
    policy.aim(Aim("boost@1", TABLE, is_seen=True))
    decide(policy, [0.9, 0.1, 0.1])
    for each in (same, other):
        each.unpack(policy.pack())
    same.aim(Aim("boost@1", HIGHER, is_seen=True))
    assert same.pack() == policy.pack()
    other.aim(Aim("boost@2", HIGHER, is_seen=True))
    assert first_threshold(other) > first_threshold(policy)


def test_a_budget_that_an_earlier_release_packed_keeps_its_threshold_until_it_is_aimed() -> None:
    policy = budget()
    policy.unpack(b"\x01" + struct.pack("<d", -3.0) + struct.pack("<Qdd", 7, 60.0, 0.5))
    assert first_threshold(policy) == pytest.approx(1 / (1 + np.exp(3.0)))
    policy.aim(Aim("prior", TABLE, is_seen=True))
    assert first_threshold(policy) == pytest.approx(1 / (1 + np.exp(-TABLE.at(0.005))), rel=1e-2)


@pytest.mark.parametrize("alerts_per_10000", [50.0, 500.0])
def test_scores_that_are_mostly_alike_at_the_threshold_do_not_break_the_budget(
    alerts_per_10000: float,
) -> None:
    """A tree gives a tenth of all transactions one score: alerts on all of them, or none, is no budget."""
    draws = np.random.default_rng(3)
    scores = draws.choice([0.001, 0.02, 0.4], 40_000, p=[0.85, 0.149, 0.001])
    policy = budget(alerts_per_10000)
    policy.aim(Aim("tree@1", shares(0.001, 0.001, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.4), is_seen=True))
    windows = np.array([decision is not APPROVE for decision in decide(policy, scores).decisions])
    assert windows.mean() == pytest.approx(alerts_per_10000 / 10_000, rel=0.1)
    size = round(20 * 10_000 / alerts_per_10000)
    for start in range(0, len(windows) - size + 1, size):
        assert 10 <= windows[start : start + size].sum() <= 40


@pytest.mark.parametrize("table", [[0.0], [*range(11, -1, -1)], [float("nan")] * 12])
def test_a_table_that_is_no_table_of_quantiles_is_refused(table: list[float]) -> None:
    with pytest.raises(ValueError, match="12 finite numbers that never fall"):
        Quantiles(table)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=50), st.floats(1e-6, 1.0))
@settings(max_examples=50, deadline=None)
def test_a_table_of_seen_rows_is_one_for_any_scores(scores: list[float], share: float) -> None:
    seen = TABLE.shifted_to(np.resize(scores, FEWEST_ROWS))
    assert np.isfinite(seen.at(share))
    assert seen.at(share) >= seen.at(min(1.0, share * 2))


def test_recent_rows_give_the_share_that_they_show_whatever_the_scorers_own_table_says() -> None:
    class ByRow:
        name = "by-row@1"
        quantiles = HIGHER

        def score(self, values: np.ndarray) -> np.ndarray:
            scores: np.ndarray = values[:, 0].astype(np.float64)
            return scores

    recent = RecentRows()
    assert recent.aim(ByRow()) == Aim("by-row@1", HIGHER, is_seen=False)  # type: ignore[arg-type]
    for start in range(0, 2 * MOST_ROWS, 300):
        recent.take(np.linspace(start / 2_400, (start + 300) / 2_400, 300, dtype=np.float32)[:, None])
    aim = recent.aim(ByRow())  # type: ignore[arg-type]
    assert (aim.scorer, aim.is_seen) == ("by-row@1", True)
    last = np.linspace((2_100 - MOST_ROWS) / 2_400, 2_100 / 2_400, MOST_ROWS)
    for share in (0.5, 0.1, 0.02):
        threshold = 1 / (1 + np.exp(-aim.quantiles.at(share)))
        assert (last >= threshold).mean() == pytest.approx(share, rel=0.2)


@pytest.mark.parametrize(
    "payload", [b"", b"\x01", b"\x02" + bytes(8), b"\x01" + bytes(9), b"\x03" + bytes(19)]
)
def test_a_payload_of_something_else_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        budget().unpack(payload)
