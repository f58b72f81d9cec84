"""Malformed copies of valid transactions, one fault for each type of error that a sender can cause.

Each copy has a transaction id of its own, so that a service which takes one by mistake shows a transaction
that the world does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from fraudstream.simulate.world import token
from schemas.errors import ErrorType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fraudstream.simulate.world import SimulatedTransaction

Fields = dict[str, object]

_EXAMPLE_IBAN = "DE89370400440532013000"  # of the registry
_TEST_CARD_NUMBER = "4111111111111111"  # the card network's published number for tests; nobody's card
_TOO_MANY_BYTES = 100_000
_TOO_MANY_LEVELS = 5_000
_FAR_FUTURE = "2170-01-01T00:00:00Z"


class Malformed(NamedTuple):
    """The key and value of a record that a service must refuse, and as what."""

    error_type: ErrorType
    key: bytes
    value: bytes


def malformed(transaction: SimulatedTransaction, error_type: ErrorType) -> Malformed:
    """Return a copy of a valid transaction with one fault.

    Raises:
        KeyError: no sender can cause this type of error.
    """
    fields: Fields = orjson.loads(transaction.encode())
    names = _NAMES[str(fields["kind"])]
    fields[names.identifier] = token("malformed", transaction.transaction_id, error_type)
    return Malformed(error_type, *_FAULTS[error_type](fields, names))


class _Names(NamedTuple):
    """What the fields at fault are called in a kind of transaction."""

    identifier: str
    subject: str
    amount: str


_NAMES: Final = {
    "card": _Names("transaction_id", "card_id", "amount"),
    "transfer": _Names("end_to_end_id", "debtor_account", "instructed_amount"),
}


def _record(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    return str(fields[names.subject]).encode(), orjson.dumps(fields)


def _not_json(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    key, value = _record(fields, names)
    return key, value[: len(value) // 2]


def _too_large(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    return _record(fields | {"remark": "x" * _TOO_MANY_BYTES}, names)


def _too_deep(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    key, value = _record(fields, names)
    return key, value[:-1] + b',"remark":' + b"[" * _TOO_MANY_LEVELS + b"]" * _TOO_MANY_LEVELS + b"}"


def _missing_field(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    key, _ = _record(fields, names)
    return key, orjson.dumps({name: value for name, value in fields.items() if name != names.amount})


def _invalid_type(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    return _record(fields | {names.identifier: ["one", "two"]}, names)


def _invalid_value(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    return _record(fields | {names.identifier: " "}, names)


def _unknown_code(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    return _record(fields | {"currency": "EURO"}, names)


def _invalid_amount(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    return _record(fields | {names.amount: f"-{fields[names.amount]}"}, names)


def _invalid_time(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    without_offset = str(fields["event_time"]).partition("+")[0]
    return _record(fields | {"event_time": without_offset}, names)


def _future_time(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    return _record(fields | {"event_time": _FAR_FUTURE}, names)


def _pan(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    return _record(fields | {names.subject: _TEST_CARD_NUMBER}, names)


def _iban(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    return _record(fields | {names.subject: _EXAMPLE_IBAN}, names)


def _no_value(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    return _record(fields, names)[0], b""


def _empty_key(fields: Fields, _names: _Names) -> tuple[bytes, bytes]:
    return b"", orjson.dumps(fields)


def _key_mismatch(fields: Fields, names: _Names) -> tuple[bytes, bytes]:
    key, value = _record(fields, names)
    return key[::-1], value


_FAULTS: Final[Mapping[ErrorType, Callable[[Fields, _Names], tuple[bytes, bytes]]]] = {
    ErrorType.NO_VALUE: _no_value,
    ErrorType.NOT_JSON: _not_json,
    ErrorType.TOO_LARGE: _too_large,
    ErrorType.TOO_DEEP: _too_deep,
    ErrorType.MISSING_FIELD: _missing_field,
    ErrorType.INVALID_TYPE: _invalid_type,
    ErrorType.INVALID_VALUE: _invalid_value,
    ErrorType.UNKNOWN_CODE: _unknown_code,
    ErrorType.INVALID_AMOUNT: _invalid_amount,
    ErrorType.INVALID_TIME: _invalid_time,
    ErrorType.FUTURE_TIME: _future_time,
    ErrorType.PAN: _pan,
    ErrorType.IBAN: _iban,
    ErrorType.EMPTY_KEY: _empty_key,
    ErrorType.KEY_MISMATCH: _key_mismatch,
}

FAULTS: Final = tuple(_FAULTS)
"""Every type of error that a sender can cause: all but the service's own."""
