"""The faults of processes in short: the scenarios and invariants of `make faults`, fewer times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.catalogue import SCENARIOS
from tests.faults.play import play
from tests.faults.scenario import MODES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.scenario import Brokers, Mode

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


@pytest.mark.timeout(600)  # a minute on two cores at rest; a busy machine takes its time
@pytest.mark.parametrize("mode", [MODES[0], pytest.param(MODES[1], marks=pytest.mark.long)])
def test_workers_killed_in_full_flow_break_no_invariant(kafka: Brokers, tmp_path: Path, mode: Mode) -> None:
    played = play(SCENARIOS["worker-kill"], mode, kafka, tmp_path, is_quick=True)
    assert played.breaches == []
    assert played.transactions > 4_000
    assert played.alerts > 0
    assert played.models > 0
