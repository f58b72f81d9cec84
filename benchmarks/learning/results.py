"""What a run of the learning benchmarks finds. Its JSON form has the fields below by their names."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import orjson

from benchmarks.percentiles import Percentiles  # noqa: TC001 - the fields of results name their types

if TYPE_CHECKING:
    from benchmarks.machine import Machine

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class LearnTimes:
    """From a label's Kafka timestamp to the first transaction scored by a model that has learnt it.

    Attributes:
        at_most: labels by the histogram's bounds in seconds (as text), cumulative.
        labels: how many those are.
        sent: labels sent meanwhile; about as many, where none is left behind.
    """

    at_most: dict[str, int]
    labels: int
    sent: int


@dataclass(frozen=True)
class LoopRun:
    """The whole loop at one rate for a while, with snapshots or without.

    Attributes:
        system: "swapping" or "held".
        rate: transactions a second.
        count: transactions measured.
        ms: from when each was due to its score, in milliseconds.
        near_ms: the same of those that were due around a swap; None without swaps.
        near: how many those are.
        swaps: models put in force meanwhile.
        learn: None without swaps.
        snapshot_ms: mean time to compile and sign a snapshot in the learning worker, None without.
        snapshot_bytes: size of the last one.
        examples_per_second: learnt by the learning worker.
        scorer_cpu_us: CPU microseconds of the scoring worker, all threads, for each transaction.
        learner_cpu: cores that the learning worker took.
        sender_late_p99_ms: how late the sender itself was; it is part of `ms`.
        sender_late_max_ms: the same, at worst.
        load_average: of the machine's last minute, at the end.
    """

    system: str
    rate: float
    count: int
    ms: Percentiles
    near_ms: Percentiles | None
    near: int
    swaps: int
    learn: LearnTimes | None
    snapshot_ms: float | None
    snapshot_bytes: int
    examples_per_second: float
    scorer_cpu_us: float
    learner_cpu: float
    sender_late_p99_ms: float
    sender_late_max_ms: float
    load_average: float


@dataclass(frozen=True)
class SwapRun:
    """Taking snapshots over, one after another, in one process without Kafka. Milliseconds.

    Attributes:
        trees: of the model.
        bytes: of the sealed snapshot.
        prepare_ms: each time to open a snapshot and make it ready, in a thread beside the event loop.
        pause_ms: the longest pause of a thread that spins meanwhile, for each.
        idle_pause_ms: the same while the other thread sleeps as long: what the machine does by itself.
        put_ms: each time to put it in force, on the event loop.
        first_batch_ms: each time to score the first 100 rows by it.
        later_batch_ms: the same of the second 100 rows.
    """

    trees: int
    bytes: int
    prepare_ms: list[float]
    pause_ms: list[float]
    idle_pause_ms: list[float]
    put_ms: list[float]
    first_batch_ms: list[float]
    later_batch_ms: list[float]


@dataclass(frozen=True)
class LearnerRun:
    """One learner on the same rows as the others.

    Attributes:
        learner: name of the algorithm, or the peer.
        grown: examples learnt before.
        rows_per_second: of each block, learnt in turns with the other learners.
        publish_ms: each time to compile and seal it as it is at the end; none of the peer.
        bytes: of the sealed snapshot; 0 of the peer.
    """

    learner: str
    grown: int
    rows_per_second: list[float]
    publish_ms: list[float]
    bytes: int


@dataclass(frozen=True)
class LabellingRun:
    """Labelling's core on one partition.

    Attributes:
        store: "RocksDB" or "memory".
        rows: transactions taken.
        examples: that came out.
        rows_per_second: from the first to the last, all that became due included.
        bytes_per_row: on disk after closing, for each transaction kept; 0 in memory.
    """

    store: str
    rows: int
    examples: int
    rows_per_second: float
    bytes_per_row: float


@dataclass(frozen=True)
class LearningResults:
    """A whole run.

    Attributes:
        date: of its start, ISO 8601 with offset.
        command: the arguments of `benchmarks/learning/run.py`.
        machine: where.
        load_before: load average of the last minute before the start.
        loop: every run, in order of time.
        swap: None where not measured.
        learners: one each.
        labelling: every run, in order of time.
        schema_version: of this form.
    """

    date: str
    command: str
    machine: Machine
    load_before: float
    loop: list[LoopRun]
    swap: SwapRun | None
    learners: list[LearnerRun]
    labelling: list[LabellingRun]
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> bytes:
        """The JSON form."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
