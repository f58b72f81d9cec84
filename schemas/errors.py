"""How a message is refused: one exception with a type from a bounded list.

`InvalidMessage` is all that a decode function raises. Its `error_type` labels metrics and the dead-letter
header `fraudstream-error-type`; its `reason` is for a person. Neither ever contains the refused value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler


class ErrorType(StrEnum):
    """Why a message was refused; the whole list, so that it may label a metric."""

    NO_VALUE = "no-value"
    NOT_JSON = "not-json"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    MISSING_FIELD = "missing-field"
    INVALID_TYPE = "invalid-type"
    INVALID_VALUE = "invalid-value"
    UNKNOWN_CODE = "unknown-code"
    INVALID_AMOUNT = "invalid-amount"
    INVALID_TIME = "invalid-time"
    FUTURE_TIME = "future-time"
    PAN = "pan"
    IBAN = "iban"
    EMPTY_KEY = "empty-key"
    KEY_MISMATCH = "key-mismatch"
    BAD_SIGNATURE = "bad-signature"
    OLD_VERSION = "old-version"
    OLD_CONTROL = "old-control"
    UNSOUND_MODEL = "unsound-model"
    FEATURES_MISMATCH = "features-mismatch"
    UNREADABLE_BATCH = "unreadable-batch"
    RECORDS_LOST = "records-lost"
    AMBIGUOUS_LABEL = "ambiguous-label"
    INTERNAL_ERROR = "internal-error"


class InvalidMessage(ValueError):
    """A message that breaks its contract.

    Attributes:
        error_type: the kind of fault.
        field: dotted path of the field at fault, None where the whole message is.
        reason: one sentence that never contains the refused value.
    """

    is_for_people: ClassVar = True
    """Its text is a sentence for people, and never quotes a message."""

    def __init__(self, error_type: ErrorType, reason: str, field: str | None = None) -> None:
        super().__init__(reason if field is None else f"{field}: {reason}")
        self.error_type = error_type
        self.reason = reason
        self.field = field


@dataclass(frozen=True, slots=True)
class Refusal:
    """Annotated marker: whatever is wrong with the value, refuse it as this type with this sentence.

    Compiled into the validator, so a valid value pays nothing for it.
    """

    error_type: ErrorType
    sentence: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Wrap the schema of the annotated type."""
        return core_schema.custom_error_schema(
            handler(source), custom_error_type=self.error_type, custom_error_message=self.sentence
        )
