"""From bytes to a message: one function that raises `InvalidMessage` and nothing else.

What could hurt is refused before it is parsed (size, nesting), what two readers could understand differently
is refused after it (a name that occurs twice). A message that holds a card number is refused as `pan`
whatever else is wrong with it, because that decides what may be stored of it.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from pydantic import ValidationError

from schemas.errors import ErrorType, InvalidMessage
from schemas.fields.pan import contains_pan
from schemas.privacy import NETWORKS_ONLY

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from schemas.privacy import Privacy

MAX_BYTES = 65_536
MAX_DEPTH = 32
_NO_JSON = object()

Decoded = TypeVar("Decoded", bound="BaseModel")

_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_OWN_TYPES = frozenset(ErrorType)
_TYPES = {
    "missing": ErrorType.MISSING_FIELD,
    "union_tag_not_found": ErrorType.MISSING_FIELD,
    "union_tag_invalid": ErrorType.UNKNOWN_CODE,
    "literal_error": ErrorType.UNKNOWN_CODE,
    "enum": ErrorType.UNKNOWN_CODE,
}
_SENTENCES = {
    "missing": "is missing",
    "union_tag_not_found": "is missing",
    "union_tag_invalid": "is not one that this contract knows",
    "string_pattern_mismatch": "has a length or characters that this field does not take",
}


def decode(
    validate: Callable[..., Decoded], data: bytes, *, tagged: bool = False, privacy: Privacy = NETWORKS_ONLY
) -> Decoded:
    """Decode one message.

    Args:
        validate: pydantic's validation of a Python object (of a model or a `TypeAdapter`).
        data: the value of a Kafka record, at most `MAX_BYTES` of JSON nested at most `MAX_DEPTH` deep.
        tagged: the message is a tagged union, whose tag pydantic puts before the path of a field.
        privacy: how card numbers are looked for.

    Raises:
        InvalidMessage: for whatever is wrong; its text holds nothing of the message.
    """
    if not data:
        raise InvalidMessage(ErrorType.NO_VALUE, "the record has no value (a tombstone)")
    if len(data) > MAX_BYTES:  # and nothing looks inside
        raise InvalidMessage(ErrorType.TOO_LARGE, f"the message is larger than {MAX_BYTES} bytes")
    try:
        document = _parse(data)
        message = checked(validate, document, tagged=tagged, privacy=privacy)
        privacy.look_at_unknown(document, message)
    except InvalidMessage as error:
        refused = error
    else:
        return message
    if refused.error_type is not ErrorType.PAN and contains_pan(data, privacy.card_prefixes):
        refused = InvalidMessage(ErrorType.PAN, "the message holds a card number")
    raise refused


def checked(
    validate: Callable[..., Decoded],
    document: Any,
    *,
    tagged: bool = False,
    privacy: Privacy = NETWORKS_ONLY,
) -> Decoded:
    """Validate a parsed document.

    Raises:
        InvalidMessage: for the first field at fault, a card number before all others.
    """
    try:
        return validate(document, context=privacy)
    except ValidationError as error:
        refused = _refusal(error, tagged=tagged)
    # Raised out here, so that no chained exception carries the document along.
    raise refused


def _parse(data: bytes) -> dict[str, Any]:
    """Read one JSON object; orjson refuses invalid UTF-8, a byte order mark, lone surrogates and NaN."""
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _depth(_outside_strings(data)) > MAX_DEPTH:
        raise InvalidMessage(ErrorType.TOO_DEEP, f"the message is nested deeper than {MAX_DEPTH}")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        document = _NO_JSON
    if document is _NO_JSON:
        raise InvalidMessage(ErrorType.NOT_JSON, "the message is not JSON in UTF-8")
    if not isinstance(document, dict):
        raise InvalidMessage(ErrorType.INVALID_TYPE, "the message must be a JSON object")
    # With no more commas than part the members that were read, no member was dropped for another of its name.
    if data.count(b",") >= len(document) and _outside_strings(data).count(b":") != _members(document):
        raise InvalidMessage(ErrorType.INVALID_VALUE, "an object of the message names a field twice")
    return document


def _outside_strings(data: bytes) -> bytes:
    """Drop the JSON strings: every second piece between quotation marks, once escapes are gone."""
    return b"".join(_ESCAPE.sub(b"", data).split(b'"')[::2])


def _depth(outside: bytes) -> int:
    """Deepest nesting of brackets outside strings."""
    steps = ((bracket in b"{[") - (bracket in b"}]") for bracket in outside)
    return max(accumulate(steps), default=0)


def _members(node: Any) -> int:
    """Count the members of all objects in a parsed document; each has one colon outside strings."""
    if isinstance(node, dict):
        return len(node) + sum(map(_members, node.values()))
    return sum(map(_members, node)) if isinstance(node, list) else 0


def _refusal(error: ValidationError, *, tagged: bool) -> InvalidMessage:
    """Choose one error to report: a card number before all others, else the first field at fault."""
    refusals = [_describe(details, tagged=tagged) for details in error.errors(include_url=False)]
    return min(refusals, key=lambda refusal: refusal.error_type is not ErrorType.PAN)


def _describe(details: ErrorDetails, *, tagged: bool) -> InvalidMessage:
    """Put one pydantic error in our terms, without its input."""
    kind = details["type"]
    sentence = _SENTENCES.get(kind, details["msg"])
    return InvalidMessage(_error_type(kind), sentence, _field(details, tagged=tagged))


def _field(details: ErrorDetails, *, tagged: bool) -> str | None:
    """Dotted path of the field at fault; the context names it where a rule spans several fields."""
    context = details.get("ctx", {})
    path = ".".join(str(part) for part in details["loc"][tagged:])
    return context.get("field") or path or context.get("discriminator", "").strip("'") or None


def _error_type(kind: str) -> ErrorType:
    if kind in _OWN_TYPES:
        return ErrorType(kind)
    if kind in _TYPES:
        return _TYPES[kind]
    return ErrorType.INVALID_TYPE if kind.endswith("_type") else ErrorType.INVALID_VALUE
