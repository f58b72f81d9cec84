"""What a candidate of a backtest works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fraudstream.backtest.dataset import Dataset
    from fraudstream.backtest.files import Folder
    from models.arrays import Integers


@dataclass(frozen=True, slots=True)
class Bench:
    """What a candidate works with.

    Attributes:
        name: of the candidate.
        data: the past.
        horizon: seconds after which an outcome is final.
        test_days: days that are tested, ascending, counted from 1970-01-01.
        folder: keeps checkpoints and features.
        report: is told how many rows are behind.
    """

    name: str
    data: Dataset
    horizon: float
    test_days: Integers
    folder: Folder
    report: Callable[[int], None]
