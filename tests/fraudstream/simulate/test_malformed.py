"""Each malformed copy has exactly the fault that it is named for, in either kind of transaction."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import orjson
import pytest

from fraudstream.simulate.malformed import FAULTS, malformed
from fraudstream.simulate.world import WorldName
from fraudstream.simulate.worlds import make_world
from schemas.errors import ErrorType, InvalidMessage
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from fraudstream.simulate.world import SimulatedTransaction

OUTSIDE_THE_VALUE = {ErrorType.FUTURE_TIME, ErrorType.EMPTY_KEY, ErrorType.KEY_MISMATCH}
BY_POSITION = {ErrorType.INTERNAL_ERROR, ErrorType.UNREADABLE_BATCH, ErrorType.RECORDS_LOST}
OF_BROADCAST = {
    ErrorType.BAD_SIGNATURE,
    ErrorType.OLD_VERSION,
    ErrorType.OLD_CONTROL,
    ErrorType.FEATURES_MISMATCH,
    ErrorType.UNSOUND_MODEL,
}


@pytest.fixture(params=list(WorldName))
def transaction(request: pytest.FixtureRequest) -> SimulatedTransaction:
    return next(iter(make_world(request.param, customers=50, days=2, start=date(2026, 3, 2), seed=1)))


@pytest.mark.parametrize("error_type", [fault for fault in FAULTS if fault not in OUTSIDE_THE_VALUE])
def test_the_schema_refuses_the_value_as_the_type_named(
    transaction: SimulatedTransaction, error_type: ErrorType
) -> None:
    with pytest.raises(InvalidMessage) as refused:
        decode_transaction(malformed(transaction, error_type).value)
    assert refused.value.error_type is error_type


@pytest.mark.parametrize("error_type", sorted(OUTSIDE_THE_VALUE))
def test_what_is_wrong_with_key_or_clock_is_a_valid_value_otherwise(
    transaction: SimulatedTransaction, error_type: ErrorType
) -> None:
    copy = malformed(transaction, error_type)
    message = decode_transaction(copy.value)
    faults = {
        ErrorType.FUTURE_TIME: message.event_time > datetime.now(UTC),
        ErrorType.EMPTY_KEY: copy.key == b"",
        ErrorType.KEY_MISMATCH: copy.key not in {b"", message.subject.encode()},
    }
    assert [fault for fault, present in faults.items() if present] == [error_type]


def test_every_error_that_a_sender_of_transactions_can_cause_has_its_fault() -> None:
    assert set(FAULTS) == set(ErrorType) - OF_BROADCAST - BY_POSITION - {ErrorType.AMBIGUOUS_LABEL}


def test_no_copy_carries_the_id_of_a_transaction_of_the_world(transaction: SimulatedTransaction) -> None:
    copies = [malformed(transaction, error_type) for error_type in FAULTS]
    assert not any(transaction.transaction_id.encode() in copy.value for copy in copies)


def test_a_copy_without_its_fault_would_be_the_transaction(transaction: SimulatedTransaction) -> None:
    copy = orjson.loads(malformed(transaction, ErrorType.EMPTY_KEY).value)
    original = orjson.loads(transaction.encode())
    differing = {name for name in original if copy[name] != original[name]}
    assert differing <= {"transaction_id", "end_to_end_id"}
