"""Suspicion narrows with each failure, and ends with progress."""

from __future__ import annotations

from agents.runtime.suspects import MOST_FAILURES, Suspect


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
