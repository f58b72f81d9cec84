"""The documents for other systems: one JSON Schema for each contract and one AsyncAPI document.

`files()` is what stands in `schemas/generated/`; a test compares the two.
"""

from __future__ import annotations

import json
from typing import Any

from schemas.export.asyncapi import asyncapi
from schemas.export.contracts import CONTRACTS
from schemas.export.json_schema import described

__all__ = ["asyncapi", "files", "json_schemas"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each contract by its name, each complete in itself."""
    return {contract.name: _complete(contract.name) for contract in CONTRACTS}


def files() -> dict[str, str]:
    """Return all documents: file name -> text."""
    documents = {f"{name}.schema.json": schema for name, schema in json_schemas().items()}
    documents["asyncapi.json"] = asyncapi()
    return {name: json.dumps(document, indent=2) + "\n" for name, document in documents.items()}


def _complete(name: str) -> dict[str, Any]:
    contracts = [contract for contract in CONTRACTS if contract.name == name]
    schemas, definitions = described(contracts, "#/$defs/{model}")
    head = {"$schema": _DIALECT, "$id": f"urn:fraudstream:{name}:1"}
    return head | schemas[name] | ({"$defs": definitions} if definitions else {})
