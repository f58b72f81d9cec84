"""JSON Schema of the contracts, as pydantic generates it, with one correction for other languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema

    from schemas.export.contracts import Contract


class _Generator(GenerateJsonSchema):
    """Says what a sender must know of tagged unions: the tag is required, though Python has a default."""

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Require the tag in each choice; drop OpenAPI's `discriminator`, as the tags are constants."""
        union = super().tagged_union_schema(schema)
        tag = union.pop("discriminator")["propertyName"]
        for choice in union["oneOf"]:
            definition = self.get_schema_from_definitions(JsonRef(choice["$ref"])) or {}
            order = list(definition["properties"]).index
            definition["required"] = sorted({tag, *definition["required"]}, key=order)
        return union


def described(
    contracts: Iterable[Contract], ref_template: str
) -> tuple[dict[str, JsonSchemaValue], dict[str, JsonSchemaValue]]:
    """Generate the schemas of contracts.

    Args:
        contracts: what to describe.
        ref_template: how a schema refers to a shared definition, with `{model}` for its name.

    Returns:
        Schema by the contract's name, and the shared definitions by theirs.
    """
    inputs: list[Any] = [(contract.name, contract.mode, contract.adapter) for contract in contracts]
    schemas, shared = TypeAdapter.json_schemas(inputs, ref_template=ref_template, schema_generator=_Generator)
    return {name: schema for (name, _), schema in schemas.items()}, shared.get("$defs", {})
