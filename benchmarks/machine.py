"""What a figure depends on: the machine, the versions, and what else the machine had to do."""

from __future__ import annotations

import os
import platform
import re
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fraudstream.local.jars import LOCK

_PACKAGES = ("confluent-kafka", "faust-streaming", "numpy", "orjson", "pydantic", "uvloop")


@dataclass(frozen=True)
class Machine:
    """Where figures were measured."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    python: str
    kafka: str
    packages: dict[str, str]


def describe(*more: str) -> Machine:
    """This machine, with the versions of `more` packages.

    Linux only, like the worker's parent-death signal and the CPU clocks below.
    """
    return Machine(
        cpu=_first(r"model name\s*: (.+)", "/proc/cpuinfo"),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(int(_first(r"MemTotal:\s*(\d+) kB", "/proc/meminfo")) / 2**20, 1),
        system=platform.platform(),
        python=platform.python_version(),
        kafka=_first(r"kafka_2\.13:([\d.]+)", LOCK),
        packages={name: version(name) for name in ("fraudstream", *_PACKAGES, *more)},
    )


def _first(pattern: str, path: str | Path) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found[1] if found else "unknown"


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process so far, to the nanosecond: clock_getcpuclockid(3), spelled out."""
    return time.clock_gettime(~pid << 3 | 2)


def load_average() -> float:
    """Processes that wanted to run, averaged over the last minute; far above the cores, figures mislead."""
    return os.getloadavg()[0]
