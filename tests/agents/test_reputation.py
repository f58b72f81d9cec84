"""The reputation agent: outcomes in, the reputations that changed out, each offset folded once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import reputation
from agents.reputation import ReputationState
from models.reputations.ledger import UnknownReputationError
from schemas.errors import ErrorType
from schemas.outcome import OutcomeEvent, Outcomes
from schemas.reputation import Reputation, decode_reputation

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from agents.runtime.testing import FakeApp, FakeRecord
    from agents.telemetry import Telemetry
    from agents.topics import Topics

    MakeRecord = Callable[..., FakeRecord]

START = 1_800_000_000.0


def outcomes(name: str = "FR", kind: str = "country", frauds: int = 1, day: float = 0.0) -> Outcomes:
    time = START + day * 86_400.0
    return Outcomes(kind=kind, id=name, events=(OutcomeEvent(time, time, 1, frauds, 0, 0),))


@pytest.fixture
def taken(app: FakeApp, topics: Topics, telemetry: Telemetry) -> Callable[..., FakeApp]:
    """Lets the agent take records in one chunk, and gives the app that keeps what it put."""
    reputation.bind(cast("Any", app), topics, telemetry, wall=lambda: START + 90 * 86_400.0)

    def take(*records: FakeRecord, **options: Any) -> FakeApp:
        app.outbox.records.clear()
        asyncio.run(app.run("reputation", *records, **options))
        return app

    return take


def published(app: FakeApp) -> list[Reputation]:
    return [decode_reputation(put.value or b"") for put in app.outbox.on("reputations")]


def test_it_reads_outcomes_and_keeps_its_state_in_its_changelog(taken: Callable[..., FakeApp]) -> None:
    app = taken()
    assert app.sources == {"reputation": "outcomes"}
    assert app.changelogs == {"reputation": "reputation-changelog"}


def test_what_changed_is_published_once_a_chunk_under_its_key(
    taken: Callable[..., FakeApp], record: MakeRecord, registry: CollectorRegistry
) -> None:
    sent = [outcomes("FR"), outcomes("DE", frauds=0), outcomes("FR", frauds=0)]
    app = taken(*(record(at, value=each.to_json()) for at, each in enumerate(sent)))
    assert [put.key for put in app.outbox.on("reputations")] == [b"country:FR", b"country:DE"]
    france, germany = published(app)
    assert (france.matured[0], france.matured_frauds[0]) == (2.0, 1.0)
    assert (germany.matured[0], germany.matured_frauds[0]) == (1.0, 0.0)
    assert registry.get_sample_value("fraudstream_reputations_published_total") == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"events": [[START + 92 * 86_400.0, START, 1, 0, 0, 0]]},
        {"events": [[START, START, 10**400, 0, 0, 0]]},
        {"events": [[START, START, 2, 0, 0, 0]]},
        {"events": [[START, START, 1, -2, 0, 0]]},
    ],
)
def test_an_outcome_that_no_transaction_can_give_is_a_dead_letter(
    taken: Callable[..., FakeApp], record: MakeRecord, changes: dict[str, Any]
) -> None:
    """Sums of a time years ahead would take all that comes after for late."""
    message = json.dumps(json.loads(outcomes().to_json()) | changes).encode()
    app = taken(record(0, value=message), record(1, value=outcomes().to_json()))
    assert [put.topic for put in app.outbox.records] == ["dead-letters", "reputations"]


def test_an_offset_is_folded_once(taken: Callable[..., FakeApp], record: MakeRecord) -> None:
    taken(record(7, value=outcomes().to_json()))
    [again] = published(taken(record(7, value=outcomes().to_json())))
    [older] = published(taken(record(3, value=outcomes().to_json())))
    [next_one] = published(taken(record(8, value=outcomes().to_json())))
    assert [each.matured[0] for each in (again, older, next_one)] == [1.0, 1.0, 2.0]


def test_junk_is_a_dead_letter_and_what_stands_beside_it_is_folded(
    taken: Callable[..., FakeApp], record: MakeRecord
) -> None:
    junk = [b"?", None, b'{"kind": "country", "id": "FR", "events": [[1.0, 1.0, 1]]}']
    app = taken(*(record(at, value=value) for at, value in enumerate([*junk, outcomes().to_json()])))
    assert [put.value for put in app.outbox.on("dead-letters")] == junk
    assert {put.header("__connect.errors.connector.name") for put in app.outbox.on("dead-letters")} == {
        b"reputation"
    }
    assert len(published(app)) == 1


def test_a_chunk_of_junk_publishes_nothing(taken: Callable[..., FakeApp], record: MakeRecord) -> None:
    assert published(taken(record(0, value=b"?"))) == []


def test_poison_is_set_apart_untried(taken: Callable[..., FakeApp], record: MakeRecord) -> None:
    [letter] = taken(record(0, value=outcomes().to_json()), is_poison=True).outbox.records
    assert letter.header("fraudstream-error-type") == ErrorType.INTERNAL_ERROR.encode()


@given(
    st.lists(st.tuples(st.sampled_from(["FR", "DE"]), st.integers(-1, 1), st.floats(0, 90)), max_size=20),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_a_state_from_the_changelog_goes_on_where_the_other_stood_whatever_is_read_again(
    history: list[tuple[str, int, float]], commit: int, again: int
) -> None:
    sent = list(enumerate(outcomes(name, frauds=frauds, day=day) for name, frauds, day in history))
    whole, first, second = ReputationState(), ReputationState(), ReputationState()
    for offset, each in sent:
        whole.fold(each, offset)
    for offset, each in sent[:commit]:
        first.fold(each, offset)
    for key, payload in first.changes():
        second.restore(key, payload)
    assert second.changes() == [], "what came from the changelog is no news for it"
    for offset, each in sent[min(commit, again) :]:
        second.fold(each, offset)
    for name in {name for name, _, _ in history}:
        key = f"country:{name}"
        assert second.ledger.pack(key) == whole.ledger.pack(key)
    assert len(second) == len(whole)


def test_the_same_offsets_of_another_log_are_other_outcomes(
    taken: Callable[..., FakeApp], record: MakeRecord
) -> None:
    sent = [record(at, value=outcomes().to_json()) for at in range(3)]
    taken(*sent, log=5)
    [again] = published(taken(*sent, log=5))
    [new] = published(taken(*sent[:2], log=6))
    [new_again] = published(taken(*sent, log=6))
    assert [each.matured[0] for each in (again, new, new_again)] == [3.0, 5.0, 6.0]


def test_a_reputation_of_before_logs_were_kept_is_that_of_no_log() -> None:
    state, restored = ReputationState(), ReputationState()
    state.fold(outcomes(), 4)
    [(key, payload)] = state.changes()
    restored.restore(key, (payload or b"")[8:])
    restored.fold(outcomes(), 4)
    assert restored.ledger.pack("country:FR") == state.ledger.pack("country:FR")
    restored.fold(outcomes(), 4, log=9)
    assert restored.ledger.reputation("country:FR").matured[0] == 2.0


def test_changes_are_told_once_and_only_of_what_changed() -> None:
    state = ReputationState()
    assert state.changes() == []
    state.fold(outcomes("FR"), 4)
    state.fold(outcomes("DE"), 5)
    assert [key for key, _ in state.changes()] == [b"country:FR", b"country:DE"]
    state.fold(outcomes("DE"), 5)
    assert state.changes() == [], "a repeat changes nothing"


def test_a_tombstone_and_a_foreign_record_are_not_taken_for_sums() -> None:
    state = ReputationState()
    state.restore(b"country:FR", None)
    assert len(state) == 0
    with pytest.raises(UnknownReputationError):
        state.restore(b"country:FR", bytes(8) + b"short")
