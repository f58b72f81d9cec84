"""Memory of processes over time, and whether it grows."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import linear_regression
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOUR: Final = 3_600.0


def resident_bytes(pid: int) -> int:
    """What a process holds in memory now."""
    found = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None, "a running process has a size"
    return 1024 * int(found[1])


def slope_an_hour(seconds: Sequence[float], sizes: Sequence[float]) -> float:
    """What a size grows by in an hour: the least-squares line through its samples.

    Args:
        seconds: when each sample was taken, at least two different times.
        sizes: the samples, in any unit; the result has the same.
    """
    return _HOUR * linear_regression(seconds, sizes).slope
