"""What is noted with the group's commit comes back; what others noted does not matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime.commit_note import CommitNote
from agents.runtime.suspects import Suspect

offsets = st.integers(0, 2**63 - 1)
suspects = st.builds(Suspect, offsets, offsets, st.integers(1, 99), st.booleans())


states = st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3)


@given(st.builds(CommitNote, st.none() | suspects, states, offsets, offsets, st.integers(0, 99)))
def test_a_note_survives_the_round_trip(note: CommitNote) -> None:
    assert CommitNote.read(note.text()) == note


def test_nothing_to_note_is_no_text() -> None:
    assert CommitNote().text() == ""


@pytest.mark.parametrize(
    "text",
    [None, "", "some tool's note", "[1, 2]", "7", '{"suspect": [1, 2]}', '{"suspect": ["a", 2, 3]}', "{}"],
)
def test_foreign_metadata_is_none(text: str | None) -> None:
    assert CommitNote.read(text) == CommitNote()


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert CommitNote.read(text) == CommitNote()
