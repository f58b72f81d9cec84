"""A model as the value of one record: description and ONNX under one signature.

``FSM1``, then 32 bytes of HMAC-SHA256 over all that follows, then the length of the description (4 bytes, big
endian), the description as JSON, and the ONNX bytes. A model decides on people's payments, so nothing of it
is read before the signature was found right.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from schemas.errors import ErrorType, InvalidMessage
from schemas.snapshot import ModelSnapshot, decode_snapshot

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
