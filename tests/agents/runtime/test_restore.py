"""State comes back from its changelog as it was last written by its owner."""

from __future__ import annotations

from typing import Any

import confluent_kafka as ck
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime import restore as module
from agents.runtime.errors import RestoreFailed
from agents.runtime.options import DeliveryOptions
from agents.runtime.restore import Replay, Restoration, replay, restore
from agents.runtime.state import seal


class Entries(dict[bytes, bytes]):
    """A state."""

    def restore(self, key: bytes, payload: bytes | None) -> None:
        if payload is None:
            self.pop(key, None)
        else:
            self[key] = payload

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        return []


def test_the_last_write_of_a_key_counts(message: Any) -> None:
    restoration = Restoration(Entries())
    restoration.take(message(4, b"k", seal(5, 10, b"old")))
    restoration.take(message(5, b"k", seal(5, 20, b"new")))
    assert restoration.state == {b"k": b"new"}
    assert (restoration.next_offset, restoration.records) == (6, 2)


def test_a_late_write_of_an_older_offset_never_goes_back(message: Any) -> None:
    restoration = Restoration(Entries())
    restoration.take(message(4, b"k", seal(5, 20, b"new")))
    restoration.take(message(5, b"k", seal(5, 10, b"a zombie's")))
    assert restoration.state == {b"k": b"new"}


def test_offsets_of_two_logs_do_not_compare_so_what_was_written_later_counts(message: Any) -> None:
    restoration = Restoration(Entries({b"l": b"kept"}), next_offset=4, log=5, included=20)
    restoration.take(message(4, b"k", seal(5, 30, b"old")))
    restoration.take(message(5, b"k", seal(6, 1, b"new")))
    restoration.take(message(6, b"l", seal(6, 2, b"new")))
    assert restoration.state == {b"k": b"new", b"l": b"new"}
    restoration.take(message(7, b"k", seal(6, 0, b"a zombie's")))
    assert restoration.state[b"k"] == b"new"


def test_a_tombstone_removes_and_does_not_let_an_older_write_back_in(message: Any) -> None:
    restoration = Restoration(Entries())
    restoration.take(message(4, b"k", seal(5, 20, b"new")))
    restoration.take(message(5, b"k", None))
    assert restoration.state == {}
    restoration.take(message(6, b"k", seal(5, 10, b"a zombie's")))
    assert restoration.state == {}
    restoration.take(message(7, b"k", seal(5, 30, b"again")))
    assert restoration.state == {b"k": b"again"}


def test_entries_that_were_taken_away_since_the_commit_are_not_missed_and_others_are(message: Any) -> None:
    """At-least-once writes the changelog before it commits."""
    restoration = Restoration(Entries())
    restoration.take(message(4, b"k", seal(5, 10, b"kept")))
    restoration.take(message(5, b"l", None))
    restoration.expect(2, "changelog partition 0")
    with pytest.raises(RestoreFailed, match="holds 1 of the 3 entries"):
        restoration.expect(3, "changelog partition 0")


def test_a_kept_state_takes_only_news(message: Any) -> None:
    restoration = Restoration(Entries({b"k": b"kept"}), next_offset=4, log=5, included=20)
    restoration.take(message(4, b"k", seal(5, 15, b"a zombie's")))
    restoration.take(message(5, b"l", seal(5, 20, b"known")))
    assert restoration.state == {b"k": b"kept"}
    restoration.take(message(6, b"k", seal(5, 21, b"news")))
    assert restoration.state == {b"k": b"news"}


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.integers(0, 9)), max_size=30))
def test_each_key_ends_at_its_newest_offset(writes: list[tuple[bytes, int]]) -> None:
    restoration = Restoration(Entries())
    for at, (key, offset) in enumerate(writes):
        restoration.take(Record(at, key, seal(5, offset, b"%d" % offset)))
    assert restoration.state == {
        key: b"%d" % max(offset for k, offset in writes if k == key) for key in dict(writes)
    }


def test_a_foreign_record_is_refused_with_its_place(message: Any) -> None:
    with pytest.raises(RestoreFailed, match="in partition 0 offset 4 holds no state"):
        Restoration(Entries()).take(message(4, b"k", b"short"))


class Record:
    """A changelog record, or an event of the end."""

    def __init__(self, at: int, key: bytes = b"", value: bytes | None = b"", code: int | None = None) -> None:
        self.at, self.k, self.v, self.code = at, key, value, code

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes:
        return self.k

    def value(self) -> bytes | None:
        return self.v

    def topic(self) -> str:
        return "changelog"

    def partition(self) -> int:
        return 0

    def error(self) -> ck.KafkaError | None:
        return None if self.code is None else ck.KafkaError(self.code)


class Taken(list[int]):
    """A store that keeps itself; it notes the offsets that it was given again."""

    def replay(self, record: Record) -> None:
        self.append(record.offset())


class FakeReader:
    """Gives one batch a read."""

    def __init__(self, batches: list[list[Record]]) -> None:
        self._batches = batches
        self.is_closed = False
        self.started_at: int | None = None

    def assign(self, places: list[ck.TopicPartition]) -> None:
        [place] = places
        self.started_at = place.offset

    def consume(self, *_: Any) -> list[Record]:
        return self._batches.pop(0)

    def close(self) -> None:
        self.is_closed = True


EOF = ck.KafkaError._PARTITION_EOF


def run(
    monkeypatch: pytest.MonkeyPatch, end: int, batches: list[list[Record]], begin: int = 0, reads: int = 99
) -> tuple[Restoration, FakeReader, list[int]]:
    reader, restoration = FakeReader(batches), Restoration(Entries(), begin)
    monkeypatch.setattr(module.Logs, "ends", lambda *_: {("changelog", 0): end})
    monkeypatch.setattr(ck, "Consumer", lambda *_, **__: reader)
    counts: list[int] = []

    def goes_on(records: int) -> bool:
        counts.append(records)
        return len(counts) < reads

    restore(DeliveryOptions({}, "g", "m"), {("changelog", 0): restoration}, goes_on)
    return restoration, reader, counts


def test_it_reads_to_the_end_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [[Record(0, b"k", seal(5, 1, b"v"))], [Record(3, code=EOF)]]
    restoration, reader, counts = run(monkeypatch, 3, batches)
    assert restoration.state == {b"k": b"v"}
    assert restoration.next_offset == 3, "transaction markers behind the last record are passed"
    assert reader.is_closed
    assert counts == [1, 1]


def test_it_waits_for_an_open_transaction_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of committed records sees an end before the high watermark until then."""
    late = [Record(1, b"k", seal(5, 2, b"committed"))]
    batches = [[Record(0, b"k", seal(5, 1, b"v")), Record(1, code=EOF)], [], late, [Record(3, code=EOF)]]
    restoration, _, _ = run(monkeypatch, 3, batches)
    assert restoration.state == {b"k": b"committed"}


def test_a_changelog_that_gained_nothing_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    _, reader, counts = run(monkeypatch, 7, [], begin=7)
    assert reader.started_at is None
    assert counts == []


def test_it_starts_where_the_state_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    _, reader, _ = run(monkeypatch, 9, [[Record(9, code=EOF)]], begin=7)
    assert reader.started_at == 7


def test_it_gives_up_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    _, reader, counts = run(monkeypatch, 9, [[], [], []], reads=2)
    assert len(counts) == 2
    assert reader.is_closed


def test_a_passing_error_is_waited_out_and_another_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    passing = Record(0, code=ck.KafkaError._TRANSPORT)
    run(monkeypatch, 1, [[passing], [Record(1, code=EOF)]])
    with pytest.raises(RestoreFailed, match="changelog partition 0 cannot be read"):
        run(monkeypatch, 1, [[Record(0, code=ck.KafkaError.TOPIC_AUTHORIZATION_FAILED)]])


def replaying(
    monkeypatch: pytest.MonkeyPatch, batches: list[list[Record]], begin: int, end: int
) -> tuple[Taken, FakeReader]:
    reader, taken = FakeReader(batches), Taken()
    monkeypatch.setattr(ck, "Consumer", lambda *_, **__: reader)
    work = {("changelog", 0): Replay(taken, begin, end)}  # type: ignore[arg-type]
    replay(DeliveryOptions({}, "g", "m"), work, lambda _: True)
    return taken, reader


def test_a_source_is_read_again_from_where_its_store_stands_to_the_committed_offset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken, reader = replaying(monkeypatch, [[Record(7), Record(8)], [Record(9)]], 7, 10)
    assert taken == [7, 8, 9]
    assert reader.started_at == 7
    assert reader.is_closed


def test_what_stands_after_the_committed_offset_is_left_to_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken, _ = replaying(monkeypatch, [[Record(7), Record(9), Record(10), Record(11)]], 7, 10)
    assert taken == [7, 9]


def test_a_source_may_end_in_what_is_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transaction markers have offsets, too, and retention may have deleted what there was."""
    taken, _ = replaying(monkeypatch, [[Record(7)], [Record(10, code=EOF)]], 7, 10)
    assert taken == [7]


def test_a_store_at_the_committed_offset_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, reader = replaying(monkeypatch, [], 10, 10)
    assert reader.started_at is None


def test_a_source_that_cannot_be_read_again_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RestoreFailed, match="topic changelog partition 0 cannot be read"):
        replaying(monkeypatch, [[Record(0, code=ck.KafkaError.TOPIC_AUTHORIZATION_FAILED)]], 7, 10)
