"""Rows as River takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def as_row(features: Sequence[float]) -> dict[int, float]:
    """A row as River takes it, by the number of its column, rounded to float32 as scorers see it."""
    return dict(enumerate(np.asarray(features, dtype=np.float32).tolist()))
