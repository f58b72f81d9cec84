"""Every stage of an event's way through a worker, in the order in which it is passed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.stages import wire

_CORE = ("columns", "profile", "features", "score", "decide", "rest")


def measure() -> dict[str, dict[str, float]]:
    """CPU microseconds an event by stage, then by batch size; the core's come from a process of its own."""
    core, of_wire = _measure_core(), wire.measure()
    stages = {stage: {size: costs[stage] for size, costs in core.items()} for stage in _CORE}
    stages = {"decode": of_wire["decode"], **stages, "encode": of_wire["encode"]}
    return stages | {"together": {size: sum(costs[size] for costs in stages.values()) for size in core}}


def _measure_core() -> dict[str, dict[str, float]]:
    """By batch size, then by stage."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "core.json"
        command = [sys.executable, str(Path(__file__).with_name("core.py")), "--out", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        figures: dict[str, dict[str, float]] = json.loads(out.read_text())["batch_sizes"]
    return figures
