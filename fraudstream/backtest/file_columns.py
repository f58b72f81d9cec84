"""What the columns of a bank's file must hold, and how it is read: times, amounts, truths and tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import compute

from fraudstream.errors import FraudstreamError
from fraudstream.simulate.world import token

if TYPE_CHECKING:
    from pathlib import Path

    from models.arrays import Flags, Floats, Integers

_MICROSECONDS: Final = 1e6
_TRUTHS: Final = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def read_times(column: Any, field: str, path: Path) -> Floats:
    """Times as seconds since 1970.

    Raises:
        FraudstreamError: one is no time; a number is none, as it does not say its unit.
    """
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            if pa.types.is_timestamp(column.type) or _is_text(column.type):
                seconds: Floats = column.cast(kind, safe=False).cast(pa.int64()).to_numpy() / _MICROSECONDS
                return seconds
        except pa.ArrowInvalid:
            continue
    raise FraudstreamError(
        f"{path} has {field} that is no time: give timestamps or ISO 8601, such as 2026-11-24T10:15:30Z."
    )


def read_amounts(column: Any, path: Path) -> Floats:
    """Amounts in major units.

    Raises:
        FraudstreamError: one is no number, or negative.
    """
    try:
        amounts: Floats = column.cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise FraudstreamError(
            f"{path} has an amount that is no number: write decimals with a point, and thousands together."
        ) from None
    if not (np.isfinite(amounts) & (amounts >= 0.0)).all():
        raise FraudstreamError(f"{path} has an amount that is negative or no number: leave refunds out.")
    return amounts


def read_frauds(column: Any, path: Path) -> Flags:
    """Whether each row is a fraud.

    Raises:
        FraudstreamError: one says neither.
    """
    values = compute.utf8_lower(column.cast(pa.string()))
    if unknown := set(values.unique().to_pylist()) - _TRUTHS.keys():
        raise FraudstreamError(
            f"{path} has {len(unknown)} kinds of value in fraud that are neither true nor false, 1 nor 0."
        )
    return np.array([_TRUTHS[value] for value in values.to_pylist()], dtype=np.bool_)


def read_tokens(kind: str, column: Any) -> tuple[Integers, list[str]]:
    """Numbers of the values and a token for each number."""
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    codes: Integers = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, [token(kind, name) for name in encoded.dictionary.to_pylist()]


def tokenised(kind: str, value: str) -> str:
    """A country code as it is, a token of anything else: it may hold what no message can."""
    return value if kind == "country" and re.fullmatch("[A-Z]{2}", value) else token(kind, value)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
