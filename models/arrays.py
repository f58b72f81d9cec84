"""Names for the numpy columns that the core computes with."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Hashes: TypeAlias = NDArray[np.uint64]
ShortHashes: TypeAlias = NDArray[np.uint32]
Codes: TypeAlias = NDArray[np.uint16]
Flags: TypeAlias = NDArray[np.bool_]
Records: TypeAlias = NDArray[Any]
"""An array of structured rows; its dtype is named where it is used."""
