"""The engine's reports to operations, implemented by the worker's telemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.runtime.partition import Chunk


class Observer(Protocol):
    """Receives the engine's events; methods are called on the event loop unless they say otherwise."""

    def partitions_assigned(self, count: int) -> None:
        """`count` partitions are in this worker's hands now."""

    def rebalanced(self, *, lost: bool) -> None:
        """Partitions were taken away; `lost`: without the chance to commit."""

    def restored(self, topic: str, seconds: float, records: int) -> None:
        """A changelog was read (poll thread)."""

    def batch_began(self, chunks: Sequence[Chunk]) -> None:
        """An agent takes these chunks into its hands (in the agent's own task)."""

    def batch_ended(self, *, finished: bool) -> None:
        """It is done with them, or has failed (in the same task)."""

    def checkpoint_chosen(self) -> None:
        """A checkpoint includes every batch that has ended by now, and none that is to begin."""

    def outputs_delivered(self) -> None:
        """The outputs of these batches are on the broker."""

    def committed(self, seconds: float, changelog_records: int) -> None:
        """A checkpoint is durable."""

    def commit_failed(self, reason: str) -> None:
        """A checkpoint was refused, and the worker leaves."""

    def lag(self, lags: Mapping[tuple[str, int], int]) -> None:
        """Records behind the end, by topic and partition (poll thread)."""

    def waiting(self, ages: Mapping[tuple[str, int], float]) -> None:
        """Age (s) of the oldest record in hand and not done, by topic and partition, or 0 (poll thread)."""

    def starts_noted(self, starts: Mapping[tuple[str, int], int]) -> None:
        """Starts without progress, by topic and partition, as noted with the group (poll thread)."""

    def log_replaced(self, topic: str, partition: int) -> None:
        """The committed offset counts in a log that is gone: the partition is read from its beginning."""

    def topic_seen(self, topic: str, *, exists: bool) -> None:
        """A topic that is read, or keeps state, was looked for; `exists`: it was there."""

    def partitions_unserved(self, topic: str, changelog: str, partitions: int, served: int) -> None:
        """Of so many partitions of a topic only the first `served` have one of their changelog."""

    def partition_on_trial(self, topic: str, partition: int, first: int, last: int) -> None:
        """Workers died over these records: they are read alone now."""

    def agent_failed(self, agent: str, failure: BaseException) -> None:
        """An agent raised; the worker leaves."""

    def leaving(self, reason: str) -> None:
        """The worker leaves, and why."""


class Silent:
    """An observer that does nothing."""

    def partitions_assigned(self, count: int) -> None:
        """Do nothing."""

    def rebalanced(self, *, lost: bool) -> None:
        """Do nothing."""

    def restored(self, topic: str, seconds: float, records: int) -> None:
        """Do nothing."""

    def batch_began(self, chunks: Sequence[Chunk]) -> None:
        """Do nothing."""

    def batch_ended(self, *, finished: bool) -> None:
        """Do nothing."""

    def checkpoint_chosen(self) -> None:
        """Do nothing."""

    def outputs_delivered(self) -> None:
        """Do nothing."""

    def committed(self, seconds: float, changelog_records: int) -> None:
        """Do nothing."""

    def commit_failed(self, reason: str) -> None:
        """Do nothing."""

    def lag(self, lags: Mapping[tuple[str, int], int]) -> None:
        """Do nothing."""

    def waiting(self, ages: Mapping[tuple[str, int], float]) -> None:
        """Do nothing."""

    def starts_noted(self, starts: Mapping[tuple[str, int], int]) -> None:
        """Do nothing."""

    def log_replaced(self, topic: str, partition: int) -> None:
        """Do nothing."""

    def topic_seen(self, topic: str, *, exists: bool) -> None:
        """Do nothing."""

    def partitions_unserved(self, topic: str, changelog: str, partitions: int, served: int) -> None:
        """Do nothing."""

    def partition_on_trial(self, topic: str, partition: int, first: int, last: int) -> None:
        """Do nothing."""

    def agent_failed(self, agent: str, failure: BaseException) -> None:
        """Do nothing."""

    def leaving(self, reason: str) -> None:
        """Do nothing."""
