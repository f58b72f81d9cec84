"""What a run of the benchmarks finds. Its JSON form has the fields below by their names."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import orjson

from benchmarks.percentiles import Percentiles  # noqa: TC001 - the fields of results name their types

if TYPE_CHECKING:
    from benchmarks.machine import Machine

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class LoadRun:
    """One system working off one backlog.

    Attributes:
        system: "poll loop", "core loop", "at-least-once" or "exactly-once".
        count: transactions in the backlog.
        cpu_us_per_event: CPU microseconds of the process, all threads, for each of them.
        events_per_second: of them, by the clock on the wall.
        scores: records that a reader of committed records finds on `scores`, the warm-up's included.
        alerts: the same, on `alerts`.
        load_average: of the machine's last minute, at the end.
    """

    system: str
    count: int
    cpu_us_per_event: float
    events_per_second: float
    scores: int
    alerts: int
    load_average: float


@dataclass(frozen=True)
class LatencyRun:
    """One system at one rate.

    Attributes:
        system: "echo", "at-least-once", "exactly-once, any reader" or "exactly-once, committed reader".
        rate: transactions a second.
        count: transactions measured, the warm-up's not included; each was answered.
        ms: from when a transaction was due to when the reader saw its score, in milliseconds.
        cpu_us_per_event: CPU microseconds of the system's process, all threads, for each of them.
        sender_late_p99_ms: how late the sender itself was; it is part of `ms`.
        sender_late_max_ms: the same, at worst.
        load_average: of the machine's last minute, at the end.
    """

    system: str
    rate: float
    count: int
    ms: Percentiles
    cpu_us_per_event: float
    sender_late_p99_ms: float
    sender_late_max_ms: float
    load_average: float


@dataclass(frozen=True)
class Results:
    """A whole run.

    Attributes:
        date: of its start, ISO 8601 with offset.
        command: the arguments of `benchmarks/run.py`.
        machine: where.
        stages: CPU microseconds an event by stage, then by batch size.
        full_load: every run, in order of time.
        latency: every run, in order of time.
        schema_version: of this form.
    """

    date: str
    command: str
    machine: Machine
    stages: dict[str, dict[str, float]]
    full_load: list[LoadRun]
    latency: list[LatencyRun]
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> bytes:
        """The JSON form."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
