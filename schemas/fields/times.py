"""Times on the wire: RFC 3339 with offset, nothing else.

A unix number does not say its unit, a time without offset means a different instant at each reader, a date
alone has no instant: all are refused. Kafka has no timestamps before 1970, so neither has a message. Digits
past the microsecond are dropped. A leap second (`:60`) has no Python time and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic_core import core_schema

from schemas.errors import ErrorType

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
_OFFSET = r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
_RFC_3339 = f"^{_DATE}[Tt]{_CLOCK}{_OFFSET}$"
_SENTENCE = (
    "must be a time of RFC 3339 with offset, 1970 or later, "
    'as a string such as "2026-11-24T10:15:30.250+01:00"'
)


@dataclass(frozen=True, slots=True)
class _Rfc3339:
    """Annotated marker for `datetime`: a string on the wire, or an aware datetime from code."""

    def __get_pydantic_core_schema__(
        self, _source: Any, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Check the form first, because pydantic alone reads numbers, dates and spaces too."""
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        time = core_schema.datetime_schema(
            strict=False, tz_constraint="aware", ge=epoch, microseconds_precision="truncate"
        )
        text = core_schema.chain_schema([core_schema.str_schema(strict=True, pattern=_RFC_3339), time])
        instant = core_schema.datetime_schema(strict=True, tz_constraint="aware", ge=epoch)
        return core_schema.custom_error_schema(
            core_schema.json_or_python_schema(
                json_schema=text,
                python_schema=core_schema.union_schema([text, instant], mode="left_to_right"),
            ),
            custom_error_type=ErrorType.INVALID_TIME,
            custom_error_message=_SENTENCE,
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say both the standard format and the pattern that is enforced."""
        return {"type": "string", "format": "date-time", "pattern": _RFC_3339}


Time = Annotated[datetime, _Rfc3339()]
"""An instant with its offset."""
