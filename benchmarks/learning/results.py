"""What a run of the learning benchmarks finds. Its JSON form has the fields below by their names."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from benchmarks.percentiles import Percentiles  # noqa: TC001 - the fields of results name their types

if TYPE_CHECKING:
    from benchmarks.machine import Machine

SCHEMA_VERSION: Final = 2
RISING: Final = "rising"
"""Name of the loop's runs at rates that are tried in turn."""


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
        system: "swapping", "held", or "rising": as swapping, at one of the rates that are tried in turn.
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
        busy_cores: of the machine, whoever kept them so.
        lag_before_s: transactions that were not yet scored and labelled as the measurement began, in seconds
            at this rate.
        lag_after_s: the same at its end.
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
    busy_cores: float
    lag_before_s: float
    lag_after_s: float
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
        rows_per_second: of CPU time, of each block, learnt in turns with the other learners.
        judged: last examples by which it is judged, each scored before it was learnt.
        frauds: among them.
        auc: area under the ROC curve of these scores.
        average_precision: of these scores.
        tree_ms: CPU time of each row at which a boosted tree was grown; none of other learners.
        publish_ms: each time to compile and seal it as it is at the end; none of the peers.
        bytes: of the sealed snapshot; 0 of the peers.
    """

    learner: str
    grown: int
    rows_per_second: list[float]
    judged: int
    frauds: int
    auc: float
    average_precision: float
    tree_ms: list[float]
    publish_ms: list[float]
    bytes: int


@dataclass(frozen=True)
class SnapshotRun:
    """A snapshot of one size. Lists hold each time, in milliseconds.

    Attributes:
        algorithm: "boost" or "forest".
        trees: of the model.
        nodes: of all trees.
        bytes: of the sealed snapshot.
        compile_ms: from the learner to ONNX.
        seal_ms: to sign description and ONNX.
        made_ms: all that the learning worker does on its event loop: calibrate, describe, compile, seal.
        publish_ms: from Kafka's transaction begun to committed, with the record in it.
        open_ms: in the scorer, to check the signature and make the model ready.
        score_us: CPU microseconds of ONNX for a row in a batch of 100.
    """

    algorithm: str
    trees: int
    nodes: int
    bytes: int
    compile_ms: list[float]
    seal_ms: list[float]
    made_ms: list[float]
    publish_ms: list[float]
    open_ms: list[float]
    score_us: list[float]


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
class StoreStep:
    """Labelling while its store grew from one size to the next.

    Attributes:
        rows: transactions taken by its end.
        kept: transactions in the store at its end.
        cpu_us: CPU microseconds for each transaction of this step, RocksDB's own threads included.
        wall_seconds: of this step, making the transactions included.
        disk_bytes: of the store's files at its end, as they lie.
        resident_mib: memory of the process at its end.
        examples: that came out in this step.
    """

    rows: int
    kept: int
    cpu_us: float
    wall_seconds: float
    disk_bytes: int
    resident_mib: float
    examples: int


@dataclass(frozen=True)
class StoreRun:
    """Labelling on RocksDB as its store grows.

    Attributes:
        planned: transactions that fill the store in the time for which each is kept; a tenth more follows.
        steps: in order of time; fewer than planned where time was up.
        compact_seconds: to write all files anew at the end, as RocksDB does bit by bit.
        compacted_bytes: of the store's files after that.
    """

    planned: int
    steps: list[StoreStep]
    compact_seconds: float
    compacted_bytes: int


@dataclass
class LearningResults:
    """A whole run; what was not measured is empty.

    Attributes:
        date: of its start, ISO 8601 with offset.
        command: the arguments of `benchmarks/learning/run.py`.
        machine: where.
        load_before: load average of the last minute before the start.
        loop: every run, in order of time.
        swap: of the default learner.
        learners: one each, of each number of examples learnt before.
        snapshots: one for each learner and size.
        labelling: every run, in order of time.
        store: of labelling.
        schema_version: of this form.
    """

    date: str
    command: str
    machine: Machine
    load_before: float
    loop: list[LoopRun] = field(default_factory=list)
    swap: SwapRun | None = None
    learners: list[LearnerRun] = field(default_factory=list)
    snapshots: list[SnapshotRun] = field(default_factory=list)
    labelling: list[LabellingRun] = field(default_factory=list)
    store: StoreRun | None = None
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> bytes:
        """The JSON form."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
