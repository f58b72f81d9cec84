"""Profiles that are made anew are those that the scoring agent had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from fraudstream.admin.profiles import fold
from fraudstream.settings import Settings
from models.profiles.layout import ROW, unpack_row
from models.rates import NO_RATES, Rates
from models.reputations.store import ReputationStore
from models.scoring.pipeline import ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from models.scoring.state import PROFILE_PREFIX
from models.signing import sign
from schemas.erasure import HEADER
from schemas.transaction import decode_transaction
from tests.agents.erasure_records import erasure as erased
from tests.faults.records import Stored

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = "a key for tests alone"


def record(offset: int, value: bytes, card: str, *headers: tuple[str, bytes]) -> Stored:
    return Stored("transactions", 0, offset, card.encode(), value, headers, int(NOW.timestamp() * 1_000))


def transaction(offset: int, card: str = "card-1") -> Stored:
    value = {
        "schema_version": 1,
        "kind": "card",
        "transaction_id": f"t-{offset}",
        "event_time": NOW - timedelta(hours=100 - offset),
        "card_id": card,
        "merchant_id": "merchant-1",
        "amount": "9.99",
        "currency": "EUR",
    }
    return record(offset, orjson.dumps(value), card)


def scored(*records: Stored) -> dict[bytes, bytes | None]:
    """The profiles after these records have been scored one by one."""
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))
    state = core.new_state()
    for each in records:
        core.process([decode_transaction(each.value())], [each.offset()], state)
    return profiles(state.changes())


def profiles(changes: list[tuple[bytes, bytes | None]]) -> dict[bytes, bytes | None]:
    return {key: payload for key, payload in changes if key.startswith(PROFILE_PREFIX)}


@pytest.mark.parametrize("size", [1, 3, 100])
def test_profiles_are_the_fold_of_the_transactions_however_they_are_read(size: int) -> None:
    records = [transaction(offset, f"card-{offset % 3}") for offset in range(20)]
    batches = [records[start : start + size] for start in range(0, len(records), size)]
    assert profiles(fold(Settings(), batches).changes()) == scored(*records)


def test_what_was_refused_or_repeated_changes_no_profile() -> None:
    records = [
        transaction(0),
        record(1, b"no transaction", "card-1"),
        record(2, transaction(0).value(), "card-1"),
        transaction(3),
    ]
    assert profiles(fold(Settings(), [records]).changes()) == scored(records[0], records[3])


def test_amounts_are_converted_by_the_rates_in_force() -> None:
    abroad = record(2, transaction(2).value().replace(b"EUR", b"USD"), "card-1")
    batches = [[transaction(0), transaction(1), abroad]]
    [converted], [unknown] = (
        profiles(fold(Settings(), batches, rates).changes()).values()
        for rates in (Rates({"EUR": 1.0, "USD": 3.0}), NO_RATES)
    )
    amounts = [
        sorted(unpack_row(payload or b"").view(ROW)["recent_amounts"][0]) for payload in (converted, unknown)
    ]
    assert amounts[0][-3:] == pytest.approx([3.33, 9.99, 9.99])
    assert amounts[1][-3:] == pytest.approx([0.0, 9.99, 9.99])


def test_an_erasure_forgets_what_came_before_it() -> None:
    settings = Settings(learning={"signing_key": KEY})
    value = erased("card-1", partition=0).to_json()
    erasure = record(2, value, "card-1", (HEADER, sign(value, KEY.encode())))
    before, after = [transaction(0), transaction(1, "card-2")], transaction(3)
    found = profiles(fold(settings, [[*before, erasure, after]]).changes())
    assert found == scored(before[1], after)
