"""What a worker notes with the offsets that it commits, for the worker that goes on from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from agents.runtime.suspects import Suspect

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class CommitNote:
    """The metadata of a commit.

    Attributes:
        suspect: messages that made a worker leave.
        states: by agent, what its state needs to know of where its outputs ended, or how many entries it has.
    """

    suspect: Suspect | None = None
    states: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Write it as commit metadata; nothing to say is no text."""
        told: dict[str, object] = {}
        if self.suspect is not None:
            told["suspect"] = [self.suspect.first, self.suspect.last, self.suspect.failures]
        if self.states:
            told["states"] = dict(self.states)
        return orjson.dumps(told).decode() if told else ""

    @classmethod
    def read(cls, text: str | None) -> CommitNote:
        """Read commit metadata; other programs' notes count as none."""
        try:
            told = orjson.loads(text or "")
            return cls(_suspect(told.get("suspect")), _states(told.get("states") or {}))
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()


def _suspect(told: list[int] | None) -> Suspect | None:
    if told is None:
        return None
    first, last, failures = told
    return Suspect(int(first), int(last), int(failures))


def _states(told: Mapping[str, object]) -> dict[str, str]:
    return {agent: note for agent, note in told.items() if isinstance(note, str)}
