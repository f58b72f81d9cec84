"""Types of the numpy columns that the core computes with, and a row as River takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Hashes: TypeAlias = NDArray[np.uint64]
ShortHashes: TypeAlias = NDArray[np.uint32]
Codes: TypeAlias = NDArray[np.uint16]
Flags: TypeAlias = NDArray[np.bool_]
Records: TypeAlias = NDArray[Any]
"""An array of structured rows; its dtype is named where it is used."""


def as_row(features: Sequence[float]) -> dict[int, float]:
    """Return a row as River takes it: value by column number, rounded to float32 as scorers see it."""
    return dict(enumerate(np.asarray(features, dtype=np.float32).tolist()))
