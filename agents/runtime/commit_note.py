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
        suspect: records that made a worker leave or die.
        states: by agent, what its state needs to know of where its outputs ended, or how many entries it has.
        log: identity of the log that the committed offset counts in; 0 where none was noted.
        epoch: tells logs apart that the broker gives one id, or none: another one with each
            `fraudstream profiles rebase`.
        starts: workers that began at the committed offset with records before them, and have committed
            nothing since.
    """

    suspect: Suspect | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    log: int = 0
    epoch: int = 0
    starts: int = 0

    def text(self) -> str:
        """Write it as commit metadata; nothing to say is no text."""
        said: dict[str, object] = {
            "suspect": _suspect_fields(self.suspect),
            "states": dict(self.states),
            "log": self.log,
            "epoch": self.epoch,
            "starts": self.starts,
        }
        said = {name: value for name, value in said.items() if value}
        return orjson.dumps(said).decode() if said else ""

    @classmethod
    def read(cls, text: str | None) -> CommitNote:
        """Read commit metadata; other programs' notes count as none."""
        try:
            said = orjson.loads(text or "")
            numbers = {name: int(said.get(name, 0)) for name in ("log", "epoch", "starts")}
            return cls(_suspect(said.get("suspect")), _states(said.get("states") or {}), **numbers)
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()


def _suspect_fields(suspect: Suspect | None) -> list[int]:
    if suspect is None:
        return []
    return [suspect.first, suspect.last, suspect.failures, int(suspect.is_on_trial)]


def _suspect(fields: list[int] | None) -> Suspect | None:
    if fields is None:
        return None
    first, last, failures, *rest = fields
    return Suspect(int(first), int(last), int(failures), is_on_trial=bool(rest and rest[0]))


def _states(said: Mapping[str, object]) -> dict[str, str]:
    return {agent: note for agent, note in said.items() if isinstance(note, str)}
