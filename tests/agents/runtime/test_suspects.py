"""Suspicion narrows with each failure, and ends with progress."""

from __future__ import annotations

from agents.runtime.suspects import MOST_FAILURES, MOST_TRIALS, Suspect, on_trial


def test_another_failure_within_the_suspects_counts_on() -> None:
    assert Suspect(10, 20, 1).failed_again(12, 12) == Suspect(12, 12, 2)


def test_a_failure_elsewhere_begins_anew() -> None:
    assert Suspect(10, 20, 2).failed_again(19, 21) == Suspect(19, 21, 1)


def test_progress_clears_what_it_passed() -> None:
    assert Suspect(10, 20, 1).cleared(5) == Suspect(10, 20, 1)
    assert Suspect(10, 20, 1).cleared(15) == Suspect(15, 20, 1)
    assert Suspect(10, 20, 1).cleared(21) is None


def test_only_a_single_record_is_poison() -> None:
    assert Suspect(7, 7, MOST_FAILURES).is_poison
    assert not Suspect(7, 7, MOST_FAILURES - 1).is_poison
    assert not Suspect(7, 8, MOST_FAILURES).is_poison


def test_trials_of_the_same_records_count_on_and_others_begin_anew() -> None:
    first = on_trial(Suspect(10, 20, 2), 10, 14)
    assert first == Suspect(10, 14, 1, is_on_trial=True)
    assert on_trial(first, 10, 14).failures == MOST_TRIALS
    assert on_trial(first, 10, 10).failures == 1


def test_only_what_killed_trials_is_deadly() -> None:
    assert on_trial(on_trial(None, 1, 3), 1, 3).is_deadly
    assert not on_trial(None, 1, 3).is_deadly
    assert not Suspect(1, 3, 99).is_deadly
