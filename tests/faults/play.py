"""Plays one scenario in one mode, and says what was found."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import orjson

from tests.faults import invariants, truth
from tests.faults.evidence import gather
from tests.faults.ground import ground
from tests.faults.observer import longest_gap, longest_gap_of_a_partition
from tests.faults.results import Breach, Played

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.faults.evidence import Evidence
    from tests.faults.ground import Ground
    from tests.faults.records import Stored
    from tests.faults.scenario import Brokers, Mode, Scenario

_TOLD: Final = 5
"""Breaches of one invariant that are told in full."""
_ENDED: Final = "ended"


def play(scenario: Scenario, mode: Mode, shared: Brokers, folder: Path, *, is_quick: bool = False) -> Played:
    """Play it.

    Args:
        scenario: what to do.
        mode: of delivery.
        shared: the Kafka for scenarios that bring none.
        folder: empty, for logs and stores.
        is_quick: the short form.
    """
    blank = Played(
        scenario=scenario.name,
        sentence=scenario.sentence,
        mode=mode,
        times=scenario.quick if is_quick else scenario.times,
        breaches=[],
        checked=[],
    )
    if sentence := scenario.needs():
        return replace(blank, skipped=sentence)
    began = time.monotonic()
    try:
        with _brokers(scenario, shared, folder) as brokers:
            found = _play(blank, scenario, brokers, folder)
    except Exception as failure:  # noqa: BLE001 - whatever it is, it was found, and others are to be played
        words = [f"{type(failure).__name__}: {failure}", *getattr(failure, "__notes__", ())]
        found = replace(blank, breaches=[Breach(_ENDED, 1, words)], checked=[_ENDED])
    return replace(found, seconds=time.monotonic() - began)


def _brokers(scenario: Scenario, shared: Brokers, folder: Path) -> AbstractContextManager[Brokers]:
    return nullcontext(shared) if scenario.brokers is None else scenario.brokers(folder / "kafka")


def _play(blank: Played, scenario: Scenario, brokers: Brokers, folder: Path) -> Played:
    with ground(scenario, blank.mode, brokers, folder, blank.times) as made:
        caught_up = _through(made)
        evidence = gather(made)
        arrivals = made.observer.arrivals
        return replace(
            blank,
            breaches=[*_breaches(evidence), *_own_breaches(made)],
            checked=[_ENDED, *(each.name for each in invariants.INVARIANTS), *made.expectations],
            transactions=len(evidence.transactions),
            alerts=len(evidence.alerts),
            models=sum(record.value() is not None for record in evidence.models),
            seconds_without_scores=longest_gap(arrivals),
            seconds_without_a_partition=longest_gap_of_a_partition(arrivals),
            catch_up_seconds=caught_up,
            repeats_committed=_repeats(evidence.scores, evidence.alerts),
            repeats_uncommitted=_repeats(evidence.all_scores, evidence.all_alerts),
            judged_anew=_judged_anew(evidence.all_scores),
            statuses=made.fleet.statuses,
            notes=made.notes,
        )


def _through(made: Ground) -> float:
    """Break, go on, work off, stop; gives the seconds that working off took."""
    made.scenario.play(made)
    made.flow(made.calm_seconds)
    caught_up = made.finish()
    made.expect(
        "every record is accounted for", not any(made.fleet.metric("fraudstream_unaccounted_records"))
    )
    statuses = made.fleet.stop_all()
    made.expect("workers stop in order", all(status == 0 for status in statuses.values()))
    return caught_up


def _breaches(evidence: Evidence) -> Iterable[Breach]:
    lost = evidence.lost() & evidence.deleted
    expected = truth.fold(evidence.transactions, evidence.poison, evidence.unreadable, lost)
    for invariant in invariants.INVARIANTS:
        found = list(invariant.check(evidence, expected))
        if found:
            yield Breach(invariant.name, len(found), found[:_TOLD])


def _own_breaches(made: Ground) -> Iterable[Breach]:
    return (Breach(sentence, 1, [sentence]) for sentence, holds in made.expectations.items() if not holds)


def _repeats(scores: Iterable[Stored], alerts: Iterable[Stored]) -> int:
    """How many scores and alerts came again."""
    seen: Counter[str] = Counter()
    seen.update(orjson.loads(record.value() or b"")["transaction_id"] for record in scores)
    seen.update(orjson.loads(record.value() or b"")["alert_id"] for record in alerts)
    return seen.total() - len(seen)


def _judged_anew(scores: Iterable[Stored]) -> int:
    """How many transactions were scored again, and otherwise."""
    scored: dict[str, set[tuple[object, ...]]] = defaultdict(set)
    for record in scores:
        score = orjson.loads(record.value() or b"")
        scored[score["transaction_id"]].add((score["scored_by"], score["score"]))
    return sum(len(copies) > 1 for copies in scored.values())
