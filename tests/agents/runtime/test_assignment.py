"""Partitions come restored, start where they should, and go without losing what a successor needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
import pytest

from agents.runtime import assignment as module
from agents.runtime.assignment import Assignment
from agents.runtime.errors import OffsetBeyondEnd, RestoreFailed
from agents.runtime.logs import Bounds, Log
from agents.runtime.observer import Silent
from agents.runtime.offset_metadata import FailingOffsets, OffsetMetadata
from agents.runtime.options import DeliveryOptions
from agents.runtime.partition import Loss
from agents.runtime.state import Binding, Replays
from tests.agents.runtime.conftest import FakeStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.runtime.partition import Partition
    from agents.runtime.restore import Replay, Restoration
    from agents.runtime.testing import FakeRecord


class Replaying(FakeStore, Replays):
    """A store that wants what it lacks before its partition is read on."""

    def replay(self, record: FakeRecord) -> None:
        self.steps.append(("replay", record.offset()))


class Worker:
    """An assignment whose changelogs and group are the test's."""

    def __init__(self, make_state: Callable[[], Any]) -> None:
        self.steps: list[str] = []
        self.restored: dict[tuple[str, int], Restoration] = {}
        self.bindings = [Binding("counting", "in", "changelog", make_state)]
        self.told_starts: list[dict[tuple[str, int], int]] = []
        observer = Silent()
        observer.starts_noted = self.told_starts.append  # type: ignore[method-assign,assignment]
        self.assignment = Assignment(DeliveryOptions({}, "g", "m"), self.bindings, observer)
        self.replayed: dict[tuple[str, int], Replay] = {}
        self.committed_at, self.metadata = 40, ""
        self.log, self.partitions, self.low, self.high = 77, 9, 0, 100
        self.noted: list[tuple[int, OffsetMetadata]] = []

    def read(self, places: list[ck.TopicPartition]) -> list[ck.TopicPartition]:
        self.steps.append("committed")
        return [ck.TopicPartition(p.topic, p.partition, self.committed_at, self.metadata) for p in places]

    def note(self, offsets: list[ck.TopicPartition]) -> None:
        self.noted += [(tp.offset, OffsetMetadata.read(tp.metadata)) for tp in offsets]

    def describe(self, topics: Any) -> dict[str, Log]:
        return {topic: Log(self.log, self.partitions) for topic in topics}

    def bounds(self, places: Any) -> dict[tuple[str, int], Bounds]:
        return {place: Bounds(self.low, self.high) for place in places}

    def restore(self, _: Any, work: Mapping[tuple[str, int], Restoration], __: Any) -> None:
        self.steps.append("restore")
        self.restored = dict(work)

    def replay(self, _: Any, work: Mapping[tuple[str, int], Replay], __: Any) -> None:
        self.steps.append("replay")
        self.replayed = dict(work)

    def assign(self, *numbers: int, topic: str = "in") -> tuple[list[Partition], list[ck.TopicPartition]]:
        places = [ck.TopicPartition(topic, number) for number in numbers]
        prepared = self.assignment.prepare(places, self, self, lambda _: True)
        self.assignment.take(prepared)
        return prepared, places


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, state: Any) -> Worker:
    made = Worker(type(state))
    monkeypatch.setattr(module, "restore", made.restore)
    monkeypatch.setattr(module, "replay", made.replay)
    return made


def test_committed_offsets_are_read_before_the_state(worker: Worker) -> None:
    """Else a predecessor's transaction that ends between the two is in the offsets and not in the state."""
    worker.assign(0, 1)
    assert worker.steps == ["committed", "restore"]


def test_a_partition_starts_at_the_commit_that_was_read(worker: Worker) -> None:
    [partition], [place] = worker.assign(0)
    assert (place.offset, partition.committed) == (40, 40)


def test_without_a_commit_a_partition_starts_at_its_first_record(worker: Worker) -> None:
    worker.committed_at, worker.low = ck.OFFSET_INVALID, 12
    [partition], [place] = worker.assign(0)
    assert (place.offset, partition.committed, partition.resumes_at) == (12, None, 12)


def test_a_state_with_a_store_of_its_own_says_where_to_start(worker: Worker, store: Any) -> None:
    worker.metadata = OffsetMetadata(states={"own": "clock 7"}).text()
    worker.bindings.append(Binding("own", "in", None, lambda: store))
    [partition], [place] = worker.assign(0)
    assert (place.offset, partition.committed) == (10, 40)
    assert store.steps == [("resume", 0, 40, "clock 7", 77)]
    assert OffsetMetadata.read(partition.committed_metadata).states == {"own": "clock 7"}


def test_a_store_that_replays_gets_what_it_lacks_and_its_partition_goes_on_from_the_commit(
    worker: Worker,
) -> None:
    made: list[Replaying] = []

    def new_store() -> Replaying:
        made.append(Replaying())
        return made[-1]

    worker.bindings.append(Binding("own", "there", None, new_store))
    (partition, _), places = worker.assign(0, 1, topic="there")
    assert worker.steps == ["committed", "replay"]
    assert [(work.state, work.next_offset, work.end) for work in worker.replayed.values()] == [
        (store, 10, 40) for store in made
    ]
    assert [place.offset for place in places] == [40, 40]
    assert partition.committed == 40


@pytest.mark.parametrize("lacks", [0, None])
def test_a_store_that_lacks_nothing_replays_nothing(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, lacks: int | None
) -> None:
    monkeypatch.setattr(Replaying, "resume", lambda *_: None if lacks is None else 40 - lacks)
    worker.bindings.append(Binding("own", "in", None, Replaying))
    _, [place] = worker.assign(0)
    assert "replay" not in worker.steps
    assert place.offset == 40


def test_without_a_commit_nothing_was_told_so_nothing_is_replayed(worker: Worker) -> None:
    worker.committed_at = ck.OFFSET_INVALID
    worker.bindings.append(Binding("own", "in", None, Replaying))
    [partition], _ = worker.assign(0)
    assert "replay" not in worker.steps
    assert partition.committed is None


def test_a_store_is_closed_when_its_partition_goes(worker: Worker, store: Any) -> None:
    worker.bindings.append(Binding("own", "in", None, lambda: store))
    worker.assign(0)
    worker.assignment.drop([("in", 0)], keep=True)
    assert store.steps[-1] == ("close",)


def test_suspects_come_with_the_commit(worker: Worker) -> None:
    worker.metadata = OffsetMetadata(FailingOffsets(41, 45, 1)).text()
    [partition], _ = worker.assign(0)
    assert partition.suspect == FailingOffsets(41, 45, 1)


def test_each_agent_has_a_state_of_its_own_in_each_partition_of_its_topic(worker: Worker, state: Any) -> None:
    worker.bindings.append(Binding("same topic", "in", "other changelog", type(state)))
    worker.bindings.append(Binding("elsewhere", "there", "third changelog", type(state)))
    (first, second), _ = worker.assign(0, 1)
    assert set(first.states) == {"counting", "same topic"}
    assert len({id(state) for partition in (first, second) for state in partition.states.values()}) == 4


def test_an_agent_that_was_added_later_gets_its_state(worker: Worker, state: Any) -> None:
    worker.assign(0)
    worker.bindings.append(Binding("late", "in", "late changelog", type(state)))
    [partition], _ = worker.assign(0)
    assert "late" in partition.states


def test_a_clean_state_is_kept_over_a_rebalance_and_reads_only_news(worker: Worker) -> None:
    [before], _ = worker.assign(0)
    worker.assignment.written({("changelog", 0): 77})
    before.committed = 60
    worker.assignment.drop([("in", 0)], keep=True)
    [after], _ = worker.assign(0)
    assert after.states["counting"] is before.states["counting"]
    restoration = worker.restored["changelog", 0]
    assert (restoration.next_offset, restoration.included) == (77, 60)


def test_a_state_is_not_kept_with_work_that_is_not_committed(worker: Worker, messages: Any) -> None:
    [before], _ = worker.assign(0)
    [chunk] = before.hand_out(messages(40, 45), 100)
    before.acknowledge(chunk)
    worker.assignment.drop([("in", 0)], keep=True)
    [after], _ = worker.assign(0)
    assert after.states["counting"] is not before.states["counting"]
    assert worker.restored["changelog", 0].next_offset == 0


def test_a_lost_state_is_not_kept(worker: Worker) -> None:
    [before], _ = worker.assign(0)
    worker.assignment.drop([("in", 0)], keep=False)
    [after], _ = worker.assign(0)
    assert after.states["counting"] is not before.states["counting"]


def test_a_state_that_went_to_another_worker_is_forgotten(worker: Worker) -> None:
    (before, _), _ = worker.assign(0, 1)
    worker.assignment.drop([("in", 0), ("in", 1)], keep=True)
    worker.assign(1)
    (after, _), _ = worker.assign(0, 1)
    assert after.states["counting"] is not before.states["counting"]


def test_ending_stops_the_partitions_in_hand(worker: Worker) -> None:
    (first, second), _ = worker.assign(0, 1)
    assert worker.assignment.end([("in", 0), ("in", 9)]) == [first]
    assert (first.is_live, second.is_live) == (False, True)
    worker.assignment.drop([("in", 0)], keep=False)
    assert list(worker.assignment) == [second]
    assert len(worker.assignment) == 1
    assert worker.assignment.get(("in", 0)) is None


def test_no_partitions_need_no_answers(worker: Worker) -> None:
    assert worker.assignment.prepare([], worker, worker, lambda _: True) == []
    assert worker.steps == []


LOSS = OffsetMetadata(states={"counting": "3"}).text()


def restoring(monkeypatch: pytest.MonkeyPatch, worker: Worker, entries: int, removals: int = 0) -> None:
    """Have the changelog hold so many entries."""

    def restore(_: Any, work: Mapping[tuple[str, int], Restoration], __: Any) -> None:
        for restoration in work.values():
            restoration.state.entries.update({b"%d" % number: b"v" for number in range(entries)})
            restoration.removals = removals

    monkeypatch.setattr(module, "restore", restore)
    worker.metadata = LOSS


@pytest.mark.parametrize("entries", [0, 2])
def test_a_changelog_that_has_lost_entries_is_not_gone_on_from(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, entries: int
) -> None:
    """Else a changelog deleted by mistake, or made anew, would silently be taken for state."""
    restoring(monkeypatch, worker, entries)
    with pytest.raises(RestoreFailed, match=f"changelog partition 0 holds {entries} of the 3 entries"):
        worker.assign(0)


@pytest.mark.parametrize(("entries", "removals"), [(3, 0), (4, 0), (2, 1)])
def test_a_changelog_may_hold_more_than_was_noted_or_less_what_was_taken_away(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, entries: int, removals: int
) -> None:
    restoring(monkeypatch, worker, entries, removals)
    [partition], _ = worker.assign(0)
    assert len(partition.states["counting"]) == entries


def test_a_restore_that_was_given_up_is_no_loss(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    restoring(monkeypatch, worker, 0)
    places = [ck.TopicPartition("in", 0)]
    assert worker.assignment.prepare(places, worker, worker, lambda _: False)


def test_a_commit_notes_how_many_entries_its_changelog_holds(worker: Worker) -> None:
    [partition], _ = worker.assign(0)
    partition.states["counting"].entries.update(a=b"1", b=b"2")
    assert OffsetMetadata.read(partition.metadata).states == {"counting": "2"}


def test_the_log_of_an_offset_is_noted_with_it_and_comes_with_each_chunk(
    worker: Worker, messages: Any
) -> None:
    [partition], _ = worker.assign(0)
    [chunk] = partition.hand_out(messages(40, 45), 100)
    assert (chunk.log, OffsetMetadata.read(partition.metadata).log) == (77, 77)


def test_in_another_log_a_partition_starts_at_its_beginning_and_keeps_its_state(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    restoring(monkeypatch, worker, 3)
    worker.metadata = OffsetMetadata(FailingOffsets(41, 45, 1), {"counting": "3"}, log=66, starts=4).text()
    [partition], [place] = worker.assign(0)
    assert (place.offset, partition.committed, partition.suspect) == (0, None, None)
    assert len(partition.states["counting"]) == 3
    assert worker.noted == [(0, OffsetMetadata(None, {"counting": "3"}, log=77, starts=1))]


def test_an_epoch_tells_logs_of_one_id_apart(worker: Worker) -> None:
    worker.metadata = OffsetMetadata(epoch=5).text()
    [partition], _ = worker.assign(0)
    assert partition.log == 77 ^ 5


@pytest.mark.parametrize("log", [0, 77])
def test_an_offset_that_its_log_does_not_reach_refuses_the_start_with_the_cure(
    worker: Worker, log: int
) -> None:
    worker.log, worker.high, worker.metadata = log, 39, OffsetMetadata(log=log).text()
    with pytest.raises(OffsetBeyondEnd, match="profiles rebase"):
        worker.assign(0)


def test_what_was_deleted_before_it_was_read_is_a_gap(worker: Worker) -> None:
    worker.low = 60
    [partition], [place] = worker.assign(0)
    assert partition.gap is not None
    assert (partition.gap.first, partition.gap.last, place.offset) == (40, 59, 60)
    assert partition.gap.loss is Loss.DELETED


def test_a_start_is_counted_before_its_work_begins(worker: Worker) -> None:
    """What kills a worker leaves no time for a note."""
    worker.assign(0)
    [(offset, note)] = worker.noted
    assert (offset, note.starts) == (40, 1)
    worker.metadata = note.text()
    [partition], _ = worker.assign(0)
    assert partition.starts == 2
    assert not partition.is_on_trial
    worker.metadata = worker.noted[-1][1].text()
    [partition], _ = worker.assign(0)
    assert partition.is_on_trial
    assert worker.told_starts == [{("in", 0): starts} for starts in (1, 2, 3)], "for who watches restarts"


def test_a_start_without_work_is_not_counted(worker: Worker) -> None:
    worker.high, worker.metadata = 40, OffsetMetadata(starts=7).text()
    [partition], _ = worker.assign(0)
    assert worker.noted == []
    assert not partition.is_on_trial


def test_records_that_killed_two_trials_are_a_gap(worker: Worker) -> None:
    worker.metadata = OffsetMetadata(FailingOffsets(40, 44, 2, is_on_trial=True), starts=4).text()
    [partition], [place] = worker.assign(0)
    assert partition.gap is not None
    assert (partition.gap.first, partition.gap.last, place.offset) == (40, 44, 45)
    assert partition.is_on_trial, "its dead letter comes before anything else is read"


def test_partitions_without_a_changelog_of_their_own_wait_and_the_others_are_read(worker: Worker) -> None:
    worker.partitions = 2
    prepared, places = worker.assign(0, 1, 2, 3)
    assert [place.partition for place in places] == [0, 1] == [each.number for each in prepared]
