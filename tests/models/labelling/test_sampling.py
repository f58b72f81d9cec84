"""Which genuine transactions are learnt: chance has no part in it, and the budget holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decay import DAY, HOUR
from models.labelling.sampling import GenuineSampler

IDS = [f"t-{number}" for number in range(3_000)]
PLENTY = 1e9

shares = st.floats(0.001, 1.0)


def kept(share: float, ids: list[str] = IDS) -> set[str]:
    sampler = GenuineSampler(share, PLENTY)
    return {each for each in ids if sampler.rate(each, 0.0) is not None}


@given(shares, shares)
def test_a_lower_share_keeps_a_subset(one: float, other: float) -> None:
    low, high = sorted([one, other])
    assert kept(low, IDS[:300]) <= kept(high, IDS[:300])


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 1.0])
def test_about_that_share_is_kept_and_says_so(share: float) -> None:
    assert len(kept(share)) == pytest.approx(share * len(IDS), rel=0.2)
    assert {GenuineSampler(share, PLENTY).rate(each, 0.0) for each in kept(share)} == {share}


def test_no_more_than_the_budget_is_kept_over_a_long_time() -> None:
    """10 rows a second for half a day, of which 0.5 a second may be learnt."""
    sampler, budget, seconds = GenuineSampler(1.0, 0.5), 0.5, DAY / 2
    rates = [sampler.rate(f"t-{number}", number / 10) for number in range(int(seconds * 10))]
    settled = [rate for rate in rates[int(6 * HOUR * 10) :] if rate is not None]
    assert all(0.049 < rate < 0.051 for rate in settled)
    assert len(settled) == pytest.approx(budget * (seconds - 6 * HOUR), rel=0.05)
    estimate = sum(1.0 / rate for rate in settled)
    assert estimate == pytest.approx((seconds - 6 * HOUR) * 10, rel=0.05), (
        "rates make up for what is left out"
    )


def test_after_a_rush_the_share_comes_back() -> None:
    sampler = GenuineSampler(0.5, 0.01)
    for number in range(2_000):
        sampler.rate(f"t-{number}", number / 1_000)
    kept_by_any = min(kept(0.001))
    rush, later = sampler.rate(kept_by_any, 2.0), sampler.rate(kept_by_any, 2.0 + DAY)
    assert rush is not None
    assert rush < 0.05
    assert later == 0.5


@given(st.lists(st.tuples(st.sampled_from(IDS), st.floats(0, 10 * HOUR)), max_size=40), st.integers(0, 40))
def test_a_sampler_goes_on_where_the_one_that_was_packed_stood(
    rows: list[tuple[str, float]], cut: int
) -> None:
    """Rows that come late among them."""
    whole, first, second = (GenuineSampler(0.9, 0.001) for _ in range(3))
    expected = [whole.rate(*row) for row in rows]
    before = [first.rate(*row) for row in rows[:cut]]
    second.unpack(first.pack())
    assert before + [second.rate(*row) for row in rows[cut:]] == expected


@pytest.mark.parametrize(("share", "budget"), [(0.0, 1.0), (1.1, 1.0), (0.5, 0.0), (0.5, -1.0)])
def test_a_share_or_budget_out_of_range_is_refused(share: float, budget: float) -> None:
    with pytest.raises(ValueError, match="a share is in"):
        GenuineSampler(share, budget)
