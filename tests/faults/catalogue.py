"""Every scenario there is: importing a module of scenarios registers them."""

from __future__ import annotations

from tests.faults import (
    broker_disk,
    broker_leaders,
    broker_outage,
    broker_slow,
    processes,
    strange_records,
)
from tests.faults.scenario import SCENARIOS

__all__ = [
    "SCENARIOS",
    "broker_disk",
    "broker_leaders",
    "broker_outage",
    "broker_slow",
    "processes",
    "strange_records",
]
