"""A replay without Kafka gives what the worker gave, however the records were chunked or mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.runtime.testing import FakeRecord
from agents.scoring import TransactionValidator
from fraudstream.admin.replay import replay
from models.reputations.store import ReputationStore
from models.scoring.pipeline import ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.scoring.pipeline import Scored

PARTITIONS = 3
COUNT = 60


def payment(number: int, bad: bytes | None = None) -> FakeRecord:
    """A record of `transactions`; cards stay in their partition."""
    card = f"card-{number % (2 * PARTITIONS)}"
    fields = {
        "kind": "card",
        "transaction_id": f"t-{number}",
        "event_time": f"2026-03-01T10:{number % 60:02}:00Z",
        "card_id": card,
        "merchant_id": f"merchant-{number % 5}",
        "amount": f"{10 + number**2}.00",
        "currency": "EUR",
    }
    place = {"topic": "transactions", "partition": number % PARTITIONS, "offset": number}
    return FakeRecord(card.encode(), bad or orjson.dumps(fields), timestamp=(1, 1_790_000_000_000), **place)


def run(records: Sequence[FakeRecord], chunk_size: int = 100) -> list[Scored]:
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))
    return list(replay(records, core, TransactionValidator(), chunk_size=chunk_size))


def scores(records: Sequence[FakeRecord], chunk_size: int = 100) -> dict[str, float]:
    return {each.transaction.transaction_id: each.score for each in run(records, chunk_size)}


RECORDS = [payment(number) for number in range(COUNT)]
SCORES = scores(RECORDS)


def test_each_good_record_is_scored_once() -> None:
    assert len(run(RECORDS)) == COUNT
    assert len(set(SCORES.values())) > COUNT // 2, "profiles show in the scores"


@settings(max_examples=20, deadline=None)
@given(st.integers(1, COUNT + 1), st.permutations(range(PARTITIONS)))
def test_chunks_and_the_mixing_of_partitions_change_no_score(chunk_size: int, order: list[int]) -> None:
    mixed = [record for partition in order for record in RECORDS if record.partition() == partition]
    assert scores(mixed, chunk_size) == SCORES


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, COUNT), st.sampled_from([b"?", b"{}", b"[]", b"\xff"])), max_size=8))
def test_refused_records_among_them_change_no_score(bad: list[tuple[int, bytes]]) -> None:
    mixed = list(RECORDS)
    for place, value in bad:
        mixed.insert(place, payment(place, value))
    assert scores(mixed) == SCORES


def test_a_record_that_came_twice_is_scored_once() -> None:
    assert len(run([*RECORDS, *RECORDS])) == COUNT
