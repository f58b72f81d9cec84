"""Controls as they travel, signed, and the rule that only a newer one replaces the one in force.

A signed control is its JSON with one more field at its end, so that it stays readable:

    {..., "signature": "<64 hexadecimal digits>"}

They are the HMAC-SHA256, by a key derived from the signing key for controls alone, of the length of the
record's key (4 bytes, big endian), that key, and the value without that field.
"""

from __future__ import annotations

import hmac
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from models.signing import derived_key
from schemas.control import decode_control
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from schemas.control import Control

_PURPOSE: Final = "controls"
_SIGNED: Final = re.compile(rb'(?P<rest>\{.*),"signature":"(?P<signature>[0-9a-f]{64})"\}', re.DOTALL)
_LENGTH: Final = 4
_INSTANT: Final = timedelta(microseconds=1)


def sign(control: Control, key: bytes) -> bytes:
    """The value of a control's record, under the control's name as its key.

    Raises:
        ValueError: the key is empty, or the control has a signature already.
    """
    if control.signature is not None:
        raise ValueError("the control is signed already")
    value = control.to_json()
    return value[:-1] + b',"signature":"' + _signature(control.control.encode(), value, key) + b'"}'


def unseal(record_key: bytes | None, value: bytes | None, key: bytes) -> Control:
    """The control that a record holds; nothing of it is read before the signature was found right.

    Raises:
        InvalidMessage: `BAD_SIGNATURE` unless this key signed exactly this record; if it did, what else is
            wrong with it.
        ValueError: the key is empty.
    """
    found = _SIGNED.fullmatch(value or b"")
    signed = b"" if found is None else found["rest"] + b"}"
    given = b"" if found is None else found["signature"]
    if not hmac.compare_digest(given, _signature(record_key or b"", signed, key)):
        raise InvalidMessage(ErrorType.BAD_SIGNATURE, "the control is not signed by this key")
    control = decode_control(signed)
    if record_key != control.control.encode():
        raise InvalidMessage(ErrorType.KEY_MISMATCH, "the record's key is not that of its message")
    return control


class Controls:
    """The newest of each control, by name.

    Args:
        key: that controls must be signed with.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._newest: dict[str, Control] = {}

    @property
    def in_force(self) -> Mapping[str, Control]:
        """The controls that count, by name."""
        return self._newest

    def take(self, record_key: bytes | None, value: bytes | None) -> Control:
        """The control of a record, which is in force from now on.

        Raises:
            InvalidMessage: `BAD_SIGNATURE`, also for a deletion, which nobody can sign; `OLD_CONTROL` where
                it is not newer than the one in force, as an old record is that somebody sends again; or what
                else is wrong with it. The one in force stays.
        """
        control = unseal(record_key, value, self._key)
        held = self._newest.get(control.control)
        if held is not None and control.issued_at <= held.issued_at:
            raise InvalidMessage(ErrorType.OLD_CONTROL, "the control is not newer than the one in force")
        self._newest[control.control] = control
        return control

    def dated(self, control: Control, now: datetime) -> Control:
        """The control as issued now, or right after the one in force where that one's clock was ahead."""
        held = self._newest.get(control.control)
        issued_at = now if held is None else max(now, held.issued_at + _INSTANT)
        return control.model_copy(update={"issued_at": issued_at})


def _signature(record_key: bytes, value: bytes, key: bytes) -> bytes:
    signed = len(record_key).to_bytes(_LENGTH, "big") + record_key + value
    return hmac.digest(derived_key(key, _PURPOSE), signed, "sha256").hex().encode()
