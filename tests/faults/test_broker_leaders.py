"""The short form of the brokers' faults: `make faults` plays all of them, longer and in both modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import broker_leaders  # noqa: F401 - registers its scenarios
from tests.faults.play import play
from tests.faults.scenario import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.long]


def test_one_of_three_brokers_restarts_and_every_invariant_holds(tmp_path: Path) -> None:
    """Partitions, groups and transactions change their leaders, and go back to them."""
    played = play(SCENARIOS["leader-move"], "exactly-once", None, tmp_path, is_quick=True)
    assert not played.breaches
    assert not played.repeats_committed
