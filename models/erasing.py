"""Signs erasures, and tells true ones: who may write to a topic must not thereby make a card forgotten."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from models.signing import derived_key
from schemas.erasure import ExamplesErasure, subject_digest
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from schemas.erasure import Erasure

_PURPOSE: Final = "erasures"


def sign(value: bytes, key: bytes) -> bytes:
    """The signature of an erasure's value, as its header has it.

    Raises:
        ValueError: the key is empty.
    """
    return hmac.digest(derived_key(key, _PURPOSE), value, "sha256").hex().encode()


def verify(value: bytes, signature: bytes, key: bytes) -> None:
    """See that this key signed exactly this value.

    Raises:
        InvalidMessage: `BAD_SIGNATURE`, if it did not.
        ValueError: the key is empty.
    """
    if not hmac.compare_digest(signature, sign(value, key)):
        raise InvalidMessage(ErrorType.BAD_SIGNATURE, "the erasure is not signed by this key")


def on_examples(erasure: Erasure) -> ExamplesErasure:
    """The same erasure as it stands on `examples`."""
    return ExamplesErasure(
        erasure_id=erasure.erasure_id,
        subject_digest=subject_digest(erasure.subject),
        issued_at=erasure.issued_at,
    )
