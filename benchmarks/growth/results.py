"""What a run of the growth benchmarks finds. Its JSON form has the fields below by their names."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from benchmarks.machine import Machine

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class CoreRun:
    """The core on a state of so many cards, in one process without Kafka.

    Attributes:
        cards: how many, all known before the first block.
        cpu_us_per_event: CPU microseconds to fold, score and decide, of each block, in batches of 100.
        resident_bytes: memory of the process for each card, once all are there.
        peak_bytes: the most that it took for each card while they came.
        fill_us: microseconds to take one card's changelog record, without Kafka.
        longest_ms: the longest of these: the store had to make room.
    """

    cards: int
    cpu_us_per_event: list[float]
    resident_bytes: float
    peak_bytes: float
    fill_us: float
    longest_ms: float


@dataclass(frozen=True)
class RestoreRun:
    """One start of a worker.

    Attributes:
        cards: in its changelog; 0 for an empty one. The worker said afterwards that it holds as many.
        ready_seconds: from the start of the process until `/readyz` said yes.
        cpu_seconds: of the process until then, all threads.
        restore_seconds: that reading the changelog took, as the worker counts it.
        records: that it read.
        changelog_bytes: of the changelog on the broker's disk.
        resident_bytes: of the worker's memory afterwards.
        load_average: of the machine's last minute, at the end.
    """

    cards: int
    ready_seconds: float
    cpu_seconds: float
    restore_seconds: float
    records: int
    changelog_bytes: int
    resident_bytes: int
    load_average: float


@dataclass(frozen=True)
class LoadRun:
    """Workers of one group working off one backlog, all of cards that their state knows.

    Attributes:
        cards: in their state; after the backlog they said that they hold as many, and no card more.
        workers: how many.
        count: transactions in the backlog.
        cpu_us_per_event: CPU microseconds of all workers, all threads, for each of them.
        shares: of that time, by worker.
        events_per_second: of them, by the clock on the wall.
        broker_cpu_us_per_event: CPU microseconds of the broker for each of them.
        load_average: of the machine's last minute, at the end.
    """

    cards: int
    workers: int
    count: int
    cpu_us_per_event: float
    shares: list[float]
    events_per_second: float
    broker_cpu_us_per_event: float
    load_average: float


@dataclass(frozen=True)
class PauseRun:
    """Scoring around one event, at a steady rate. Milliseconds, from the event on.

    Attributes:
        cards: in the state.
        event: "quiet", or what happened to the group: `QUIET`, `NOTHING_MOVES`, `HALF_MOVES` of `pauses.py`.
        rate: transactions a second.
        seconds: observed.
        gap_ms: longest time in which no transaction was scored.
        partition_gap_ms: longest time in which none of some partition was.
        delay_ms: longest time from when a transaction was due until it was scored.
        delay_p50_ms: median of these times.
        event_seconds: that the event itself took: until the member had joined or left, the worker was ready
            or gone.
        sender_late_max_ms: how late the sender itself was, at worst; it is part of all delays.
        load_average: of the machine's last minute, at the end.
    """

    cards: int
    event: str
    rate: float
    seconds: float
    gap_ms: float
    partition_gap_ms: float
    delay_ms: float
    delay_p50_ms: float
    event_seconds: float
    sender_late_max_ms: float
    load_average: float


@dataclass(frozen=True)
class GrowthResults:
    """A whole run.

    Attributes:
        date: of its start, ISO 8601 with offset.
        command: the arguments of `benchmarks/growth/run.py`.
        machine: where.
        load_before: load average of the last minute before the start.
        core: one for each number of cards.
        restore: every start, in order of time.
        load: every run of one worker by number of cards, in order of time.
        pauses: every event, in order of time.
        scale: every run of one worker and of two, in order of time.
        schema_version: of this form.
    """

    date: str
    command: str
    machine: Machine
    load_before: float
    core: list[CoreRun]
    restore: list[RestoreRun]
    load: list[LoadRun]
    pauses: list[PauseRun]
    scale: list[LoadRun]
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> bytes:
        """The JSON form."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
