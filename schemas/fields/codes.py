"""Code tables: values from a published list, refused as `unknown-code` when they are not in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from iso3166 import countries_by_alpha2
from pydantic import StringConstraints
from pydantic_core import core_schema

from schemas.errors import ErrorType, Refusal

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler


@dataclass(frozen=True, slots=True)
class OneOf:
    """Annotated marker: the value is one of these codes, which JSON Schema lists as an enumeration."""

    name: str
    codes: tuple[str, ...]
    sentence: str

    def __get_pydantic_core_schema__(
        self, _source: Any, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Replace the schema of `str` by a look-up."""
        return core_schema.custom_error_schema(
            core_schema.literal_schema(list(self.codes), ref=f"{__name__}.{self.name}:0"),
            custom_error_type=ErrorType.UNKNOWN_CODE,
            custom_error_message=self.sentence,
        )


CountryCode = Annotated[
    str,
    OneOf(
        "CountryCode",
        tuple(sorted(countries_by_alpha2)),
        "must be a two-letter country code of ISO 3166-1 in capitals",
    ),
]

MerchantCategoryCode = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[0-9]{4}$"),
    Refusal(
        ErrorType.UNKNOWN_CODE, "must be the four digits of a merchant category (ISO 18245), as a string"
    ),
]

EntryModeCode = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[0-9A-Z]{2,4}$"),
    Refusal(
        ErrorType.UNKNOWN_CODE,
        "must be a point of service entry mode of 2 to 4 digits or capitals, such as 051",
    ),
]
"""ISO 8583 field 22 (`051` chip, `071` contactless, `812` internet), or the letters of ISO 20022 (`CICC`)."""
