"""Signing: a model is read only if exactly this value was signed by this key."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.signing import MAGIC, digest, seal, unseal
from schemas.errors import ErrorType, InvalidMessage
from schemas.snapshot import Learner, ModelSnapshot

KEY = b"a key of thirty-two bytes or so."
ONNX = bytes(range(256)) * 3


def describe(onnx: bytes = ONNX, **changes: object) -> ModelSnapshot:
    given = {
        "name": "forest",
        "version": 124,
        "features_version": 1,
        "examples_offset": 123,
        "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        "learner": Learner(algorithm="forest", parameters={"n_models": 10}, seed=1, code_version="0.1.0"),
        "quality": {"auc": 0.9},
        "calibration": {"a": 1.0},
        "onnx_size": len(onnx),
        "onnx_sha256": digest(onnx),
    }
    return ModelSnapshot.model_validate({**given, **changes})


SEALED = seal(describe(), ONNX, KEY)


def signed(content: bytes) -> bytes:
    """Any content under a right signature."""
    return MAGIC + hmac.digest(KEY, content, "sha256") + content


def refusal(value: bytes, key: bytes = KEY) -> ErrorType:
    with pytest.raises(InvalidMessage) as refused:
        unseal(value, key)
    return refused.value.error_type


@given(st.binary(max_size=2_000), st.binary(min_size=1, max_size=64))
def test_what_was_sealed_comes_back(onnx: bytes, key: bytes) -> None:
    assert unseal(seal(describe(onnx), onnx, key), key) == (describe(onnx), onnx)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_bad_signature(value: bytes) -> None:
    assert refusal(value) is ErrorType.BAD_SIGNATURE


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_one_altered_byte_anywhere_is_refused(place: int, change: int) -> None:
    altered = bytearray(SEALED)
    altered[place] ^= change
    assert refusal(bytes(altered)) is ErrorType.BAD_SIGNATURE


@given(st.integers(0, len(SEALED) - 1))
def test_a_value_that_was_cut_off_is_refused(length: int) -> None:
    assert refusal(SEALED[:length]) is ErrorType.BAD_SIGNATURE


def test_a_value_with_something_after_it_is_refused() -> None:
    assert refusal(SEALED + b"\0") is ErrorType.BAD_SIGNATURE


def test_another_key_and_no_signature_are_refused() -> None:
    assert refusal(SEALED, b"another key") is ErrorType.BAD_SIGNATURE
    assert refusal(MAGIC + bytes(32) + SEALED[36:]) is ErrorType.BAD_SIGNATURE


@given(st.binary(max_size=200))
def test_signed_nonsense_is_refused_as_a_message(content: bytes) -> None:
    assert refusal(signed(content)) in set(ErrorType) - {ErrorType.BAD_SIGNATURE, ErrorType.INTERNAL_ERROR}


@pytest.mark.parametrize("wrong", [{"onnx_size": 7}, {"onnx_sha256": "0" * 64}])
def test_a_description_of_other_onnx_bytes_is_refused(wrong: dict[str, object]) -> None:
    description = describe(**wrong).to_json()
    content = len(description).to_bytes(4, "big") + description + ONNX
    assert refusal(signed(content)) is ErrorType.INVALID_VALUE
    with pytest.raises(ValueError, match="other ONNX bytes"):
        seal(describe(**wrong), ONNX, KEY)


def test_no_key_is_no_signature() -> None:
    with pytest.raises(ValueError, match="empty"):
        seal(describe(), ONNX, b"")
    with pytest.raises(ValueError, match="empty"):
        unseal(SEALED, b"")
