"""The protocols by name; imports nothing, so that the command line answers at once."""

from __future__ import annotations

from enum import StrEnum


class ProtocolName(StrEnum):
    """What can be asked for."""

    HANDBOOK = "handbook"
    """The Handbook's four test weeks."""
    SECOND = "second"
    """Twelve weeks of the same data, by hits among the highest 100 a day."""
    TRANSFERS = "transfers"
    """Simulated account transfers, their last weeks."""
    FILE = "file"
    """A file of one's own, its last weeks."""
