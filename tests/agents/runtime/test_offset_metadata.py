"""What is noted with the group's commit comes back, and what others noted does not matter.

Suspicion narrows with each failure, and ends with progress.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime.offset_metadata import (
    MOST_FAILURES,
    MOST_TRIALS,
    FailingOffsets,
    OffsetMetadata,
    on_trial,
)

offsets = st.integers(0, 2**63 - 1)
suspects = st.builds(FailingOffsets, offsets, offsets, st.integers(1, 99), st.booleans())


states = st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3)


@given(st.builds(OffsetMetadata, st.none() | suspects, states, offsets, offsets, st.integers(0, 99)))
def test_a_note_survives_the_round_trip(note: OffsetMetadata) -> None:
    assert OffsetMetadata.read(note.text()) == note


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        (OffsetMetadata(FailingOffsets(5, 7, 2)), '{"suspect":[5,7,2,0]}'),
        (
            OffsetMetadata(
                FailingOffsets(5, 5, 1, is_on_trial=True), {"scoring": "9"}, log=3, epoch=4, starts=2
            ),
            '{"suspect":[5,5,1,1],"states":{"scoring":"9"},"log":3,"epoch":4,"starts":2}',
        ),
    ],
)
def test_what_is_committed_keeps_its_form_so_that_an_upgrade_can_read_it(
    metadata: OffsetMetadata, text: str
) -> None:
    assert metadata.text() == text
    assert OffsetMetadata.read(text) == metadata


def test_nothing_to_note_is_no_text() -> None:
    assert OffsetMetadata().text() == ""


@pytest.mark.parametrize(
    "text",
    [None, "", "some tool's note", "[1, 2]", "7", '{"suspect": [1, 2]}', '{"suspect": ["a", 2, 3]}', "{}"],
)
def test_foreign_metadata_is_none(text: str | None) -> None:
    assert OffsetMetadata.read(text) == OffsetMetadata()


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert OffsetMetadata.read(text) == OffsetMetadata()


# -- records that make a worker fail


def test_another_failure_within_the_suspects_counts_on() -> None:
    assert FailingOffsets(10, 20, 1).failed_again(12, 12) == FailingOffsets(12, 12, 2)


def test_a_failure_elsewhere_begins_anew() -> None:
    assert FailingOffsets(10, 20, 2).failed_again(19, 21) == FailingOffsets(19, 21, 1)


def test_progress_clears_what_it_passed() -> None:
    assert FailingOffsets(10, 20, 1).cleared(5) == FailingOffsets(10, 20, 1)
    assert FailingOffsets(10, 20, 1).cleared(15) == FailingOffsets(15, 20, 1)
    assert FailingOffsets(10, 20, 1).cleared(21) is None


def test_only_a_single_record_is_poison() -> None:
    assert FailingOffsets(7, 7, MOST_FAILURES).is_poison
    assert not FailingOffsets(7, 7, MOST_FAILURES - 1).is_poison
    assert not FailingOffsets(7, 8, MOST_FAILURES).is_poison


def test_trials_of_the_same_records_count_on_and_others_begin_anew() -> None:
    first = on_trial(FailingOffsets(10, 20, 2), 10, 14)
    assert first == FailingOffsets(10, 14, 1, is_on_trial=True)
    assert on_trial(first, 10, 14).failures == MOST_TRIALS
    assert on_trial(first, 10, 10).failures == 1


def test_only_what_killed_trials_is_deadly() -> None:
    assert on_trial(on_trial(None, 1, 3), 1, 3).is_deadly
    assert not on_trial(None, 1, 3).is_deadly
    assert not FailingOffsets(1, 3, 99).is_deadly
