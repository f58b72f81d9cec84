"""What a run of the endurance benchmarks finds. Its JSON form has the fields below by their names."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from benchmarks.machine import Machine

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class Sample:
    """One look at the soak.

    Attributes:
        at: seconds since the first transaction was due.
        scoring_bytes: memory of the scoring worker that stays.
        learning_bytes: memory of the learning worker.
        broker_bytes: memory of the broker; its heap is bounded by a setting.
        scoring_lag: transactions and labels that the scoring side has not committed.
        labelling_lag: scores that labelling has not committed.
        is_ready: whether `/readyz` of the worker that stays says so.
    """

    at: float
    scoring_bytes: int
    learning_bytes: int
    broker_bytes: int
    scoring_lag: int
    labelling_lag: int
    is_ready: bool


@dataclass(frozen=True)
class SoakRun:
    """The whole service at a steady rate for long, with a rebalance every minute.

    Attributes:
        rate: transactions a second.
        seconds: how long they were sent.
        rebalances: times that a second worker joined or left.
        sent: transactions.
        scored: records on `scores` that a reader of committed records finds.
        distinct: transactions that those are of.
        dead_lettered: messages refused.
        caught_up_seconds: from the last transaction until the scoring side had committed everything.
        versions: models published.
        samples: in order of time.
        load_average: of the machine's last minute, at the end.
    """

    rate: float
    seconds: float
    rebalances: int
    sent: int
    scored: int
    distinct: int
    dead_lettered: int
    caught_up_seconds: float
    versions: int
    samples: list[Sample]
    load_average: float


@dataclass(frozen=True)
class Second:
    """One second of the overload.

    Attributes:
        at: seconds since the load began.
        lag: transactions sent and not scored yet.
        scored_a_second: since the second before.
        resident_bytes: memory of the worker.
        ready_ms: how long `/readyz` took to answer.
        is_ready: what it said.
    """

    at: float
    lag: int
    scored_a_second: float
    resident_bytes: int
    ready_ms: float
    is_ready: bool


@dataclass(frozen=True)
class OverloadRun:
    """A worker under several times the load that it can carry, and after it.

    Attributes:
        capacity: transactions a second that it does of a backlog, with the cores it has here.
        rate: transactions a second that were sent.
        seconds: how long.
        sent: transactions.
        scored: of them, by a reader of committed records, each once.
        caught_up_seconds: from the last transaction until the worker had scored everything.
        delay_errors: for transactions in order of time, how much longer each took than the lag before it
            explains (s): the median and the worst.
        fields: every second.
        load_average: of the machine's last minute, at the end.
    """

    capacity: float
    rate: float
    seconds: float
    sent: int
    scored: int
    caught_up_seconds: float
    delay_errors: tuple[float, float]
    fields: list[Second]
    load_average: float


@dataclass
class EnduranceResults:
    """A whole run.

    Attributes:
        date: of its start, ISO 8601 with offset.
        command: the arguments of the program.
        machine: where.
        soak: None where it was left out.
        overload: None where it was left out.
        schema_version: of this form.
    """

    date: str
    command: str
    machine: Machine
    soak: SoakRun | None = None
    overload: OverloadRun | None = None
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> bytes:
        """The JSON form."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
