"""The default settings keep to the alert budget on both simulated banks, from the start and over models."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from fraudstream.simulate.world import WorldName
from tests.models.alert_share import Run, report, run

WORLDS = pytest.mark.parametrize("world", WorldName)
PARTITIONS = pytest.mark.parametrize("partitions", [1, 4, 16])


@cache
def bank(world: WorldName, partitions: int) -> Run:
    """A bank of 2,000 transactions a day: so few that 16 partitions have less than an alert a day each."""
    return run(world, partitions)


@WORLDS
@PARTITIONS
def test_the_share_of_alerts_is_within_half_and_double_of_the_budget(
    world: WorldName, partitions: int
) -> None:
    """From 500 transactions after a start and a new budget on, over changes of the model.

    In 16 partitions a window of 20 alerts holds 1.25 alerts of each, so chance is most of it.
    """
    result = bank(world, partitions)
    assert result.models >= 4
    windows = np.array(result.windows())
    held = np.mean((windows >= 0.5) & (windows <= 2.0))
    assert held >= (1.0 if partitions < 16 else 0.7), report(world, partitions, result)


@WORLDS
@pytest.mark.parametrize(("partitions", "off"), [(1, 0.15), (4, 0.3)])
def test_over_a_day_of_fifty_alerts_the_share_is_near_the_budget(
    world: WorldName, partitions: int, off: float
) -> None:
    """An alert moves the threshold by a whole log-odds, so each partition may be off by about one alert."""
    result = bank(world, partitions)
    windows = result.windows(alerts=50)
    assert len(windows) >= 3
    assert windows == pytest.approx([1.0] * len(windows), abs=off), report(world, partitions, result)


@WORLDS
def test_all_days_together_are_near_the_budget(world: WorldName) -> None:
    result = bank(world, 4)
    assert result.alerts.sum() / result.rates.sum() == pytest.approx(1.0, abs=0.15)


def test_frauds_are_caught_as_by_the_best_fixed_threshold_of_each_day() -> None:
    """Over all runs, since a bank of this size has some 70 frauds that anybody could catch."""
    runs = [bank(world, partitions) for world in WorldName for partitions in (1, 4, 16)]
    caught = sum(each.caught(each.alerts) for each in runs)
    best = sum(each.caught(each.best_fixed()) for each in runs)
    assert caught >= 0.85 * best
