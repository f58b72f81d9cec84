"""Golden messages of version 1: what was once valid stays valid, and means and reads the same."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import decode_alert
from schemas.control import decode_control
from schemas.dead_letter import DeadLetter
from schemas.erasure import decode_erasure, decode_examples_erasure
from schemas.errors import InvalidMessage
from schemas.example import decode_example
from schemas.export.documents import json_schemas
from schemas.label import decode_label
from schemas.outcome import decode_outcomes
from schemas.reputation import decode_reputation
from schemas.score import decode_score
from schemas.snapshot import decode_snapshot
from schemas.transaction import decode_transaction

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
REFUSED = json.loads((GOLDEN / "refused" / "transactions.json").read_bytes())
DECODERS = {
    "transaction": decode_transaction,
    "label": decode_label,
    "control": decode_control,
    "score": decode_score,
    "alert": decode_alert,
    "example": decode_example,
    "model-snapshot": decode_snapshot,
    "outcomes": decode_outcomes,
    "reputation": decode_reputation,
    "erasure": decode_erasure,
    "examples-erasure": decode_examples_erasure,
}
FILES = sorted(path for path in GOLDEN.glob("*.json") if not path.name.startswith("dead-letter"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = SCALARS | st.lists(SCALARS, max_size=6) | st.dictionaries(st.text(max_size=4), SCALARS, max_size=3)
CANONICAL = [path for path in FILES if "as-sent" not in path.name]


def contract(path: Path) -> str:
    return path.name.partition(".")[0]


def decode(path: Path) -> Any:
    return DECODERS[contract(path)](path.read_bytes())


def test_every_contract_has_a_golden_message() -> None:
    assert {contract(path) for path in GOLDEN.glob("*.json")} == set(json_schemas())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_message_decodes_and_keeps_its_meaning_through_the_wire(path: Path) -> None:
    message = decode(path)
    assert DECODERS[contract(path)](message.to_json()) == message


@pytest.mark.parametrize("path", CANONICAL, ids=lambda path: path.stem)
def test_a_golden_message_as_written_by_this_service_is_written_so_again(path: Path) -> None:
    assert json.loads(decode(path).to_json()) == json.loads(path.read_bytes())


@given(data=st.data())
def test_any_value_in_any_field_of_any_message_is_decoded_or_refused(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(FILES))
    document = json.loads(path.read_bytes())
    document[data.draw(st.sampled_from(sorted(document)))] = data.draw(VALUES)
    with suppress(InvalidMessage):
        message = DECODERS[contract(path)](json.dumps(document).encode())
        assert DECODERS[contract(path)](message.to_json()) == message


def test_the_golden_dead_letter_is_read_and_written_the_same() -> None:
    texts = json.loads((GOLDEN / "dead-letter.pan.json").read_bytes())
    headers = [(name, text.encode()) for name, text in texts.items()]
    assert DeadLetter.from_headers(headers).to_headers() == headers


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["why"])
def test_a_golden_refusal_stays_a_refusal_of_the_same_type(case: dict[str, str]) -> None:
    with pytest.raises(InvalidMessage) as refused:
        decode_transaction(case["value"].encode("utf-8", "surrogateescape"))
    assert (refused.value.error_type, refused.value.field) == (case["error_type"], case["field"])
