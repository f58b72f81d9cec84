"""A partition commits what is done without a gap, and sets suspects apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.runtime.offset_metadata import MOST_FAILURES, FailingOffsets, OffsetMetadata
from agents.runtime.partition import Chunk, Partition


@dataclass(frozen=True)
class At:
    """A record that arrived so many seconds after 1970 as its offset says."""

    at: int

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return 1, self.at * 1_000


def records(*offsets: int) -> list[Any]:
    return [At(offset) for offset in offsets]


def spans(chunks: list[Chunk]) -> list[tuple[int, int]]:
    return [(chunk.first, chunk.last) for chunk in chunks]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[int], int]:
    """Offsets as a compacted or transactional topic has them: rising, with gaps."""
    gaps = draw(st.lists(st.integers(1, 4), min_size=1, max_size=40))
    offsets = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    return offsets, draw(st.integers(1, 7))


@given(deliveries(), st.data())
def test_any_order_of_acknowledgements_commits_exactly_the_prefix_without_a_gap(
    delivery: tuple[list[int], int], data: st.DataObject
) -> None:
    offsets, size = delivery
    partition = Partition("in", 0, {})
    chunks = list(partition.hand_out(records(*offsets), size))
    done: set[int] = set()
    for index in data.draw(st.permutations(range(len(chunks)))):
        partition.acknowledge(chunks[index])
        done.add(index)
        prefix = next((i for i in range(len(chunks)) if i not in done), len(chunks))
        assert partition.position == (chunks[prefix - 1].last + 1 if prefix else None)


@given(deliveries(), st.integers(0, 60), st.integers(0, 20))
def test_cutting_keeps_every_record_in_order_within_the_size_and_suspects_alone(
    delivery: tuple[list[int], int], first: int, length: int
) -> None:
    offsets, size = delivery
    suspect = FailingOffsets(first, first + length, 1)
    chunks = list(Partition("in", 0, {}, note=OffsetMetadata(suspect)).hand_out(records(*offsets), size))
    assert [record.offset() for chunk in chunks for record in chunk.records] == offsets
    for chunk in chunks:
        assert 1 <= len(chunk.records) <= size
        assert len(chunk.records) == 1 or not any(record.offset() in suspect for record in chunk.records)


def test_work_is_behind_until_it_is_committed() -> None:
    partition = Partition("in", 0, {})
    assert not partition.is_behind
    [chunk] = partition.hand_out(records(5, 6), 10)
    partition.acknowledge(chunk)
    assert partition.is_behind
    partition.committed = 7
    assert not partition.is_behind


def test_what_waits_is_as_old_as_the_oldest_record_that_is_not_done() -> None:
    partition = Partition("in", 0, {})
    assert partition.waiting(100.0) == 0.0
    first, second = partition.hand_out(records(10, 11, 12, 13), 2)
    partition.acknowledge(second)
    assert partition.waiting(100.0) == 90.0
    assert partition.waiting(5.0) == 0.0, "a sender's clock that is ahead"
    partition.acknowledge(first)
    assert partition.waiting(100.0) == 0.0


def test_a_successor_resumes_at_the_commit_or_else_where_the_partition_begins() -> None:
    assert Partition("in", 0, {}).resumes_at is None
    partition = Partition("in", 0, {}, begins=5)
    assert partition.resumes_at == 5
    partition.committed = 7
    assert partition.resumes_at == 7


def test_a_failing_chunk_is_noted_and_narrowed_down_to_one_record() -> None:
    first = Partition("in", 0, {})
    [_, chunk] = first.hand_out(records(*range(10)), 5)
    first.suspects(chunk)
    assert first.suspect == FailingOffsets(5, 9, 1)

    second = Partition("in", 0, {}, note=OffsetMetadata(first.suspect))
    chunks = list(second.hand_out(records(*range(3, 12)), 5))
    assert spans(chunks) == [(3, 4), *((i, i) for i in range(5, 10)), (10, 11)]
    for chunk in chunks[:3]:
        second.acknowledge(chunk)
    assert second.suspect == FailingOffsets(7, 9, 1), "what was got past is innocent"
    second.suspects(chunks[3])
    assert second.suspect == FailingOffsets(7, 7, 2)


def test_a_record_is_poison_after_its_last_failure_and_only_that_record() -> None:
    def poison(failures: int) -> list[int]:
        partition = Partition("in", 0, {}, note=OffsetMetadata(FailingOffsets(7, 7, failures)))
        return [c.first for c in partition.hand_out(records(6, 7, 8), 5) if c.is_poison]

    assert poison(MOST_FAILURES - 1) == []
    assert poison(MOST_FAILURES) == [7]


def test_metadata_notes_the_suspect_until_it_is_got_past() -> None:
    partition = Partition("in", 0, {}, note=OffsetMetadata(FailingOffsets(3, 3, 2)))
    assert partition.metadata == OffsetMetadata(FailingOffsets(3, 3, 2)).text()
    for chunk in partition.hand_out(records(3), 5):
        partition.acknowledge(chunk)
    assert partition.metadata == ""
