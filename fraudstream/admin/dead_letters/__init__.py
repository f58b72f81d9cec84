"""The dead letters of a service: list them, look at them, and replay them once fixed.

`log` reads the topic and original messages; `display` shows them and writes files; `repair` applies fixes;
`replay` sends each message once.
"""

from __future__ import annotations

from fraudstream.admin.dead_letters.display import (
    in_full,
    line,
    read_mends,
    row,
    where_it_stands,
    whole_row,
    write_letter,
)
from fraudstream.admin.dead_letters.log import (
    DeadLetterLog,
    DeadLettersRefused,
    Place,
    ReplayNote,
    StoredDeadLetter,
    read_letters,
)
from fraudstream.admin.dead_letters.repair import REMEDIATION, Fix, FixedMessage
from fraudstream.admin.dead_letters.replay import Replayed, replay

__all__ = [
    "REMEDIATION",
    "DeadLetterLog",
    "DeadLettersRefused",
    "Fix",
    "FixedMessage",
    "Place",
    "ReplayNote",
    "Replayed",
    "StoredDeadLetter",
    "in_full",
    "line",
    "read_letters",
    "read_mends",
    "replay",
    "row",
    "where_it_stands",
    "whole_row",
    "write_letter",
]
