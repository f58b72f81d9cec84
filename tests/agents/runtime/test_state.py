"""A changelog value carries the log and the source offset that it includes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime.state import seal, unseal


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.binary())
def test_sealing_comes_apart_again(log: int, offset: int, payload: bytes) -> None:
    sealed = seal(log, offset, payload)
    assert sealed is not None
    assert unseal(sealed) == (log, offset, payload)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_sealed_values_of_one_log_sort_like_their_offsets(one: int, other: int) -> None:
    assert (seal(3, one, b"") < seal(3, other, b"")) == (one < other)  # type: ignore[operator]


def test_a_key_that_goes_is_a_tombstone() -> None:
    assert seal(3, 7, None) is None


def test_a_value_too_short_for_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        unseal(b"123456789012345")
