"""The labelling agent: each thing that became known is told once, also over crashes and lost stores."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from agents.labelling.agent import LABELS, SCORES
from models.decay import DAY
from schemas.errors import ErrorType
from schemas.example import Example, Maturity, decode_example
from schemas.label import Outcome
from schemas.outcome import OutcomeEvent, decode_outcomes
from tests.agents.labelling_worker import RULES, START, Committed, Worker, label, log, score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.runtime.testing import FakeApp, FakeRecord

MakeWorker = "Callable[..., Worker]"


def at(day: float) -> float:
    return START + day * DAY


def examples(app: FakeApp) -> list[Example]:
    return [decode_example(put.value or b"") for put in app.outbox.on("examples")]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Makes a worker that reads these records; all are closed in the end."""
    made: list[Worker] = []

    def make(
        scores: list[FakeRecord],
        labels: list[FakeRecord],
        committed: Committed | None = None,
        **options: Any,
    ) -> Worker:
        logs = {SCORES: scores, LABELS: labels}
        made.append(Worker(tmp_path, logs, committed or Committed(), **options))
        return made[-1]

    yield make
    made[-1].close()


def test_it_reads_scores_and_keyed_labels_and_has_no_changelog(worker: Callable[..., Worker]) -> None:
    app = worker([], []).app
    assert app.sources == {SCORES: "scores", LABELS: "labels.keyed"}
    assert app.changelogs == {}


def test_an_early_label_becomes_an_example_in_the_one_log_with_the_time_of_its_record(
    worker: Callable[..., Worker],
) -> None:
    running = worker(log(score(day=0)), log(label(day=1), recorded=at(1.5)))
    running.take(SCORES, 1, at(0))
    running.take(LABELS, 1, at(1))
    [put] = running.app.outbox.on("examples")
    assert (put.key, put.partition) == (None, 0)
    [example] = examples(running.app)
    assert (example.transaction_id, example.outcome, example.maturity) == (
        "t1",
        Outcome.FRAUD,
        Maturity.EARLY,
    )
    assert (example.score, example.scored_by, example.features_version) == (0.25, "prior", 2)
    assert example.label_recorded_at is not None
    assert example.label_recorded_at.timestamp() == at(1.5)
    told = {"outcome": "fraud", "maturity": "early"}
    assert running.registry.get_sample_value("fraudstream_examples_made_total", told) == 1


def test_outcomes_go_to_all_that_the_transaction_names_under_their_keys(
    worker: Callable[..., Worker],
) -> None:
    running = worker(log(score(day=0)), log(label(day=1)))
    running.take(SCORES, 1, at(0))
    running.take(LABELS, 1, at(1))
    told = {put.key: decode_outcomes(put.value or b"").events for put in running.app.outbox.on("outcomes")}
    early = (OutcomeEvent(at(0), at(0), 0, 0, 1, 0, early_unexplained=1),)
    assert told == {b"counterparty:till-1": early, b"country:FR": early, b"subject:card_a": early}


@pytest.mark.parametrize("source", [SCORES, LABELS])
def test_junk_is_a_dead_letter_and_what_stands_beside_it_is_taken(
    worker: Callable[..., Worker], source: str
) -> None:
    good = {SCORES: score(day=0), LABELS: label(day=1)}
    junk = [b"?", b"{}", None]
    logs = {each: log(good[each]) for each in good}
    logs[source] = log(*junk, good[source])  # type: ignore[arg-type]
    running = worker(logs[SCORES], logs[LABELS])
    running.take(SCORES, 9, at(0))
    running.take(LABELS, 9, at(1))
    letters = running.app.outbox.on("dead-letters")
    assert [put.value for put in letters] == junk
    assert {put.header("__connect.errors.connector.name") for put in letters} == {source.encode()}
    assert [put.header("fraudstream-error-type") for put in letters] == [
        b"not-json",
        b"missing-field",
        b"no-value",
    ]
    assert len(examples(running.app)) == 1


def test_poison_is_set_apart_untried(worker: Callable[..., Worker]) -> None:
    running = worker(log(score(day=0)), [])
    running.take(SCORES, 1, at(9), is_poison=True)
    [letter] = running.app.outbox.records
    assert letter.header("fraudstream-error-type") == ErrorType.INTERNAL_ERROR.encode()
    assert running.partitions.cases() == 0


def test_what_is_due_is_told_whole_however_much_it_is(worker: Callable[..., Worker]) -> None:
    many = 1_300
    running = worker(log(*(score(f"t{number}") for number in range(many))), log(label("t0", day=9)))
    running.take(SCORES, many, at(0))
    running.take(LABELS, 1, at(RULES.horizon / DAY))
    [country] = [put for put in running.app.outbox.on("outcomes") if put.key == b"country:FR"][-1:]
    matured = [
        event
        for put in running.app.outbox.on("outcomes")
        if put.key == country.key
        for event in decode_outcomes(put.value or b"").events
    ]
    assert len(matured) == many


def test_stores_are_counted_and_measured_while_a_source_holds_them(worker: Callable[..., Worker]) -> None:
    running = worker(log(score("t1"), score("t2")), [])
    running.take(SCORES, 2, at(0))
    assert running.partitions.cases() == 2
    assert running.partitions.disk_bytes() > 0
    assert len(running.state(LABELS)) == 2, "both sources share the partition"
    running.state(SCORES).close()
    assert running.partitions.cases() == 2
    running.state(LABELS).close()
    assert running.partitions.cases() == 0
    running.state(SCORES).resume(2, None, None, 0)
    running.state(LABELS).resume(2, None, None, 0)


def test_a_store_that_is_at_the_committed_offsets_is_not_filled_again(worker: Callable[..., Worker]) -> None:
    scores, labels = log(score("t1"), score("t2")), log(label("t1", day=2))
    first = worker(scores, labels)
    first.take(SCORES, 2, at(0))
    first.take(LABELS, 1, at(0))
    first.commit()
    first.close()
    assert worker(scores, labels, first.committed).replayed == 0


def test_a_label_that_comes_late_just_after_a_restart_is_told(worker: Callable[..., Worker]) -> None:
    """What was told before the commit is passed over, and nothing else is."""
    scores, labels = log(score("t1", day=0)), log(label("t1", day=1))
    first = worker(scores, labels)
    first.take(SCORES, 1, at(2))
    first.commit()
    first.close()
    second = worker(scores, labels, first.committed)
    second.take(LABELS, 1, at(2))
    assert [(each.outcome, each.maturity) for each in examples(second.app)] == [
        (Outcome.FRAUD, Maturity.EARLY)
    ]


def test_a_long_replay_is_saved_on_its_way(tmp_path: Path) -> None:
    many = 1_100
    scores = log(*(score(f"t{number}") for number in range(many)))
    first = Worker(tmp_path / "lost", {SCORES: scores, LABELS: []}, Committed())
    first.take(SCORES, many, at(0))
    first.commit()
    first.close()
    again = Worker(tmp_path / "new", {SCORES: scores, LABELS: []}, first.committed)
    assert again.replayed == many
    again.close()
    once_more = Worker(tmp_path / "new", {SCORES: scores, LABELS: []}, first.committed)
    assert once_more.replayed == many - 1_000
    assert once_more.partitions.cases() == many
    once_more.close()


# -- what is refused, now or later


def letters(app: FakeApp) -> list[tuple[bytes | None, ...]]:
    """Topic, offset and kind of fault of each dead letter."""
    names = ("__connect.errors.topic", "__connect.errors.offset", "fraudstream-error-type")
    return [tuple(put.header(name) for name in names) for put in app.outbox.on("dead-letters")]


def test_a_score_with_features_of_another_length_is_a_dead_letter(worker: Callable[..., Worker]) -> None:
    running = worker(log(score("t1", features=[1.0] * 3), score("t2")), [])
    running.take(SCORES, 2, at(0))
    [letter] = running.app.outbox.on("dead-letters")
    assert letter.header("fraudstream-error-type") == b"invalid-value"
    assert running.partitions.cases() == 1


def test_a_stored_row_that_cannot_mature_is_a_dead_letter_by_its_position_and_nobody_in_hand_is_blamed(
    worker: Callable[..., Worker],
) -> None:
    scores = log(score("t1"), score("t2"), score("t3", day=8))
    first = worker(scores, [])
    first.take(SCORES, 2, at(0))
    cases = first.partition.rows.get("card_a\0t1")
    assert cases is not None
    cases.cases[0].row = replace(cases.cases[0].row, score=nan)
    first.partition.rows.put("card_a\0t1", cases)
    first.commit()
    first.close()
    second = worker(scores, [], first.committed)
    second.take(SCORES, 1, at(8))
    assert letters(second.app) == [(b"scores", b"0", b"internal-error")]
    [letter] = second.app.outbox.on("dead-letters")
    assert (letter.key, letter.value, letter.header("fraudstream-omitted")) == (None, None, b"true")
    assert second.partitions.cases() == 2
    told = {
        event
        for put in second.app.outbox.on("outcomes")
        for event in decode_outcomes(put.value or b"").events
    }
    assert told == {OutcomeEvent(at(3), at(0), 1, 0, 0, 0)}, "the other one matured"


def test_a_label_of_a_reused_id_is_a_dead_letter_unless_it_names_the_event_time(
    worker: Callable[..., Worker],
) -> None:
    running = worker(log(score("t1", day=0), score("t1", day=1)), log(label(day=2), label(day=2, happened=1)))
    running.take(SCORES, 2, at(1))
    running.take(LABELS, 2, at(2))
    [letter] = running.app.outbox.on("dead-letters")
    assert letter.value == label(day=2), "whole, to be sent again with the event time"
    assert letter.header("fraudstream-error-type") == b"ambiguous-label"
    assert b"event_time" in (letter.header("__connect.errors.exception.message") or b"")
    assert [each.event_time.timestamp() for each in examples(running.app)] == [at(1)]


def test_a_label_that_came_before_its_transactions_is_set_apart_by_its_position(
    worker: Callable[..., Worker],
) -> None:
    running = worker(log(score("t1", day=0), score("t1", day=1)), log(label("t9"), label(day=2)))
    running.take(LABELS, 2, at(0))
    running.take(SCORES, 2, at(2))
    assert letters(running.app) == [(b"labels.keyed", b"1", b"ambiguous-label")]
    assert examples(running.app) == []


def test_what_is_dated_ahead_of_the_workers_clock_is_a_dead_letter(worker: Callable[..., Worker]) -> None:
    wall = 10.0
    ahead = log(label("t3"), recorded=at(wall + 2))[0]
    running = worker(
        log(score("t1", day=wall + 2), score("t2", day=wall + 0.5)),
        [*log(label("t1", day=wall + 365), label("t2", day=wall + 0.5)), ahead.changed(offset=2)],
    )
    running.wall = at(wall)
    running.take(SCORES, 2, at(0))
    running.take(LABELS, 3, at(0))
    refused = [put.header("fraudstream-error-type") for put in running.app.outbox.on("dead-letters")]
    assert refused == [b"future-time"] * 3
    assert running.partitions.cases() == 1


def test_a_clock_that_a_commit_noted_ahead_of_the_workers_own_matures_nothing(
    worker: Callable[..., Worker],
) -> None:
    """Else a score of 2099 that an earlier release took would silence labelling until then."""
    scores = log(score("t1", day=0), score("t2", day=4))
    first = worker(scores, [])
    first.take(SCORES, 1, at(0))
    first.partition.core.clock = at(30_000)
    first.commit()
    first.close()
    second = worker(scores, [], first.committed, wall=at(1))
    second.take(SCORES, 1, at(4))
    assert {put.key for put in second.app.outbox.on("outcomes")} == {b"counterparty:till-1", b"country:FR"}


# -- another log of a source


def test_in_a_topic_that_was_made_again_offsets_begin_again_and_what_is_kept_stays(
    worker: Callable[..., Worker],
) -> None:
    first = worker(log(score("t1"), score("t2")), log(label("t9")), topic_ids={SCORES: 5, LABELS: 6})
    first.take(SCORES, 2, at(0))
    first.take(LABELS, 1, at(0))
    first.commit()
    first.close()
    committed = Committed(offsets={LABELS: 1}, notes=first.committed.notes)
    again = worker([], log(label("t9")), committed, topic_ids={SCORES: 7, LABELS: 6})
    assert (again.started[SCORES], again.started[LABELS]) == (0, 1)
    assert again.partitions.cases() == 3


@pytest.mark.parametrize(("before", "after"), [(0, 5), (5, 0), (5, 5)])
def test_a_broker_that_gives_no_identity_changes_no_offset(
    worker: Callable[..., Worker], before: int, after: int
) -> None:
    scores = log(score("t1"), score("t2"))
    first = worker(scores, [], topic_ids={SCORES: before, LABELS: 0})
    first.take(SCORES, 2, at(0))
    first.commit()
    first.close()
    again = worker(scores, [], first.committed, topic_ids={SCORES: after, LABELS: 0})
    assert again.started[SCORES] == 2


# A history: what each record says, how many records the worker takes at once, and to where the clock moves.
records = st.one_of(
    st.tuples(st.just(SCORES), st.integers(0, 5), st.floats(0, 9), st.none()),
    st.tuples(st.just(LABELS), st.integers(0, 5), st.floats(0, 12), st.sampled_from(Outcome)),
)
steps = st.tuples(
    st.lists(records, min_size=1, max_size=5),
    st.sampled_from([0.0, 0.1, 1.0, 3.0]),
    st.sampled_from(["", "", "commit", "commit", "crash", "commit, not saved"]),
)


def split(history: list[Any]) -> tuple[dict[str, list[FakeRecord]], list[tuple[str, int, float, str]]]:
    """Both logs, and what the worker does: (source, records to take, clock, what happens then)."""
    values: dict[str, list[bytes]] = {SCORES: [], LABELS: []}
    seen: set[int] = set()
    acts, day = [], 0.0
    for wanted, moved, then in history:
        day += moved
        for source in (SCORES, LABELS):
            took = 0
            for number, time in ((number, time) for where, number, time, _ in wanted if where == source):
                if source == SCORES and number in seen:
                    continue  # a transaction is scored once
                seen.add(number) if source == SCORES else None
                took += 1
                outcome = next(o for w, n, t, o in wanted if (w, n, t) == (source, number, time))
                made = score(f"t{number}", time) if source == SCORES else label(f"t{number}", time, outcome)
                values[source].append(made)
            if took:
                acts.append((source, took, at(day), ""))
        if acts:
            acts[-1] = (*acts[-1][:3], then)
    return {source: log(*each) for source, each in values.items()}, acts


def told(committed: Committed) -> tuple[list[bytes | None], dict[bytes | None, list[OutcomeEvent]]]:
    """Examples in their order, and the outcomes of each key in theirs, however cut into messages."""
    outcomes: dict[bytes | None, list[OutcomeEvent]] = {}
    for topic, key, value in committed.outputs:
        if topic == "outcomes":
            outcomes.setdefault(key, []).extend(decode_outcomes(value or b"").events)
    return [value for topic, _, value in committed.outputs if topic == "examples"], outcomes


def run(
    folder: Path,
    logs: dict[str, list[FakeRecord]],
    acts: list[tuple[str, int, float, str]],
    *,
    replays: list[str] | None = None,
    lost: bool = False,
) -> Committed:
    """Act, and go back to the last commit where a crash comes, once at each; without `replays` none comes."""
    worker, committed_at, place = Worker(folder, logs, Committed()), 0, 0
    crashes = {number for number, act in enumerate(acts) if act[3] in {"crash", "commit, not saved"}}
    while place < len(acts):
        source, count, clock, then = acts[place]
        worker.take(source, count, clock)
        place += 1
        if then == "commit" or (then and replays is None):
            worker.commit()
            committed_at = place
        elif place - 1 in crashes:
            crashes.discard(place - 1)
            if then == "commit, not saved":
                worker.save = lambda *_: None  # type: ignore[method-assign]
                worker.commit()
                committed_at = place
            worker.close()
            if lost:
                shutil.rmtree(folder)
            worker, place = Worker(folder, logs, worker.committed, replays), committed_at
    worker.take(SCORES, 0, at(29))
    worker.commit_all()
    worker.close()
    return worker.committed


@given(
    history=st.lists(steps, min_size=3, max_size=10),
    replays=st.lists(st.sampled_from([SCORES, LABELS]), max_size=20),
    lost=st.booleans(),
)
@settings(max_examples=15, deadline=None, phases=[Phase.generate])  # shrinking would take minutes
def test_crashes_and_lost_stores_change_nothing_of_what_is_told(
    history: list[Any], replays: list[str], *, lost: bool
) -> None:
    """Whatever came late, wherever the commits were, and in whichever order the sources are read again."""
    logs, acts = split(history)
    with tempfile.TemporaryDirectory() as folder:
        whole = run(Path(folder) / "whole", logs, acts)
        broken = run(Path(folder) / "broken", logs, acts, replays=replays, lost=lost)
    assert told(broken) == told(whole)
