"""What is noted with the group's commit comes back; what others noted does not matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime.suspects import MOST_FAILURES, Suspect, read_metadata

offsets = st.integers(0, 2**63 - 1)


@given(offsets, offsets, st.integers(1, 99))
def test_metadata_survives_the_round_trip(first: int, last: int, failures: int) -> None:
    suspect = Suspect(first, last, failures)
    assert read_metadata(suspect.metadata()) == suspect


@pytest.mark.parametrize(
    "text", [None, "", "some tool's note", "[1, 2]", "7", '{"suspect": [1, 2]}', '{"suspect": ["a", 2, 3]}']
)
def test_foreign_metadata_is_none(text: str | None) -> None:
    assert read_metadata(text) is None


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert read_metadata(text) is None


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
