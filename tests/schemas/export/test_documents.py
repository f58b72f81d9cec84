"""The documents for other systems say what the code does."""

from __future__ import annotations

import json
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

import schemas
from schemas.erasure import HEADER
from schemas.errors import ErrorType, InvalidMessage
from schemas.export.asyncapi import asyncapi
from schemas.export.contracts import CONTRACTS, TOPICS
from schemas.export.documents import files, json_schemas
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

GENERATED = resources.files(schemas) / "generated"
GOLDEN = Path(__file__).parents[2] / "golden" / "v1"
SCHEMAS = json_schemas()
TRANSACTIONS = Draft202012Validator(SCHEMAS["transaction"])
REFUSED = json.loads((GOLDEN / "refused" / "transactions.json").read_bytes())
TAKEN = [path.read_bytes() for path in sorted(GOLDEN.glob("transaction.*.json"))]
VALUES = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 1.0, "0", "1.5", "JPY", "card", "2026-11-24T10:15:30Z", "051", [], {}])
    | st.text(max_size=5)
)
# What a schema cannot say: a number's check digit, decimals by currency, days of a month.
BEYOND_SCHEMA = {ErrorType.PAN, ErrorType.INVALID_AMOUNT, ErrorType.INVALID_TIME}


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def resolve(document: Any, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    for part in reference[2:].split("/"):
        document = document[part]
    return document


def test_the_files_are_the_ones_that_the_code_generates() -> None:
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in GENERATED.iterdir()}
    assert on_disk == files(), "run `fraudstream schema export schemas/generated`"


def test_a_message_beside_its_topics_own_is_told_by_a_header() -> None:
    document = asyncapi()
    messages = document["components"]["messages"]
    for channel in document["channels"].values():
        own, *others = channel["messages"]
        assert "required" not in messages[own].get("headers", {})
        assert all(messages[name]["headers"]["required"] == [HEADER] for name in others)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_each_schema_is_valid_and_complete_in_itself(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    for reference in references(SCHEMAS[name]):
        resolve(SCHEMAS[name], reference)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_each_golden_message_keeps_its_schema(path: Path) -> None:
    Draft202012Validator(SCHEMAS[path.name.partition(".")[0]]).validate(json.loads(path.read_bytes()))


def parsed(text: str) -> Any:
    with suppress(ValueError):
        return json.loads(text)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["why"])
def test_a_field_that_the_code_refuses_is_refused_by_the_schema_as_far_as_a_schema_can(
    case: dict[str, str],
) -> None:
    if case["field"] and case["error_type"] not in BEYOND_SCHEMA:
        assert not TRANSACTIONS.is_valid(parsed(case["value"]))


@given(data=st.data())
def test_whatever_the_code_takes_the_schema_takes_too(data: st.DataObject) -> None:
    document = json.loads(data.draw(st.sampled_from(TAKEN)))
    field = data.draw(st.sampled_from(sorted({*document, "unknown"})))
    document[field] = data.draw(VALUES)
    with suppress(InvalidMessage):
        decode_transaction(json.dumps(document).encode())
        TRANSACTIONS.validate(document)


def test_every_reference_in_the_asyncapi_document_resolves() -> None:
    document = asyncapi()
    found = list(references(document))
    assert found
    for reference in found:
        resolve(document, reference)


def test_every_topic_is_a_channel_with_one_operation_and_its_contract() -> None:
    document = asyncapi()
    assert {channel["address"] for channel in document["channels"].values()} == {t.address for t in TOPICS}
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert "address" in resolve(document, operation["channel"]["$ref"])
    assert len({operation["channel"]["$ref"] for operation in document["operations"].values()}) == len(TOPICS)
    assert set(document["components"]["messages"]) == {contract.name for contract in CONTRACTS}


def test_dead_letters_are_described_by_their_headers_since_their_value_may_be_anything() -> None:
    message = asyncapi()["components"]["messages"]["dead-letter"]
    headers = resolve(asyncapi(), message["headers"]["$ref"])
    while "$ref" in headers:
        headers = resolve(asyncapi(), headers["$ref"])
    assert "payload" not in message
    assert "fraudstream-error-type" in headers["required"]


def test_the_document_names_no_server_but_an_example_on_this_machine() -> None:
    assert [server["host"] for server in asyncapi()["servers"].values()] == ["localhost:9092"]


def test_a_sender_learns_that_the_kind_is_required() -> None:
    definitions = SCHEMAS["transaction"]["$defs"]
    for name in ("CardTransaction", "TransferTransaction"):
        assert "kind" in definitions[name]["required"]
        assert "schema_version" not in definitions[name]["required"]
