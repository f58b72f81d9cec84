"""What the capacity model finds. Its JSON form has these fields by their names; infinite values are null."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from benchmarks.capacity.calibration import Calibration

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class Quantiles:
    """Milliseconds from due to seen that half, 99 of 100 and 999 of 1,000 transactions do not exceed."""

    p50: float
    p99: float
    p999: float


@dataclass(frozen=True)
class AgainstMeasured:
    """One worker at a rate: the model and the real one.

    Attributes:
        rate: transactions a second.
        batches: by the simulation.
        measured: by the benchmarks.
        cpu_us: CPU microseconds a transaction, by the model.
        measured_cpu_us: the same, measured.
    """

    rate: float
    batches: Quantiles
    measured: Quantiles
    cpu_us: float
    measured_cpu_us: float


@dataclass(frozen=True)
class AgainstEvents:
    """One worker at a utilisation: the simulation, transaction by transaction, and on paper.

    Attributes:
        utilisation: share of the worker's capacity.
        rate: transactions a second.
        batches: by the simulation.
        events: by the exact one.
        paper_p50: milliseconds, by the formula.
        paper_p99: the same.
    """

    utilisation: float
    rate: float
    batches: Quantiles
    events: Quantiles
    paper_p50: float
    paper_p99: float


@dataclass(frozen=True)
class WorkersRun:
    """A scenario with so many workers.

    Attributes:
        workers: how many.
        hottest: transactions a second of the busiest worker at the scenario's top.
        utilisation: of that worker, on paper.
        paper_p50: milliseconds at that worker and rate, by the formula; None where its queue grows.
        paper_p99: the same.
        ms: of the transactions that the scenario counts.
        late: share of them that took longer than the target.
        longest_wait: seconds that the oldest waiting transaction had waited, at worst.
        p99_by_minute: milliseconds of all transactions seen in each minute.
    """

    workers: int
    hottest: float
    utilisation: float
    paper_p50: float | None
    paper_p99: float | None
    ms: Quantiles
    late: float
    longest_wait: float
    p99_by_minute: list[float]


@dataclass(frozen=True)
class ScenarioRun:
    """A scenario with several numbers of workers.

    Attributes:
        name: in words.
        partitions: of the transactions.
        paper_workers: the least number of workers of which each has a utilisation below 1; None: not even one
            worker a partition.
        least: the least number whose p99 is within the target; None: none up to one worker a partition.
        runs: ascending numbers of workers.
    """

    name: str
    partitions: int
    paper_workers: int | None
    least: int | None
    runs: list[WorkersRun]


@dataclass(frozen=True)
class RecoveryRun:
    """A rebalance at a steady rate.

    Attributes:
        event: what happens.
        workers: before it.
        longest_wait: seconds that the unluckiest transaction waited.
        caught_up: seconds from the event until nothing waits any more; None: not within an hour.
        late: share of the transactions of that hour that took longer than the target.
        lag: seconds that the oldest waiting one had waited, every 5 seconds, for five minutes from the event.
    """

    event: str
    workers: int
    longest_wait: float
    caught_up: float | None
    late: float
    lag: list[float]


@dataclass(frozen=True)
class Variant:
    """How many workers each scenario needs when one thing is different.

    Attributes:
        name: what is different.
        least: by scenario, then by event at the steady rate; None: none up to one worker a partition.
    """

    name: str
    least: dict[str, int | None]


@dataclass(frozen=True)
class CapacityResults:
    """A whole run.

    Attributes:
        date: of its start, ISO 8601 with offset.
        command: the arguments of `benchmarks/capacity/run.py`.
        calibration: what the model rests on.
        full_load_rate: transactions a second of one worker that is never idle, by the model.
        against_measured: ascending rates.
        against_events: ascending utilisations.
        scenarios: with everything as measured.
        recoveries: by event, then by number of workers.
        variants: the first has nothing different.
        schema_version: of this form.
    """

    date: str
    command: str
    calibration: Calibration
    full_load_rate: float
    against_measured: list[AgainstMeasured]
    against_events: list[AgainstEvents]
    scenarios: list[ScenarioRun]
    recoveries: list[RecoveryRun]
    variants: list[Variant]
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> bytes:
        """The JSON form."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
