"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is well, and a sentence of what was seen and, if ill, the mend."""

    subject: str
    ok: bool
    sentence: str
