"""What an operator does with dead letters: list, look at, and put back on their topic once mended.

`letters` knows what stands on the dead-letter topic; `reading` reads it, and a message's source; `display`
shows it; `mending` says what would be sent; `replaying` sends it, each message once; `files` keeps mends.
"""

from __future__ import annotations

from fraudstream.dead_letters.display import in_full, line, row, where_it_stands, whole_row
from fraudstream.dead_letters.errors import DeadLettersRefused
from fraudstream.dead_letters.files import read_mends, write_letter
from fraudstream.dead_letters.letters import Letter, LetterBook, Place, ReplayNote
from fraudstream.dead_letters.mending import HOW_TO_MEND, Mend, Mended
from fraudstream.dead_letters.reading import read_letters
from fraudstream.dead_letters.replaying import Replayed, replay

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
