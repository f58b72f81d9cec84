"""What a run of the comparison finds. Its JSON form has the fields below by their names."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from benchmarks.machine import Machine

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class PeerRun:
    """One system working off one backlog.

    Attributes:
        warm: transactions that it worked off before.
        count: transactions in the backlog.
        cpu_us_per_event: CPU microseconds of the process, all threads and children, for each of them.
        wall_events_per_s: of them, by the clock on the wall.
        scores: that came of all, `warm` included.
        alerts: the same.
        load_average: of the machine's last minute, at the end.
    """

    warm: int
    count: int
    cpu_us_per_event: float
    wall_events_per_s: float
    scores: int
    alerts: int
    load_average: float


@dataclass(frozen=True)
class SystemFigures:
    """A system in all rounds; its figures are the medians of its runs.

    Attributes:
        name: of the system.
        version: of what it is built on.
        cpu_us_per_event: as of a run.
        wall_events_per_s: as of a run.
        runs: in order of time.
    """

    name: str
    version: str
    cpu_us_per_event: float
    wall_events_per_s: float
    runs: list[PeerRun]


@dataclass(frozen=True)
class TargetFigures:
    """A target and what was reached.

    Attributes:
        peer: system that fraudstream is compared with.
        at_least: times that the peer's CPU time for a transaction is to be of fraudstream's.
        reached: times that it is.
        hit: whether that is enough.
    """

    peer: str
    at_least: float
    reached: float
    hit: bool


@dataclass(frozen=True)
class PeerResults:
    """A whole run.

    Attributes:
        date: of its start, ISO 8601 with offset.
        command: the arguments of `benchmarks/peers/run.py`.
        machine: where.
        load_before: load average of the last minute before the start.
        systems: what was measured.
        skipped: why others were not, by name.
        targets: of what was measured.
        schema_version: of this form.
    """

    date: str
    command: str
    machine: Machine
    load_before: float
    systems: list[SystemFigures]
    skipped: dict[str, str]
    targets: list[TargetFigures]
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> bytes:
        """The JSON form."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
