"""What every scorer must know and did not see: models, reputations and controls, from compacted topics.

`Broadcast` reads the topics whole and goes on reading; a handler for each topic takes the records over.
"""

from __future__ import annotations

from agents.broadcast.handlers import (
    Handler,
    SnapshotHandler,
    control_handler,
    pin_handler,
    policy_factory,
    refuse_controls,
    reputation_handler,
)
from agents.broadcast.published import PublishedVersions
from agents.broadcast.reader import Broadcast, BroadcastUnavailable

__all__ = [
    "Broadcast",
    "BroadcastUnavailable",
    "Handler",
    "PublishedVersions",
    "SnapshotHandler",
    "control_handler",
    "pin_handler",
    "policy_factory",
    "refuse_controls",
    "reputation_handler",
]
