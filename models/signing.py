"""Signatures of models and erasures.

A writer to a topic can then neither put a model into force nor make the service forget a card.

A model is the value of one record: ``FSM1``, then 32 bytes of HMAC-SHA256 over all that follows, then the
length of the description (4 bytes, big endian), the description as JSON, and the ONNX bytes. A model decides
on people's payments, so nothing of it is read before its signature was checked.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from schemas.erasure import ExamplesErasure, subject_digest
from schemas.errors import ErrorType, InvalidMessage
from schemas.snapshot import ModelSnapshot, decode_snapshot

if TYPE_CHECKING:
    from schemas.erasure import Erasure

MAGIC: Final = b"FSM1"
_DIGEST: Final = 32
_LENGTH: Final = 4
_SIGNED: Final = len(MAGIC) + _DIGEST


def seal(snapshot: ModelSnapshot, onnx: bytes, key: bytes) -> bytes:
    """Sign a model.

    Raises:
        ValueError: the description is of other ONNX bytes, or the key is empty.
    """
    if not _describes(snapshot, onnx):
        raise ValueError("the snapshot describes other ONNX bytes")
    description = snapshot.to_json()
    signed = len(description).to_bytes(_LENGTH, "big") + description + onnx
    return MAGIC + _signature(signed, key) + signed


def unseal(value: bytes, key: bytes) -> tuple[ModelSnapshot, bytes]:
    """The description and the ONNX bytes of a sealed model.

    Raises:
        InvalidMessage: `BAD_SIGNATURE` unless this key signed exactly this value; if it did, what else is
            wrong with it.
        ValueError: the key is empty.
    """
    signed = value[_SIGNED:]
    signature = _signature(signed, key)
    if value[: len(MAGIC)] != MAGIC or not hmac.compare_digest(value[len(MAGIC) : _SIGNED], signature):
        raise InvalidMessage(ErrorType.BAD_SIGNATURE, "the model is not signed by this key")
    end = _LENGTH + int.from_bytes(signed[:_LENGTH], "big")
    snapshot, onnx = decode_snapshot(signed[_LENGTH:end]), signed[end:]
    if not _describes(snapshot, onnx):
        raise InvalidMessage(ErrorType.INVALID_VALUE, "the snapshot describes other ONNX bytes")
    return snapshot, onnx


def derived_key(key: bytes, purpose: str) -> bytes:
    """A key for one purpose alone: what it signs is never taken for something signed for another.

    Raises:
        ValueError: the key is empty.
    """
    return _signature(b"fraudstream " + purpose.encode(), key)


def digest(onnx: bytes) -> str:
    """SHA-256 of ONNX bytes, as a snapshot gives it."""
    return hashlib.sha256(onnx).hexdigest()


def _describes(snapshot: ModelSnapshot, onnx: bytes) -> bool:
    return snapshot.onnx_size == len(onnx) and snapshot.onnx_sha256 == digest(onnx)


def _signature(signed: bytes, key: bytes) -> bytes:
    if not key:
        raise ValueError("the signing key is empty")
    return hmac.digest(key, signed, "sha256")


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
