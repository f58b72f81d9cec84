"""The capacity model: its simulation is held to an exact one, to formulas, and to what must be conserved."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.capacity import calibration, events, histogram, model, paper, rebalance, traffic
from benchmarks.capacity.batches import Lanes, serve
from benchmarks.capacity.costs import Costs, Stalls
from benchmarks.capacity.fluid import flow
from benchmarks.capacity.simulate import simulate

NONE = Stalls(0.0, 0.0)
COSTS = Costs(
    batch=600e-6,
    event=50e-6,
    background=0.1,
    delay=3.5e-3,
    hold=2e-3,
    interval=0.2,
    pace=2e-3,
    most=100,
    stalls=Stalls(3e-3, 0.03),
)
CALM = replace(COSTS, hold=0.0, pace=0.0, stalls=NONE)
QUANTILES = (0.5, 0.99)
LANES = 128


def draws() -> np.random.Generator:
    return np.random.default_rng(3)


def served(costs: Costs, rate: float, lanes: int = LANES, seconds: float = 1.0) -> tuple[np.ndarray, ...]:
    """When transactions came, when they were seen, and how many each stands for, lanes in balance."""
    found = serve(Lanes(np.full(lanes, rate), np.zeros(lanes), np.zeros(lanes)), costs, seconds, draws())
    inside = (found.seen > 0.2) & (found.seen < seconds)
    return found.due[inside], found.seen[inside], found.count[inside]


def quantiles(costs: Costs, rate: float, lanes: int = LANES) -> list[float]:
    due, seen, count = served(costs, rate, lanes)
    bins = np.bincount(histogram.bin_of(seen - due + costs.delay), count, histogram.BINS)
    return [histogram.quantile(bins, share) for share in QUANTILES]


def queue(rate: float, capacity: float, steps: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """The backlog and the wait of one queue in steps of a second."""
    found = flow(np.full((steps, 1), rate), np.full((steps, 1), capacity), 1.0)
    return found.backlog[:, 0], found.wait()[:, 0]


# -- the exact simulation, by what is known without it


def test_whoever_comes_alone_takes_one_batch_and_the_delay() -> None:
    spaced = np.arange(200) * (2.0 * CALM.service(1.0))
    assert events.latencies(spaced, CALM, draws()) == pytest.approx(CALM.delay + CALM.service(1.0))


def test_who_comes_soon_after_a_batch_began_waits_for_the_pace() -> None:
    paced = replace(CALM, pace=10e-3)
    found = events.latencies(np.array([0.0, 4e-3, 8e-3, 30e-3]), paced, draws()) - paced.delay
    together = paced.service(2.0)
    assert found == pytest.approx([paced.service(1.0), 6e-3 + together, 2e-3 + together, paced.service(1.0)])


def test_who_comes_together_is_served_together_up_to_the_largest_batch() -> None:
    found = events.latencies(np.zeros(CALM.most + 1), CALM, draws()) - CALM.delay
    assert found[:-1] == pytest.approx(CALM.service(float(CALM.most)))
    assert found[-1] == pytest.approx(CALM.service(float(CALM.most)) + CALM.service(1.0))


def test_a_worker_that_does_nothing_else_shows_the_tail_that_its_stalls_were_fitted_to() -> None:
    idle = replace(CALM, batch=1e-9, event=1e-9, stalls=Stalls.fitted(3.5e-3, 9e-3, 17e-3))
    assert quantiles(idle, 100.0, lanes=2_000) == pytest.approx([3.5e-3, 9e-3], rel=0.08)


def test_stalls_never_take_more_than_a_tenth_to_explain_a_tail() -> None:
    assert Stalls.fitted(5e-3, 58e-3, 60e-3).share == pytest.approx(0.1)
    assert Stalls.fitted(5e-3, 5e-3, 5e-3) == NONE


def test_the_number_in_the_worker_is_the_rate_times_the_stay() -> None:
    """Little's law: counted at moments that nobody chose."""
    rate = 0.8 * COSTS.capacity
    arrivals = events.poisson_arrivals(rate, 10.0, draws())
    gone = arrivals + events.latencies(arrivals, COSTS, draws())
    moments = draws().uniform(1.0, 9.0, 20_000)
    inside = np.searchsorted(arrivals, moments) - np.searchsorted(np.sort(gone), moments)
    assert inside.mean() == pytest.approx(rate * (gone - arrivals).mean(), rel=0.02)


# -- batches side by side


@pytest.mark.parametrize(("utilisation", "hold"), [(0.1, 2e-3), (0.3, 30e-3), (0.85, 2e-3)])
def test_batches_side_by_side_agree_with_the_exact_simulation(utilisation: float, hold: float) -> None:
    costs = replace(COSTS, hold=hold)
    rate = utilisation * costs.capacity
    exact = events.latencies(events.poisson_arrivals(rate, 40.0, draws()), costs, draws())
    assert quantiles(costs, rate) == pytest.approx(np.quantile(exact, QUANTILES).tolist(), rel=0.1)


def test_everything_that_comes_goes_and_the_stay_obeys_littles_law() -> None:
    rate = 0.7 * COSTS.capacity
    due, seen, count = served(COSTS, rate)
    assert count.sum() == pytest.approx(LANES * 0.8 * rate, rel=0.02)
    inside = [count[(due <= at) & (at < seen)].sum() / LANES for at in np.linspace(0.4, 0.9, 60)]
    assert np.mean(inside) == pytest.approx(rate * np.average(seen - due, weights=count), rel=0.03)


def test_at_a_low_rate_a_transaction_takes_one_batch_and_the_delay() -> None:
    assert quantiles(CALM, 2.0) == pytest.approx([CALM.delay + CALM.service(1.0)] * 2, rel=0.02)


@pytest.mark.parametrize("rate", [300.0, 1_500.0, 12_000.0])
def test_the_formula_knows_the_batch_the_median_and_about_the_tail(rate: float) -> None:
    _, _, count = served(replace(COSTS, stalls=NONE), rate)
    assert paper.mean_batch(COSTS, rate) == pytest.approx(count.mean(), rel=0.15)
    assert paper.median_seconds(COSTS, rate) == pytest.approx(quantiles(COSTS, rate)[0], rel=0.1)
    assert paper.p99_seconds(COSTS, rate) == pytest.approx(quantiles(COSTS, rate)[1], rel=0.3)


def test_a_backlog_at_the_start_is_served_first_and_has_waited() -> None:
    lanes = Lanes(np.array([10.0]), np.array([250.0]), np.array([4.0]))
    found = serve(lanes, CALM, 0.1, draws())
    assert found.count[0, :3].tolist() == [100.0, 100.0, 50.0]
    assert -4.0 <= found.due[0, 0] <= -2.4
    assert -0.8 <= found.due[0, 2] <= 0.0


# -- the fluid, and whole scenarios


@pytest.mark.parametrize(("capacity", "utilisation"), [(1.0, 1.1), (15_000.0, 3.0)])
def test_above_its_capacity_a_queue_grows_by_the_difference(capacity: float, utilisation: float) -> None:
    backlog, wait = queue(utilisation * capacity, capacity)
    assert np.diff(backlog) == pytest.approx((utilisation - 1.0) * capacity)
    assert wait[10] == pytest.approx((utilisation - 1.0) * 10.0), "the backlog, at the capacity's speed"
    assert wait[-1] == np.inf, "who comes last is not served within the time"


def test_below_its_capacity_a_fluid_queue_is_empty() -> None:
    backlog, wait = queue(99.0, 100.0)
    assert not backlog.any()
    assert not wait.any()


def test_a_scenario_counts_everybody_who_was_due_and_none_who_was_not() -> None:
    rates = np.full(2_400, 3_000.0)
    rates[600:1_200] = 1.3 * COSTS.capacity
    hump = traffic.Scenario("a hump that one of the two does not manage", rates, 600, 1_200)
    found = simulate(hump, COSTS, np.array([0.9, 0.1]), draws())
    assert found.counts.sum() == pytest.approx(rates[600:1_200].sum(), rel=0.04)
    assert found.longest_wait == pytest.approx(600 * (0.9 * 1.3 - 1.0), rel=0.1)


def test_who_is_never_seen_counts_as_longer_than_anything() -> None:
    overloaded = simulate(traffic.steady(1.5 * COSTS.capacity, 600), COSTS, np.ones(1), draws())
    assert histogram.quantile(overloaded.counts, 0.99) == np.inf
    assert overloaded.longest_wait == pytest.approx(200.0, rel=0.05)


def test_the_burst_is_an_hour_of_five_times_the_rate() -> None:
    day = traffic.burst(10_000.0)
    assert day.until - day.since == traffic.HOUR
    assert day.top == pytest.approx(50_000.0, rel=1e-3)
    assert day.rates[[day.since - 1, day.until]] == pytest.approx([10_000.0, 9_860.0], rel=0.01)


@given(st.integers(1, 130), st.integers(1, 130))
def test_partitions_are_dealt_in_a_row_and_evenly(partitions: int, workers: int) -> None:
    dealt = traffic.owners(partitions, workers).tolist()
    counts = [dealt.count(each) for each in range(workers)]
    assert dealt == sorted(dealt)
    assert counts == sorted(counts, reverse=True)
    assert counts[0] - counts[-1] <= 1


def test_skewed_cards_make_partitions_uneven_within_reason() -> None:
    shares = traffic.partition_shares(64) * 64
    assert shares.mean() == pytest.approx(1.0)
    assert 1.02 < shares.max() < 1.3


# -- rebalances


def test_what_waits_after_a_restart_is_caught_up_as_the_formula_says() -> None:
    shares, rate = np.full(8, 1 / 8), 20_000.0
    pause = rebalance.Pauses(restart=10.0, restore=0.0)
    found = rebalance.recovery(rebalance.restarts(shares, 2, rate, pause), COSTS, rate, 0.05)
    assert found.longest_wait == pytest.approx(10.0, abs=0.2)
    assert found.caught_up == pytest.approx(10.0 + paper.catch_up(COSTS, rate / 2, 10.0), rel=0.02)
    assert found.waited == pytest.approx(found.caught_up / 3_600 / 2, rel=0.02), "one of two workers"


def test_a_lost_worker_holds_its_own_partitions_until_its_session_ends_and_then_all() -> None:
    shares, rate = np.full(8, 1 / 8), 8_000.0
    pause = rebalance.Pauses(rebalance=1.0, detection=30.0, restore=0.0)
    queues = rebalance.is_lost(shares, 4, rate, pause)
    assert queues.early.sum() == pytest.approx(rate / 4)
    assert queues.late.sum() == pytest.approx(3 * rate / 4)
    assert queues.back.tolist() == [31.0] * 3
    found = rebalance.recovery(queues, COSTS, rate, 0.05)
    assert found.longest_wait == pytest.approx(31.0, abs=0.5)


def test_a_group_without_anything_to_spare_never_catches_up() -> None:
    shares, rate = np.full(8, 1 / 8), 1.9 * COSTS.capacity
    found = rebalance.recovery(rebalance.is_lost(shares, 2, rate, rebalance.Pauses()), COSTS, rate, 0.05)
    assert found.caught_up is None
    assert found.longest_wait == np.inf


def test_only_partitions_that_are_new_to_a_worker_are_restored() -> None:
    """Of four workers with two each the first is lost: 0, 1 and 3 change hands, as the range moves up."""
    shares, pause = (
        np.full(8, 1 / 8),
        rebalance.Pauses(rebalance=0.0, detection=0.0, restore=8.0 / traffic.CARDS),
    )
    assert rebalance.is_lost(shares, 4, 1_000.0, pause).back.tolist() == [2.0, 1.0, 0.0]
    assert rebalance.restarts(shares, 4, 1_000.0, replace(pause, restart=0.0)).back.tolist() == [2.0]


def test_a_worker_that_joins_restores_what_it_gets_and_the_others_nothing() -> None:
    shares = np.full(8, 1 / 8)
    back = rebalance.joins(shares, 1, 1_000.0, rebalance.Pauses(rebalance=1.0, restore=1e-6)).back
    assert back.tolist() == pytest.approx([1.0, 1.0 + 1e-6 * traffic.CARDS / 2])


# -- the answer, and what it rests on


def test_the_least_number_of_workers_hits_the_target_and_one_fewer_does_not() -> None:
    load, shares = traffic.steady(30_000.0, 60), np.full(8, 1 / 8)
    found = model.scenario_run(load, COSTS, shares)
    assert found.least == model.least_workers(load, COSTS, shares)
    by_workers = {run.workers: run for run in found.runs}
    assert by_workers[found.least].late <= 0.01 < by_workers[found.least - 1].late
    assert all(fewer.ms.p50 >= more.ms.p50 for fewer, more in pairwise(found.runs))


def test_without_enough_partitions_no_number_of_workers_is_enough() -> None:
    assert model.least_workers(traffic.steady(50_000.0, 60), COSTS, np.full(2, 0.5)) is None


def test_costs_that_made_the_measured_figures_are_found_again() -> None:
    def cpu(rate: float, batch: float) -> float:
        return calibration.cpu_microseconds(COSTS, rate, batch)

    low = [(rate, cpu(rate, paper.mean_batch(COSTS, rate))) for rate in (200.0, 1_000.0)]
    core = replace(COSTS, batch=200e-6, event=20e-6, background=0.0)
    found = calibration.fitted(core, low, (15_000.0, cpu(15_000.0, 100.0)))
    assert [found.batch, found.event, found.background] == pytest.approx([600e-6, 50e-6, 0.1], rel=1e-3)


def test_a_worker_is_never_found_cheaper_than_its_core() -> None:
    found = calibration.fitted(CALM, [(200.0, 10.0), (1_000.0, 10.0)], (90_000.0, 10.0))
    assert (found.batch, found.event) == (CALM.batch, CALM.event)


def test_the_cores_costs_follow_from_batch_sizes() -> None:
    sizes = (1, 8, 100, 500)
    assert calibration.core_costs({str(size): 300.0 / size + 27.0 for size in sizes}) == pytest.approx(
        (300, 27)
    )


@given(st.lists(st.floats(2e-4, 1e3), min_size=1, max_size=50), st.sampled_from([0.5, 0.99]))
def test_a_quantile_is_at_most_one_percent_too_long(values: list[float], share: float) -> None:
    counts = np.bincount(histogram.bin_of(np.array(values)), minlength=histogram.BINS).astype(float)
    exact = np.quantile(values, share, method="inverted_cdf")
    assert exact * 0.999 <= histogram.quantile(counts, share) <= exact * 1.011
