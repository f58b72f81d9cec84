"""Cases in memory: kept by key, named again at their time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.labelling.pending import Cases
from models.labelling.store import MemoryPendingStore

entries = st.lists(st.tuples(st.floats(0, 100), st.sampled_from("abc")), max_size=20)


def test_a_case_is_kept_until_it_is_forgotten() -> None:
    rows, case = MemoryPendingStore(), Cases()
    rows.put("a", case)
    assert (rows.get("a"), rows.get("b"), len(rows)) == (case, None, 1)
    rows.forget("a")
    rows.forget("never kept")
    assert (rows.get("a"), len(rows)) == (None, 0)


@given(entries, st.floats(0, 100))
def test_what_is_due_comes_by_time_then_key_and_once(agenda: list[tuple[float, str]], until: float) -> None:
    rows = MemoryPendingStore()
    for due, key in agenda:
        rows.schedule(due, key)
    taken = list(iter(lambda: rows.next_due(until), None))
    assert taken == sorted(entry for entry in agenda if entry[0] <= until)
    rest = list(iter(lambda: rows.next_due(100), None))
    assert sorted(taken + rest) == sorted(agenda)
