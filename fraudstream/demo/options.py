"""What a person may choose about a demo."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """How the workers deliver; the values are those of FRAUDSTREAM_DELIVERY__MODE."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The choices.

    Attributes:
        seconds: how long transactions are sent.
        rate: transactions per second.
        workers: how many worker processes share them; one more learns.
        mode: how the workers deliver.
        keep: whether Kafka and the workers stay until Ctrl-C.
    """

    seconds: float = 100.0
    rate: float = 700.0
    workers: int = 2
    mode: Mode = Mode.EXACTLY_ONCE
    keep: bool = False

    @property
    def transactions(self) -> int:
        """How many transactions are sent, repeats not counted."""
        return max(1, round(self.seconds * self.rate))
