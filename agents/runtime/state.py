"""What an agent remembers about one partition, and how the engine keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable

_OFFSET_BYTES = 8


class PartitionState(Protocol):
    """One agent's memory of one partition; made or restored when it arrives, dropped when it goes."""

    def restore(self, key: bytes, payload: bytes | None) -> None:
        """Take one changelog record (`None`: the key is gone); called before the first chunk."""

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """Give what changed since the last call, as changelog records, and call it unchanged."""

    def __len__(self) -> int:
        """Count the entries, for people."""


@runtime_checkable
class StartsItself(Protocol):
    """A state with a durable store of its own, which knows better than the group where to go on."""

    def start_offset(self, committed: int | None) -> int | None:
        """Give the source offset to start from, or `None` for the group's committed one."""


@dataclass(frozen=True)
class Binding:
    """Ties an agent to its source topic and to the changelog of its state.

    Attributes:
        agent: name of the agent, the key of its state in every chunk.
        topic: source topic.
        changelog: compacted topic with as many partitions as `topic`, or `None` for a state without one.
        new_state: makes the empty state of a partition.
    """

    agent: str
    topic: str
    changelog: str | None
    new_state: Callable[[], PartitionState]


def seal(offset: int, payload: bytes | None) -> bytes | None:
    """Put the source offset that a payload includes in front of it, as eight big-endian bytes."""
    return None if payload is None else offset.to_bytes(_OFFSET_BYTES, "big") + payload


def unseal(value: bytes) -> tuple[int, bytes]:
    """Take source offset and payload of a changelog value apart; one that is too short raises ValueError."""
    if len(value) < _OFFSET_BYTES:
        raise ValueError(f"a changelog value has at least {_OFFSET_BYTES} bytes, not {len(value)}")
    return int.from_bytes(value[:_OFFSET_BYTES], "big"), value[_OFFSET_BYTES:]
