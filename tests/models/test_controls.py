"""Signed controls: what the key did not sign is refused, and an old one never comes back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.controls import Controls, sign, unseal
from models.signing import derived_key
from schemas.control import ConfiguredPolicy, FixedThreshold, decode_control
from schemas.errors import ErrorType, InvalidMessage
from tests.models.model_cases import KEY, START, pin, sealed, signed, unpin

POLICY = FixedThreshold(version="strict", issued_at=START, review=0.3, decline=0.6, remark='a "quoted" }')
CONTROLS = [POLICY, ConfiguredPolicy(issued_at=START), pin(7), unpin(minutes=1)]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.kind)
def test_a_signed_control_is_the_same_control_and_readable_json(control: FixedThreshold) -> None:
    key, value = signed(control)
    assert unseal(key, value, KEY) == control
    told = orjson.loads(value)
    assert told.pop("signature")
    assert decode_control(orjson.dumps(told)) == control
    assert list(orjson.loads(value))[-1] == "signature"


def test_the_golden_signed_control_is_taken() -> None:
    golden = Path(__file__).parents[1] / "golden" / "v1" / "control.model-pin-signed.json"
    assert unseal(b"model", golden.read_bytes().strip(), KEY).remark == "version 18 declines too much"


def test_a_signature_is_what_its_description_says() -> None:
    """Whoever signs controls with a program of their own finds the same digits."""
    import hashlib  # noqa: PLC0415 - by other means than the module itself
    import hmac  # noqa: PLC0415

    derived = hmac.new(KEY, b"fraudstream controls", hashlib.sha256).digest()
    text = len(b"model").to_bytes(4, "big") + b"model" + pin(7).to_json()
    assert orjson.loads(sign(pin(7), KEY))["signature"] == hmac.new(derived, text, hashlib.sha256).hexdigest()


@given(st.data())
def test_one_byte_changed_anywhere_in_the_record_is_refused(data: st.DataObject) -> None:
    key, value = signed(data.draw(st.sampled_from(CONTROLS)))
    record = bytearray(key + value)
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidMessage) as refused:
        unseal(bytes(record[: len(key)]), bytes(record[len(key) :]), KEY)
    assert refused.value.error_type is ErrorType.BAD_SIGNATURE


@given(st.none() | st.binary(max_size=20), st.none() | st.binary(max_size=200))
def test_what_is_no_control_at_all_is_refused(key: bytes | None, value: bytes | None) -> None:
    with pytest.raises(InvalidMessage) as refused:
        Controls(KEY).take(key, value)
    assert refused.value.error_type is ErrorType.BAD_SIGNATURE


def test_what_was_signed_for_another_purpose_is_no_control() -> None:
    assert derived_key(KEY, "controls") != derived_key(KEY, "tokens")
    for value in (sealed(9), sign(pin(9), derived_key(KEY, "controls"))):
        with pytest.raises(InvalidMessage) as refused:
            unseal(b"model", value, KEY)
        assert refused.value.error_type is ErrorType.BAD_SIGNATURE


def test_only_with_a_key_anything_is_signed_or_opened() -> None:
    with pytest.raises(ValueError, match="key is empty"):
        sign(pin(7), b"")
    with pytest.raises(ValueError, match="key is empty"):
        unseal(*signed(pin(7)), b"")


@given(st.lists(st.integers(0, 9), max_size=30))
def test_in_force_is_the_newest_ever_taken_whatever_is_sent_again(minutes: list[int]) -> None:
    controls, newest = Controls(KEY), -1
    for minute in minutes:
        if minute > newest:
            controls.take(*signed(pin(minute, minutes=minute)))
            newest = minute
        else:
            with pytest.raises(InvalidMessage) as refused:
                controls.take(*signed(pin(minute, minutes=minute)))
            assert refused.value.error_type is ErrorType.OLD_CONTROL
        assert controls.in_force["model"] == pin(newest, minutes=newest)


def test_each_name_has_its_own_newest() -> None:
    controls = Controls(KEY)
    controls.take(*signed(pin(7, minutes=5)))
    controls.take(*signed(POLICY))
    assert controls.in_force == {"model": pin(7, minutes=5), "decision-policy": POLICY}


@pytest.mark.parametrize("behind", [timedelta(), timedelta(hours=1), timedelta(days=-1)])
def test_a_new_control_is_taken_though_the_clock_of_its_operator_is_behind(behind: timedelta) -> None:
    controls = Controls(KEY)
    controls.take(*signed(pin(7)))
    dated = controls.dated(unpin(minutes=0), START - behind)
    controls.take(*signed(dated))
    assert controls.in_force["model"] == dated
    assert dated.issued_at >= START - behind
