"""What a run of the fault scenarios finds. Its JSON form has the fields below by their names."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from benchmarks.machine import Machine
    from tests.faults.scenario import Mode

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class Breach:
    """An invariant that did not hold.

    Attributes:
        invariant: its short name.
        count: how many breaches were found.
        examples: the first of them.
    """

    invariant: str
    count: int
    examples: list[str]


@dataclass(frozen=True)
class Played:
    """One scenario in one mode.

    Attributes:
        scenario: its name.
        sentence: what was done.
        mode: of delivery.
        times: how often.
        breaches: invariants that did not hold.
        checked: names of the invariants that were checked.
        skipped: why it could not be played; empty where it was.
        transactions: records of `transactions`.
        alerts: that a reader of committed records sees.
        models: versions that were published.
        seconds_without_scores: the longest time in which a reader of committed records saw no score.
        seconds_without_a_partition: the same, of the partition of `scores` that was worst off.
        catch_up_seconds: from the last record sent until all was scored, labelled and learnt.
        repeats_committed: scores and alerts that a reader of committed records saw again.
        repeats_uncommitted: the same, of a reader of everything.
        judged_anew: those of the latter that say otherwise: a model or a reputation had moved on meanwhile.
        statuses: exit statuses of each worker's processes in order; -9 was killed.
        notes: what the scenario said.
        seconds: that all of it took.
    """

    scenario: str
    sentence: str
    mode: Mode
    times: int
    breaches: list[Breach]
    checked: list[str]
    skipped: str = ""
    transactions: int = 0
    alerts: int = 0
    models: int = 0
    seconds_without_scores: float = 0.0
    seconds_without_a_partition: float = 0.0
    catch_up_seconds: float = 0.0
    repeats_committed: int = 0
    repeats_uncommitted: int = 0
    judged_anew: int = 0
    statuses: dict[str, list[int]] | None = None
    notes: list[str] | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Results:
    """A whole run.

    Attributes:
        date: of its start, ISO 8601 with offset.
        command: the arguments of `tests/faults/run.py`.
        machine: where.
        played: every scenario and mode, in order of time.
        schema_version: of this form.
    """

    date: str
    command: str
    machine: Machine
    played: list[Played]
    schema_version: int = SCHEMA_VERSION

    @property
    def is_broken(self) -> bool:
        """Whether any invariant did not hold."""
        return any(each.breaches for each in self.played)

    def to_json(self) -> bytes:
        """The JSON form."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
