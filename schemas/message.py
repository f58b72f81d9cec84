"""What messages have in common: they are immutable, say their schema version and ignore unknown fields."""

from typing import Annotated, Literal

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, Strict, WithJsonSchema
from pydantic_core import core_schema

Whole = Annotated[int, Strict(), Field(ge=0, lt=2**63)]
"""A count, version or offset: a JSON integer, not negative."""

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A finite JSON number."""

Feature = Annotated[float, Strict(), Field(ge=-1e18, le=1e18)]
"""An input of the model: no amount is larger, and sums of squares of many rows are still numbers."""

MOST_FEATURES = 1_024
"""Inputs that a model can have at most."""

Probability = Annotated[float, Strict(), Field(ge=0.0, le=1.0, allow_inf_nan=False)]
"""A JSON number from 0 to 1."""


# A literal alone would take true for 1, since they are equal in Python.
_One = Annotated[
    Literal[1],
    GetPydanticSchema(
        lambda source, handler: core_schema.chain_schema(
            [core_schema.int_schema(strict=True), handler(source)]
        )
    ),
    WithJsonSchema({"const": 1, "type": "integer"}),
]


class Record(BaseModel):
    """An immutable part of a message; its errors never show the value that they refuse."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Message(Record):
    """A whole message of some topic."""

    schema_version: _One = 1
    """Version of the contract."""

    def to_json(self) -> bytes:
        """Encode as the value of a Kafka record: UTF-8 JSON, absent fields left out."""
        return pydantic_core.to_json(self, exclude_none=True)
