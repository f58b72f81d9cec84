"""The protocols of a backtest: folds, label delay and the measures that are taken.

Only their names are imported here, so that the command line starts without numpy.
"""

from __future__ import annotations

from enum import StrEnum


class ProtocolName(StrEnum):
    """The protocols that a backtest can follow."""

    HANDBOOK = "handbook"
    """The Handbook's four test weeks."""
    SECOND = "second"
    """Twelve weeks of the same data, by hits among the highest 100 a day."""
    TRANSFERS = "transfers"
    """Simulated account transfers, their last weeks."""
    FILE = "file"
    """A file of the bank's, its last weeks."""
