"""`fraudstream subject show` without Kafka: which records name a token, and what all of them come to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime.state import seal
from agents.runtime.testing import FakeRecord
from agents.topics import Topics
from fraudstream.admin.data_subject.inventory import (
    Inventory,
    InventoryFold,
    Labelling,
    document,
    lines,
    searched,
)
from fraudstream.admin.data_subject.matching import Mentions, TokenRole
from fraudstream.admin.data_subject.profile import UNITS, describe
from models.batch import EventBatch
from models.decay import DAY
from models.profiles.layout import ROW, empty_row
from models.profiles.store import ProfileStore
from models.signing import on_examples
from schemas.erasure import HEADER
from schemas.transaction import CardTransaction
from tests.agents.erasure_records import erasure
from tests.agents.labelling_worker import START, score
from tests.models.model_cases import example

TOPICS = Topics()
CARD = "card_a"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ERASURE = erasure(CARD)


def read(
    topic: str,
    key: bytes | None,
    value: bytes | None,
    offset: int = 0,
    partition: int = 0,
    *,
    is_erasure: bool = False,
) -> FakeRecord:
    """A record as the reader gives it."""
    headers = [(HEADER, b"signed")] if is_erasure else []
    timestamp = (1, int(NOW.timestamp() * 1_000) + offset)
    return FakeRecord(key, value, offset, timestamp, topic=topic, partition=partition, headers=headers)


def stock(*records: FakeRecord, labelling: dict[int, Labelling] | None = None) -> Inventory:
    taking = InventoryFold(CARD, TOPICS, 45, labelling or {})
    for record in records:
        taking.take(record)
    return taking.finish()


def packed(token: str = CARD, count: int = 2) -> bytes:
    store = ProfileStore()
    for number in range(count):
        payment = CardTransaction(
            transaction_id=f"t{number}",
            event_time=datetime(2026, 1, 1, number, tzinfo=UTC),
            card_id=token,
            merchant_id="shop",
            amount=f"{number + 1}.50",
            currency="EUR",
            country="MA",
        )
        store.fold(EventBatch.of([payment], [number]))
    return store.pack(token)


# -- which records name a token


@pytest.mark.parametrize(
    ("key", "value", "role"),
    [
        (b"card_a", b"{}", TokenRole.SUBJECT),
        (b"p:card_a", None, TokenRole.SUBJECT),
        (b"subject:card_a", None, TokenRole.SUBJECT),
        (b"counterparty:card_a", None, TokenRole.COUNTERPARTY),
        (None, b'{"subject":"card_a"}', TokenRole.SUBJECT),
        (b"x", b'{"transaction":{"debtor_account":"card_a"}}', TokenRole.SUBJECT),
        (b"x", b'{"creditor_account":"card_a","debtor_account":"x"}', TokenRole.COUNTERPARTY),
        (b"x", b'{"kind":"counterparty","id":"card_a"}', TokenRole.COUNTERPARTY),
        (b"x", b'{"kind":"subject","id":"card_a"}', TokenRole.SUBJECT),
        (b"x", b'{"merchant_id":"card_a"}', TokenRole.MENTIONED),
        (b"x", b'{"note":["card_a"]}', TokenRole.MENTIONED),
        (b"x", b'{"card_id": "card_a"', TokenRole.MENTIONED),
        (b"x", b"card_a;12.50", TokenRole.MENTIONED),
        (b"card_ab", b'{"subject":"card_ab"}', None),
        (b"x", b"card_ab;12.50", None),
        (b"p:card_ab", None, None),
        (None, None, None),
    ],
)
def test_a_record_names_a_token_whole_or_not_at_all(
    key: bytes | None, value: bytes | None, role: TokenRole | None
) -> None:
    assert Mentions(CARD).role(key, value) is role


@given(token=st.from_regex(r"[!-~]{1,40}", fullmatch=True), other=st.text(max_size=10))
def test_any_token_is_found_where_it_is_the_subject(token: str, other: str) -> None:
    value = orjson.dumps({"subject": token, "note": other})
    assert Mentions(token).role(None, value) is TokenRole.SUBJECT
    assert Mentions(token).role(token.encode(), None) is TokenRole.SUBJECT


def test_every_topic_but_models_and_controls_is_searched() -> None:
    assert set(vars(TOPICS).values()) - set(searched(TOPICS)) == {"models", "controls"}


# -- the profile in words


def test_every_field_of_the_packed_row_is_described_and_has_a_unit() -> None:
    told = describe(packed())
    assert set(told) == set(UNITS)
    assert len(told) == len(ROW.names) - 1 - 4, "all but the layout; the recent ones are told together"
    assert len(told["fading_sums"]) == ROW["sums"].shape[0]
    assert told["transactions_folded"] == 2
    assert told["last_country"] == "MA"
    assert told["last_offset"] == 1
    assert told["newest_event_time"] == "2026-01-01T01:00:00+00:00"
    assert [each["amount"] for each in told["recent_transactions"]] == [1.5, 2.5]
    assert len({each["id_hash"] for each in told["recent_transactions"]}) == 2
    assert (told["last_log"], told["accounting_currency"]) == (0, "EUR")
    assert told["fading_sums"]["transactions_30d"] == pytest.approx(2.0, abs=0.01)


def test_a_profile_that_has_seen_nothing_is_described_too() -> None:
    told = describe(empty_row().tobytes())
    assert (told["newest_event_time"], told["last_country"], told["recent_transactions"]) == (None, None, [])


# -- what all records come to


def profile(payload: bytes | None, offset: int, partition: int = 3) -> FakeRecord:
    return read(TOPICS.scoring_changelog, b"p:card_a", seal(7, 9, payload), offset, partition)


def test_the_newest_record_of_a_key_is_the_profile_and_none_after_a_deletion() -> None:
    found = stock(profile(packed(count=1), 0), profile(packed(count=2), 1))
    assert found.profiles[3]["transactions_folded"] == 2
    assert stock(profile(packed(), 0), profile(None, 1)).profiles == {}
    other = read(TOPICS.scoring_changelog, b"p:card_b", seal(7, 9, packed("card_b")), 2)
    assert stock(other).is_empty


def test_holdings_count_records_by_role_with_their_span() -> None:
    paid = read(TOPICS.transactions, b"card_a", b"{}", 1_000)
    named = read(TOPICS.transactions, b"card_b", b'{"creditor_account":"card_a"}', 3_000)
    holding = stock(paid, named).holdings[TOPICS.transactions]
    assert dict(holding.records) == {TokenRole.SUBJECT: 1, TokenRole.COUNTERPARTY: 1}
    assert holding.first is not None
    assert holding.last is not None
    assert (holding.last - holding.first).total_seconds() == 2.0


def scored(name: str, day: float, offset: int) -> FakeRecord:
    return read(TOPICS.scores, b"card_a", score(name, day), offset)


def erasing(topic: str, offset: int) -> FakeRecord:
    value = on_examples(ERASURE) if topic == TOPICS.examples else ERASURE
    return read(topic, b"card_a", value.to_json(), offset, is_erasure=True)


def test_labelling_keeps_what_it_has_read_and_not_forgotten() -> None:
    records = [scored("old", 0, 0), scored("kept", 10, 1), scored("unread", 20, 2)]
    clock = START + 46 * DAY
    assert stock(*records, labelling={0: Labelling(2, clock)}).rows == ["kept"]
    assert stock(*records).rows == [], "no labelling has ever run"


def test_an_erasure_on_scores_ends_what_labelling_keeps() -> None:
    records = [scored("t1", 0, 0), erasing(TOPICS.scores, 1), scored("t2", 0, 2)]
    found = stock(*records, labelling={0: Labelling(9, START)})
    assert found.rows == ["t2"]
    assert found.holdings[TOPICS.scores].erasures == 1


def learnt(number: int, subject: str = CARD) -> FakeRecord:
    return read(TOPICS.examples, None, example(number, subject=subject).to_json(), number)


def test_examples_before_an_erasure_are_left_out_and_later_ones_are_learnt() -> None:
    found = stock(learnt(0), learnt(1, "card_b"), erasing(TOPICS.examples, 2), learnt(3))
    assert [each.transaction_id for each in found.left_out] == ["t-0"]
    assert [each.transaction_id for each in found.examples] == ["t-3"]


def test_another_subjects_erasure_changes_nothing() -> None:
    other = ERASURE.model_copy(update={"subject": "card_b"})
    foreign = read(TOPICS.scores, b"card_b", other.to_json(), 1, is_erasure=True)
    found = stock(scored("t1", 0, 0), foreign, labelling={0: Labelling(9, START)})
    assert found.rows == ["t1"]
    assert found.holdings[TOPICS.scores].erasures == 0


def test_only_records_of_erasures_are_nothing_held() -> None:
    assert stock(erasing(TOPICS.scores, 1), erasing(TOPICS.examples, 2)).is_empty
    assert not stock(scored("t1", 0, 0)).is_empty


def test_reputations_are_told_by_kind_until_they_are_deleted() -> None:
    value: dict[str, Any] = {
        "kind": "subject",
        "id": CARD,
        "as_of": "2026-03-01T00:00:00Z",
        "matured": [0.0] * 5,
        "matured_frauds": [0.0] * 5,
        "early_frauds": [0.0, 0.0],
    }
    record = read(TOPICS.reputations, b"subject:card_a", orjson.dumps(value))
    assert stock(record).reputations["subject"]["id"] == CARD
    assert stock(record, read(TOPICS.reputations, b"subject:card_a", None)).reputations == {}


def test_a_program_is_told_everything_as_json() -> None:
    found = stock(profile(packed(), 0), learnt(0), erasing(TOPICS.examples, 2), learnt(3))
    told = orjson.loads(orjson.dumps(document(found)))
    assert told["profiles"]["3"]["transactions_folded"] == 2
    assert told["examples"] == [{"offset": 3, "transaction_id": "t-3"}]
    assert told["holdings"][TOPICS.examples]["records"] == {"subject": 2}
    assert set(told["units"]) == set(UNITS)


def test_a_reader_is_told_everything_in_lines() -> None:
    told = "\n".join(lines(stock(profile(packed(), 0), learnt(0), erasing(TOPICS.examples, 2), learnt(3))))
    assert "transactions_folded: 2" in told
    assert "examples learnt from: 1 (t-3 at 3)" in told
    assert "examples on the log that an erasure leaves out: 1" in told
    assert "topic examples: 2 as subject, 1 of erasures, from 2026-03-01" in told
