"""An erasure makes each agent forget its subject as of that place in its log, and goes on to the next."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest
from rocksdict import Options, Rdict

from agents import intake, reputation, scoring
from agents.erasures import Erasures
from agents.labelling.agent import LABELS, SCORES
from agents.runtime.testing import FakeApp, FakeRecord
from agents.scoring import TransactionValidator
from fraudstream.admin.replay import replay
from models.reputations.store import ReputationStore
from models.scoring.pipeline import ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from schemas.dead_letter import ERROR_TYPE_HEADER
from schemas.erasure import HEADER, Entry, decode_erasure, decode_examples_erasure, subject_digest
from schemas.outcome import OutcomeEvent, Outcomes
from tests.agents.conftest import card
from tests.agents.erasure_records import KEY, erasing, erasure
from tests.agents.labelling_worker import PARTITION, START, Committed, Worker, label, log, score

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.telemetry import Telemetry
    from agents.topics import Topics
    from models.scoring.state import SubjectState

DAY = 86_400.0


# -- scoring


def scored(
    app: FakeApp, topics: Topics, telemetry: Telemetry, key: bytes | None, *chunks: Sequence[FakeRecord]
) -> SubjectState:
    """The state of a partition after these chunks."""
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))

    async def prepared() -> None:
        pass

    scoring.bind(
        cast("Any", app),
        topics,
        core,
        telemetry,
        admission=TransactionValidator(),
        clock=lambda: START,
        prepared=prepared,
        key=key,
    )
    for chunk in chunks:
        asyncio.run(app.run(scoring.NAME, *chunk))
    return cast("SubjectState", app.states[scoring.NAME])


def payment(offset: int, subject: str = "card_a") -> FakeRecord:
    value = orjson.dumps(card(transaction_id=f"t-{offset}", card_id=subject))
    return FakeRecord(subject.encode(), value, offset)


BEFORE = [payment(0), payment(1, "card_b"), payment(2)]
AFTER = [payment(4), payment(5, "card_b")]
ERASING = erasing(offset=3)
CUTS = [
    [[*BEFORE, ERASING, *AFTER]],
    [BEFORE, [ERASING], AFTER],
    [[*BEFORE, ERASING], AFTER],
]


@pytest.mark.parametrize("chunks", CUTS)
def test_a_profile_is_that_of_the_transactions_after_the_erasure_however_the_log_is_cut(
    app: FakeApp, topics: Topics, telemetry: Telemetry, chunks: list[list[FakeRecord]]
) -> None:
    state = scored(app, topics, telemetry, KEY, *chunks)
    fresh = scored(FakeApp(), topics, telemetry, KEY, AFTER)
    others = scored(FakeApp(), topics, telemetry, KEY, [BEFORE[1], AFTER[1]])
    assert state.profiles.pack("card_a") == fresh.profiles.pack("card_a")
    assert state.profiles.pack("card_b") == others.profiles.pack("card_b")
    told = [orjson.loads(put.value or b"").get("transaction_id") for put in app.outbox.on("scores")]
    assert told == ["t-0", "t-1", "t-2", None, "t-4", "t-5"]
    passed_on = app.outbox.on("scores")[3]
    assert passed_on.key == b"card_a"
    assert passed_on.headers == ERASING.headers()
    assert decode_erasure(passed_on.value or b"").subject == "card_a"


def test_a_replay_without_kafka_erases_where_the_worker_did(
    app: FakeApp, topics: Topics, telemetry: Telemetry
) -> None:
    records = [*BEFORE, ERASING, *AFTER]
    scored(app, topics, telemetry, KEY, records)
    told = [orjson.loads(put.value or b"") for put in app.outbox.on("scores") if put.header(HEADER) is None]

    def replayed(key: bytes | None) -> list[tuple[str, float]]:
        core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))
        return [
            (s.transaction.transaction_id, s.score)
            for s in replay(records, core, TransactionValidator(), key=key)
        ]

    assert replayed(KEY) == [(each["transaction_id"], each["score"]) for each in told]
    assert replayed(None) != replayed(KEY)


def test_the_changelog_is_told_that_a_profile_is_gone_once_and_a_restored_state_lacks_it(
    app: FakeApp, topics: Topics, telemetry: Telemetry
) -> None:
    state = scored(app, topics, telemetry, KEY, BEFORE)
    told = state.changes()
    asyncio.run(app.run(scoring.NAME, erasing(offset=3)))
    changes = state.changes()
    assert changes == [(b"p:card_a", None), (b"e:" + b"0" * 32, b"1")]
    assert state.changes() == []
    restored = ScoringCore(
        PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9)
    ).new_state()
    for key, payload in [*told, *changes]:
        restored.restore(key, payload)
    assert "card_a" not in restored.profiles
    assert "card_b" in restored.profiles


def test_an_erasure_sent_again_erases_nothing_of_what_came_since_also_after_a_restart(
    app: FakeApp, topics: Topics, telemetry: Telemetry
) -> None:
    state = scored(app, topics, telemetry, KEY, [*BEFORE, ERASING, *AFTER])
    asyncio.run(app.run(scoring.NAME, erasing(offset=6)))
    assert "card_a" in state.profiles
    assert [put.header(HEADER) is not None for put in app.outbox.on("scores")].count(True) == 1
    restored = ScoringCore(
        PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9)
    ).new_state()
    for key, payload in state.changes():
        restored.restore(key, payload)
    assert not restored.erase(erasure())
    assert restored.erase(erasure(number=1)), "another one of the same card"
    assert "card_a" not in restored.profiles


@pytest.mark.parametrize(
    ("record", "key"),
    [
        (erasing(offset=3, key=b"another key"), KEY),
        (FakeRecord(b"card_a", b"{}", 3, headers=[(HEADER, b"")]), KEY),
        (erasing(offset=3), None),
        (erasing(offset=3, entry=Entry.LABELS), KEY),
        (erasing(offset=3).changed(partition=3), KEY),
    ],
)
def test_an_erasure_that_is_not_signed_for_where_it_stands_is_set_apart_and_erases_nothing(
    app: FakeApp, topics: Topics, telemetry: Telemetry, record: FakeRecord, key: bytes | None
) -> None:
    state = scored(app, topics, telemetry, key, [*BEFORE, record])
    assert "card_a" in state.profiles
    [letter] = app.outbox.on("dead-letters")
    assert letter.header(ERROR_TYPE_HEADER) == b"bad-signature"
    assert len(app.outbox.on("scores")) == len(BEFORE)


# -- reputation


def outcomes(kind: str, name: str) -> FakeRecord:
    message = Outcomes(kind=kind, id=name, events=(OutcomeEvent(START, START, 1, 1, 0, 0),))
    return FakeRecord(message.key.encode(), message.to_json(), 0)


def test_a_reputation_of_the_subject_is_taken_back_from_scorers_and_changelog(
    app: FakeApp, topics: Topics, telemetry: Telemetry
) -> None:
    reputation.bind(cast("Any", app), topics, telemetry, key=KEY, wall=lambda: START)
    state = cast("reputation.ReputationState", app.states[reputation.NAME])
    told = [outcomes("subject", "card_a"), outcomes("counterparty", "card_a"), outcomes("country", "FR")]
    asyncio.run(app.run(reputation.NAME, *told))
    before = state.changes()
    asyncio.run(
        app.run(
            reputation.NAME,
            erasing(offset=3, record_key="subject:card_a"),
            erasing(offset=4, record_key="counterparty:card_a"),
        )
    )
    gone = {b"subject:card_a", b"counterparty:card_a"}
    assert {put.key for put in app.outbox.on("reputations") if put.value is None} == gone
    changes = state.changes()
    assert dict(changes) == dict.fromkeys(gone)
    restored = reputation.ReputationState()
    for key, payload in [*before, *changes]:
        restored.restore(key, payload)
    assert len(restored) == len(state) == 1


def test_an_erasure_under_another_key_erases_no_reputation(
    app: FakeApp, topics: Topics, telemetry: Telemetry
) -> None:
    reputation.bind(cast("Any", app), topics, telemetry, key=KEY, wall=lambda: START)
    asyncio.run(app.run(reputation.NAME, outcomes("country", "FR"), erasing(record_key="country:FR")))
    [letter] = app.outbox.on("dead-letters")
    assert letter.header(ERROR_TYPE_HEADER) == b"key-mismatch"


# -- labelling

SCORED = log(score("t1"), score("t2", 1.0), score("t1", 0.5, "card_b"))
LABELLED = log(label("t1", 2.0), label("t9", 1.0), label("t1", 2.5, subject="card_b"))
LOGS = {SCORES: [*SCORED, erasing(offset=3)], LABELS: [*LABELLED, erasing(offset=3)]}
LATE = START + 40 * DAY


def worker(folder: Path, committed: Committed, replays: list[str] | None = None) -> Worker:
    return Worker(folder, cast("Any", LOGS), committed, replays, key=KEY)


@pytest.mark.parametrize("first", [SCORES, LABELS])
def test_labelling_keeps_nothing_of_an_erased_subject_and_tells_nothing(tmp_path: Path, first: str) -> None:
    committed, second = Committed(), LABELS if first == SCORES else SCORES
    running = worker(tmp_path, committed)
    running.take(first, 10, START + DAY)
    running.take(second, 10, START + DAY)
    running.commit()
    assert len(running.partition.core) == 1, "the other card's"
    running.close()
    kept = b"".join(everything(tmp_path))
    assert b"card_a" not in kept, "not even on the agenda"
    assert b"card_b" in kept

    told = [orjson.loads(value or b"") for topic, _, value in committed.outputs if topic == "examples"]
    assert [each.get("subject_digest") for each in told] == [subject_digest("card_a")]
    passed_on = [(key, value) for topic, key, value in committed.outputs if topic == "outcomes" and value]
    assert [key for key, _ in passed_on] == [b"subject:card_a", b"counterparty:card_a"]
    assert all(decode_erasure(value).subject == "card_a" for _, value in passed_on)

    again = worker(tmp_path, committed)
    again.take(SCORES, 0, LATE)
    assert "card_a" not in str(again.app.outbox.records)
    again.close()


@pytest.mark.parametrize("replays", [[], [LABELS] * 4, [SCORES, LABELS, SCORES, LABELS]])
def test_a_store_that_is_filled_again_forgets_again_and_passes_nothing_on(
    tmp_path: Path, replays: list[str]
) -> None:
    committed = Committed()
    running = worker(tmp_path, committed)
    running.take(SCORES, 10, START + DAY)
    running.take(LABELS, 10, START + DAY)
    running.commit()
    running.close()
    shutil.rmtree(tmp_path)
    again = worker(tmp_path, committed, replays)
    assert again.replayed == 8
    assert len(again.partition.core) == 1
    assert again.app.outbox.records == []
    again.close()


def test_an_erasure_of_labels_leaves_those_of_later_transactions(tmp_path: Path) -> None:
    logs = {SCORES: log(score("t1")), LABELS: [*log(label("t1", 2.0)), erasing(offset=1)]}
    running = Worker(tmp_path, cast("Any", logs), Committed(), key=KEY)
    running.take(SCORES, 1, START)
    running.take(LABELS, 2, START)
    case = running.partition.rows.get("card_a\0t1")
    assert case is not None
    assert len(case.waiting) == 1
    running.close()


@pytest.mark.parametrize("is_restarted", [False, True])
def test_no_file_of_the_store_holds_an_erased_subject(tmp_path: Path, *, is_restarted: bool) -> None:
    """A deleted key stays in the log of changes, in tables, and in the list of the tables."""
    committed = Committed()
    running = worker(tmp_path, committed)
    running.take(SCORES, 3, START)
    running.take(LABELS, 3, START)
    running.commit()
    running.partition.rows._db.flush()
    assert files_with(b"card_a", tmp_path), "a table and the list of tables"
    running.take(SCORES, 1, START)
    running.take(LABELS, 1, START)
    if is_restarted:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("agents.labelling.store._Rewriting.run", lambda _: None)  # killed before it began
            running.commit()
        running.close()
        running = worker(tmp_path, committed)
        running.save(SCORES)
    else:
        running.commit()
    rewriting = running.partition.rows._rewriting
    assert rewriting is not None
    rewriting.join()
    assert running.partition.rows.rewritten() == 0
    assert files_with(b"card_a", tmp_path) == []
    assert files_with(b"card_b", tmp_path), "it is looked for as it stands in files"
    running.save(SCORES)
    assert running.partition.rows.rewritten() is None, "once is enough"
    running.close()


def files_with(token: bytes, folder: Path) -> list[str]:
    """Names of the store's files that hold these bytes."""
    return [file.name for file in (folder / str(PARTITION)).iterdir() if token in file.read_bytes()]


def everything(folder: Path) -> list[bytes]:
    """All that the store holds: keys and values."""
    database = Rdict(str(folder / str(PARTITION)), Options(raw_mode=True))
    found = [part for key, value in database.items() for part in (key, value)]
    database.close()
    return found


def test_what_goes_to_the_examples_names_nobody() -> None:
    value = orjson.loads(labelling_erasure())
    assert "card_a" not in str(value)
    assert datetime.fromisoformat(value["issued_at"]) == datetime(2026, 3, 1, tzinfo=UTC)


def labelling_erasure() -> bytes:
    app = FakeApp()
    erasures = Erasures(KEY)
    erasures.pass_on_to_examples(erasures.open(erasing()), cast("Any", app.outbox), "examples")
    [put] = app.outbox.on("examples")
    assert decode_examples_erasure(put.value or b"").subject_digest == subject_digest("card_a")
    return put.value or b""


# -- intake


def test_an_erasure_of_labels_goes_on_behind_the_labels_before_it(
    app: FakeApp, topics: Topics, telemetry: Telemetry
) -> None:
    intake.bind(cast("Any", app), topics, telemetry, key=KEY, wall=lambda: START)
    records = [*log(label("t1")), erasing(offset=1, entry=Entry.LABELS), *log(label("t2"))]
    asyncio.run(app.run(intake.NAME, *records))
    put = app.outbox.on("labels.keyed")
    assert [each.key for each in put] == [b"card_a"] * 3
    assert [each.header(HEADER) is not None for each in put] == [False, True, False]
