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
    DeadLettersRefused,
    Letter,
    LetterBook,
    Place,
    ReplayNote,
    read_letters,
)
from fraudstream.admin.dead_letters.repair import HOW_TO_MEND, Mend, Mended
from fraudstream.admin.dead_letters.replay import Replayed, replay

__all__ = [
    "HOW_TO_MEND",
    "DeadLettersRefused",
    "Letter",
    "LetterBook",
    "Mend",
    "Mended",
    "Place",
    "ReplayNote",
    "Replayed",
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
