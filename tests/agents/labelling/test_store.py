"""Cases on disk: as those in memory, as far as they were saved, and whole."""

from __future__ import annotations

import struct
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.labelling.store import RocksPendingStore
from models.labelling.pending import Cases, KnownLabel, PendingTransaction
from schemas.label import LabelOrigin
from tests.models.labelling_cases import row

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = ["card_a\0t1", "card_a\0t2", "card_ab\0t1", "card_b\0naïve"]
LAST = 1_000.0


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made) / "store"


def cases(mark: int) -> Cases:
    """Cases that are told apart by their mark."""
    label = KnownLabel(float(mark), is_fraud=True, origin=LabelOrigin.CUSTOMER, recorded_at=1.5)
    return Cases([PendingTransaction(row(amount_ratio=float(mark)))], waiting=[label])


def packed(rows: Any, key: str) -> bytes | None:
    kept = rows.get(key)
    return None if kept is None else kept.pack()


class Model:
    """What a store must know: what was saved, what was kept apart for it, and what is in hand."""

    def __init__(self) -> None:
        self.now: dict[str, Any] = {"cases": {}, "agenda": set(), "offsets": {}, "sampler": None}
        self.frozen = self.saved = self._copy()

    def _copy(self) -> dict[str, Any]:
        now = self.now
        return {
            **now,
            "cases": dict(now["cases"]),
            "agenda": set(now["agenda"]),
            "offsets": dict(now["offsets"]),
        }

    def next_due(self, until: float) -> tuple[float, str] | None:
        first = min(self.now["agenda"], default=None)
        if first is None or first[0] > until:
            return None
        self.now["agenda"].remove(first)
        return first

    def freeze(self, offsets: dict[str, tuple[int, int]], sampler: bytes) -> None:
        self.now["offsets"] |= offsets
        self.now["sampler"] = sampler
        self.frozen = self._copy()

    def save(self) -> None:
        self.saved = self.frozen

    def reopen(self) -> None:
        self.now = self.saved
        self.now = self._copy()
        self.frozen = self.saved


def assert_same(rows: RocksPendingStore, model: Model) -> None:
    assert {key: packed(rows, key) for key in KEYS} == {
        key: kept.pack() if (kept := model.now["cases"].get(key)) else None for key in KEYS
    }
    assert len(rows) == len(model.now["cases"])
    assert {source: rows.position(source) for source in "ab"} == {
        source: model.saved["offsets"].get(source, (0, 0)) for source in "ab"
    }
    assert rows.sampler() == model.saved["sampler"]


keys = st.sampled_from(KEYS)
times = st.one_of(st.floats(0, LAST), st.sampled_from([0.0, 60.0, 61.0, 100.0, 160.0]))
actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, st.integers(0, 9)),
        st.tuples(st.just("forget"), keys),
        st.tuples(st.just("schedule"), times, keys),
        st.tuples(st.just("take"), times),
        st.tuples(st.just("freeze"), st.sampled_from("ab"), st.integers(0, 99)),
        st.tuples(st.sampled_from(["save", "save", "reopen"])),
    ),
    min_size=25,
    max_size=50,
)


def act(rows: RocksPendingStore, model: Model, action: tuple[Any, ...]) -> None:
    name, *rest = action
    if name == "put":
        rows.put(rest[0], cases(rest[1]))
        model.now["cases"][rest[0]] = cases(rest[1])
    elif name == "forget":
        rows.forget(rest[0])
        model.now["cases"].pop(rest[0], None)
    elif name == "schedule":
        rows.schedule(*rest)
        model.now["agenda"].add(tuple(rest))
    elif name == "take":
        assert rows.next_due(*rest) == model.next_due(*rest)
    elif name == "freeze":
        for each in (rows, model):
            each.freeze({rest[0]: (7, rest[1])}, struct.pack("<q", rest[1]))
    elif name == "save":
        rows.save()
        model.save()


@given(actions)
@settings(max_examples=20, deadline=None)
def test_any_sequence_leaves_what_memory_would_hold_as_far_as_it_was_saved(
    sequence: list[tuple[Any, ...]],
) -> None:
    model = Model()
    with folder() as place:
        rows = RocksPendingStore(place)
        for action in sequence:
            if action[0] == "reopen":
                rows.close()
                rows = RocksPendingStore(place)
                model.reopen()
            act(rows, model, action)
            assert_same(rows, model)
        while (entry := model.next_due(LAST)) is not None:
            assert rows.next_due(LAST) == entry
        assert rows.next_due(LAST) is None
        rows.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "partitions" / "3"


def test_an_empty_store_stands_at_no_offset(place: Path) -> None:
    rows = RocksPendingStore(place)
    assert (rows.position("scores"), rows.sampler(), len(rows)) == ((0, 0), None, 0)
    assert rows.next_due(LAST) is None


def test_what_was_not_saved_is_lost_and_what_was_saved_is_whole(place: Path) -> None:
    rows = RocksPendingStore(place)
    rows.put(KEYS[0], cases(1))
    rows.schedule(5.0, KEYS[0])
    rows.freeze({"scores": (5, 7)}, b"sampler")
    rows.save()
    rows.put(KEYS[0], cases(2))
    rows.put(KEYS[1], cases(3))
    rows.next_due(LAST)
    rows.freeze({"scores": (5, 9)}, b"later")
    rows.close()
    back = RocksPendingStore(place)
    assert (packed(back, KEYS[0]), packed(back, KEYS[1])) == (cases(1).pack(), None)
    assert (back.position("scores"), back.sampler(), len(back)) == ((5, 7), b"sampler", 1)
    assert back.next_due(LAST) == (5.0, KEYS[0])


def test_what_changes_after_the_freeze_waits_for_the_next_save(place: Path) -> None:
    rows = RocksPendingStore(place)
    rows.put(KEYS[0], cases(1))
    rows.freeze({"scores": (5, 7)}, b"")
    rows.put(KEYS[0], cases(2))
    rows.forget(KEYS[1])
    rows.put(KEYS[1], cases(3))
    rows.save()
    assert packed(rows, KEYS[0]) == cases(2).pack()
    rows.close()
    back = RocksPendingStore(place)
    assert (packed(back, KEYS[0]), packed(back, KEYS[1]), len(back)) == (cases(1).pack(), None, 1)


def test_both_sources_of_one_commit_are_saved_together(place: Path) -> None:
    rows = RocksPendingStore(place)
    rows.freeze({"scores": (5, 7)}, b"")
    rows.freeze({"labels": (6, 3)}, b"")
    rows.save()
    assert (rows.position("scores"), rows.position("labels")) == ((5, 7), (6, 3))


def test_a_case_that_was_read_must_be_put_back_to_change(place: Path) -> None:
    rows = RocksPendingStore(place)
    rows.put(KEYS[0], cases(1))
    rows.freeze({}, b"")
    rows.save()
    read = rows.get(KEYS[0])
    assert read is not None
    read.cases[0].is_matured = True
    again = rows.get(KEYS[0])
    assert again is not None
    assert not again.cases[0].is_matured


def test_an_entry_that_was_scheduled_twice_comes_once(place: Path) -> None:
    rows = RocksPendingStore(place)
    rows.next_due(100.0)  # near entries are in memory from here on
    for due in (50.0, 50.0, 500.0, 500.0):
        rows.schedule(due, KEYS[0])
    taken = [rows.next_due(LAST) for _ in range(3)]
    assert taken == [(50.0, KEYS[0]), (500.0, KEYS[0]), None]


@pytest.mark.parametrize("due", [-5.0, -0.0, 0.0])
def test_times_before_1970_count_as_1970(place: Path, due: float) -> None:
    rows = RocksPendingStore(place)
    for each in (due, 5.0):
        rows.schedule(each, KEYS[0])
    rows.freeze({}, b"")
    rows.save()
    rows.close()
    assert RocksPendingStore(place).next_due(1.0) == (0.0, KEYS[0])


def test_one_process_at_a_time_holds_the_folder(place: Path) -> None:
    rows = RocksPendingStore(place)
    with pytest.raises(OSError, match=r"store in .* cannot be opened .*(?i:lock)"):
        RocksPendingStore(place)
    rows.close()
    RocksPendingStore(place)


def test_its_size_on_disk_grows_with_what_it_keeps(place: Path) -> None:
    rows = RocksPendingStore(place)
    empty = rows.disk_bytes()
    for number in range(1_000):
        rows.put(f"card\0{number}", cases(number))
    rows.freeze({}, b"")
    rows.save()
    rows.close()
    assert RocksPendingStore(place).disk_bytes() > empty + 10_000
