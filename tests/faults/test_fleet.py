"""The supervisor starts again what leaves, and lets rest what was told to stop."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tests.faults.fleet import Fleet
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

SLEEPER = (sys.executable, "-S", "-c", "import time; time.sleep(60)")


def test_what_is_killed_is_started_again_and_what_is_stopped_is_not(tmp_path: Path) -> None:
    with Fleet(os.environ, tmp_path) as fleet:
        fleet.add("one", command=SLEEPER)
        wait_until(lambda: fleet.running == ["one"], 30, "it starts")
        first = fleet.process("one")
        fleet.kill("one")
        wait_until(
            lambda: fleet.running == ["one"] and fleet.process("one") is not first, 30, "it comes back"
        )
        assert fleet.statuses == {"one": [-9]}
        assert fleet.stop("one") == -15
        assert (fleet.names, fleet.running) == ([], [])
        fleet.start("one")
        wait_until(lambda: fleet.running == ["one"], 30, "it starts again")
        last = fleet.process("one")
    assert last.poll() == -9, "no worker outlives its fleet"
