"""Records and states as the engine sees them, without a broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from agents.runtime.state import KeepsItself
from agents.runtime.testing import FakeRecord

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class FakeState:
    """Remembers what was restored; its changes are set by the test."""

    entries: dict[bytes, bytes] = field(default_factory=dict)
    changed: list[tuple[bytes, bytes | None]] = field(default_factory=list)

    def restore(self, key: bytes, payload: bytes | None) -> None:
        if payload is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = payload

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        changed, self.changed = self.changed, []
        return changed

    def __len__(self) -> int:
        return len(self.entries)


@dataclass
class FakeStore(FakeState, KeepsItself):
    """Keeps itself; writes down what the engine tells it."""

    steps: list[tuple[object, ...]] = field(default_factory=list)

    def resume(self, partition: int, committed: int | None, note: str | None, log: int) -> int | None:
        self.steps.append(("resume", partition, committed, note, log))
        return None if committed is None else committed - 30

    def note(self) -> str:
        return "clock 7"

    def freeze(self, position: int) -> None:
        self.steps.append(("freeze", position))

    def save(self) -> None:
        self.steps.append(("save",))

    def close(self) -> None:
        self.steps.append(("close",))


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def _message(offset: int, key: bytes | None = b"k", value: bytes | None = b"v", **rest: Any) -> FakeRecord:
    return FakeRecord(key, value, offset, **rest)


@pytest.fixture
def message() -> Callable[..., FakeRecord]:
    """Makes a record: message(offset, key, value)."""
    return _message


@pytest.fixture
def messages() -> Callable[[int, int], list[FakeRecord]]:
    """Makes consecutive records from one offset to before another."""
    return lambda first, end: [_message(offset) for offset in range(first, end)]


@pytest.fixture
def state() -> FakeState:
    return FakeState()
