"""Topic `dead-letters`: key, value, headers and timestamp as they came, plus headers that say why.

The `__connect.errors.*` headers are those of Kafka Connect's dead letter queue (KIP-298), as UTF-8 text, so
that tools made for it work here; `fraudstream-error-type` is from a bounded list. There is no stack trace,
and nothing of the refused message.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, PlainSerializer

from schemas.decoding import checked
from schemas.errors import ErrorType
from schemas.message import Record

ERROR_TYPE_HEADER = "fraudstream-error-type"
"""Header to count and filter dead letters by."""

TextNumber = Annotated[int, Field(ge=0), PlainSerializer(str)]
"""A number that travels as text."""


def _connect(name: str) -> Any:
    return Field(alias=f"__connect.errors.{name}")


class DeadLetter(Record):
    """Why a message was refused and where it stood: the headers added to a dead letter."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    topic: str = _connect("topic")
    """Topic that the message came from."""
    partition: TextNumber = _connect("partition")
    """Its partition there."""
    offset: TextNumber = _connect("offset")
    """Its offset there."""
    agent: str = _connect("connector.name")
    """Agent that refused it."""
    stage: str = _connect("stage")
    """What the agent was doing, as Kafka Connect says it: `VALUE_CONVERTER`, `KEY_CONVERTER`, `TASK_PUT`."""
    exception: str = _connect("exception.class.name")
    """Name of the exception's class."""
    reason: str = _connect("exception.message")
    """One sentence that never contains the refused value."""
    error_type: ErrorType = Field(alias=ERROR_TYPE_HEADER)
    """Kind of fault."""
    field: str | None = Field(default=None, alias="fraudstream-error-field")
    """Dotted path of the field at fault."""
    last_offset: TextNumber | None = Field(default=None, alias="fraudstream-last-offset")
    """Last offset of the range that begins at `offset`, where no single message can be named."""

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Headers to add to those that the message came with."""
        return [(name, str(value).encode()) for name, value in self.model_dump(exclude_none=True).items()]

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[str, bytes | None]]) -> Self:
        """Read the headers of a dead letter; where a name occurs twice, the last counts.

        Raises:
            InvalidMessage: where they are not those of a dead letter of this service.
        """
        texts = {name: value.decode(errors="replace") for name, value in headers if value is not None}
        return checked(cls.model_validate, texts)
