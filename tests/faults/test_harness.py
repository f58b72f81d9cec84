"""The harness's own parts: what is sent, and what is measured."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import pytest

from benchmarks.machine import describe
from fraudstream.simulate.stream import RecordKind
from tests.faults.catalogue import SCENARIOS
from tests.faults.invariants import INVARIANTS
from tests.faults.observer import Arrival, longest_gap, longest_gap_of_a_partition
from tests.faults.play import play
from tests.faults.report import tables
from tests.faults.results import Breach, Played, Results
from tests.faults.run import read_options
from tests.faults.scenario import Scenario
from tests.faults.traffic import SOON, bank, with_repeats
from tests.faults.waiting import NotWithinTimeError, wait_until

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.faults.ground import Ground


def test_some_records_come_twice_soon_after_each_other_and_none_is_lost() -> None:
    records = list(islice(bank(7), 3_000))
    sent = list(with_repeats(records, Random(1)))
    assert list(dict.fromkeys(sent)) == list(dict.fromkeys(records))
    repeated = Counter(sent) - Counter(records)
    assert {record.kind for record in repeated} >= {RecordKind.TRANSACTION}
    for record in repeated:
        first = sent.index(record)
        assert sent.index(record, first + 1) - first <= 2 * SOON


def test_the_bank_sends_frauds_labels_and_malformed_messages() -> None:
    kinds = Counter(record.kind for record in islice(bank(7), 6_000))
    assert all(kinds[kind] > 0 for kind in RecordKind)


def test_the_longest_gap_is_that_between_two_scores() -> None:
    arrivals = [Arrival(0.0, 0), Arrival(1.0, 1), Arrival(1.5, 1), Arrival(4.0, 0)]
    assert longest_gap(arrivals) == 2.5
    assert longest_gap_of_a_partition(arrivals) == 4.0
    assert longest_gap([]) == longest_gap_of_a_partition([]) == 0.0


def test_what_does_not_happen_in_time_is_said_in_a_sentence() -> None:
    with pytest.raises(NotWithinTimeError, match="nothing happens: not within 0 s"):
        wait_until(lambda: False, 0.0, "nothing happens")


def test_every_scenario_can_be_asked_for_by_its_name() -> None:
    for name in SCENARIOS:
        assert read_options(["--only", name, "--quick"]).only == [name]


def test_a_breach_makes_the_run_broken() -> None:
    fine = Played("s", "what", "exactly-once", 1, [], [])
    assert not _results(fine).is_broken
    assert _results(fine, Played("s", "what", "exactly-once", 1, [Breach("once", 1, [])], [])).is_broken


def test_the_report_names_what_broke_what_was_skipped_and_what_was_said() -> None:
    broken = Breach("once", 3, ["score t-1 came 2 times"])
    [found, done, checked] = tables(
        _results(
            Played("s", "what", "exactly-once", 1, [broken], ["once", "sent"], notes=["it rained"]),
            Played("s", "what", "at-least-once", 1, [], ["once", "sent"]),
            Played("r", "how", "exactly-once", 1, [], [], skipped="The disk is missing."),
        )
    )
    assert [row[3] for row in found.rows] == ["BROKEN: once", "all 2 hold", "skipped"]
    assert all(len(row) == len(found.columns) for row in found.rows)
    assert found.sentences == [
        "s, exactly-once: it rained.",
        "s, exactly-once: BROKEN once (3 times), as: score t-1 came 2 times",
        "r, exactly-once: skipped. The disk is missing.",
    ]
    assert done.rows == [("r", "how"), ("s", "what")]
    assert [name for name, _ in checked.rows] == [each.name for each in INVARIANTS]


def _results(*played: Played) -> Results:
    return Results("2026-01-01", "", describe(), list(played))


def test_a_scenario_that_cannot_be_played_here_is_skipped_with_its_sentence(tmp_path: Path) -> None:
    lacking = Scenario("s", "what", _fail, needs=lambda: "The disk is missing.")
    played = play(lacking, "exactly-once", _Nowhere(), tmp_path)
    assert (played.skipped, played.breaches) == ("The disk is missing.", [])


def test_a_scenario_that_fails_is_broken_and_ends_no_other(tmp_path: Path) -> None:
    played = play(Scenario("s", "what", _fail, brokers=_no_brokers), "exactly-once", _Nowhere(), tmp_path)
    [breach] = played.breaches
    assert (breach.invariant, breach.examples) == ("ended", ["RuntimeError: no broker today"])


class _Nowhere:
    bootstrap_servers = "127.0.0.1:9"


def _fail(_: Ground) -> None:
    raise AssertionError("it is not played")


def _no_brokers(_: Path) -> AbstractContextManager[_Nowhere]:
    raise RuntimeError("no broker today")
