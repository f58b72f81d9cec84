"""The memory of an agent about one partition, and its keeping by the engine."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from confluent_kafka import Message

_SEAL = Struct(">qq")


class PartitionState(Protocol):
    """One agent's memory of one partition; made or restored when it arrives, dropped when it goes."""

    def restore(self, key: bytes, payload: bytes | None) -> None:
        """Take one changelog record (`None`: the key is gone); called before the first chunk."""

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """Give what changed since the last call, as changelog records, and call it unchanged."""

    def __len__(self) -> int:
        """Count the entries: for people, and to notice that a changelog has lost some."""


class KeepsItself:
    """A state with a durable store of its own, which follows what the broker has committed, never leads it.

    It has no changelog: what was not saved, or was lost, comes back from the source itself. Nothing that it
    need not do has to be said.
    """

    def restore(self, key: bytes, payload: bytes | None) -> None:
        """Take nothing: there is no changelog."""

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """Give nothing for a changelog."""
        return []

    def __len__(self) -> int:
        """Count the entries, for people."""
        raise NotImplementedError

    def resume(self, partition: int, committed: int | None, note: str | None, log: int) -> int | None:
        """Open the store of a partition; give the source offset to start from (poll thread).

        Args:
            partition: number of the source partition.
            committed: the group's committed offset of it, if there is one.
            note: what `note` gave for that commit.
            log: identity of the source topic: offsets that were kept in another log mean nothing here.

        Returns:
            The offset up to which the store is complete, or `None` for the group's committed one.
        """
        raise NotImplementedError

    def note(self) -> str:
        """Tell the next commit what `resume` will have to know."""
        return ""

    def freeze(self, position: int) -> None:
        """Keep apart what was done so far, up to this source offset: the commit that follows holds it."""

    def save(self) -> None:
        """Make durable what was kept apart: the broker has accepted the commit."""

    def close(self) -> None:
        """Let go of the store; what was not saved is given up."""


class Replays(KeepsItself):
    """A store that is brought up to the committed offset before its partition is read on.

    What follows from these records was committed with that offset, and must not be written again.
    """

    def replay(self, record: Message) -> None:
        """Take one record before the committed offset (poll thread)."""
        raise NotImplementedError


def own_stores(states: Mapping[str, PartitionState]) -> Iterator[tuple[str, KeepsItself]]:
    """Give the states that keep themselves, by their agents."""
    return ((agent, state) for agent, state in states.items() if isinstance(state, KeepsItself))


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


class Sealed(NamedTuple):
    """A changelog value."""

    log: int
    """Identity of the source's log that `offset` counts in."""
    offset: int
    """Source offset that the payload includes."""
    payload: bytes


def seal(log: int, offset: int, payload: bytes | None) -> bytes | None:
    """Put the log and the source offset that a payload includes in front of it, big-endian."""
    return None if payload is None else _SEAL.pack(log, offset) + payload


def unseal(value: bytes) -> Sealed:
    """Take a changelog value apart; one that is too short raises ValueError."""
    if len(value) < _SEAL.size:
        raise ValueError(f"a changelog value has at least {_SEAL.size} bytes, not {len(value)}")
    log, offset = _SEAL.unpack_from(value)
    return Sealed(log, offset, value[_SEAL.size :])
