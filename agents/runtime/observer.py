"""What the engine tells operations: implemented by the worker's telemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Observer(Protocol):
    """Receives the engine's events; methods are called on the event loop unless they say otherwise."""

    def partitions_assigned(self, count: int) -> None:
        """`count` partitions are in this worker's hands now."""

    def rebalanced(self, *, lost: bool) -> None:
        """Partitions were taken away; `lost`: without the chance to commit."""

    def restored(self, topic: str, seconds: float, records: int) -> None:
        """A changelog was read (poll thread)."""

    def committed(self, seconds: float, changelog_records: int) -> None:
        """A checkpoint is durable."""

    def commit_failed(self, reason: str) -> None:
        """A checkpoint was refused, and the worker leaves."""

    def lag(self, lags: Mapping[tuple[str, int], int]) -> None:
        """Records behind the end, by topic and partition (poll thread)."""

    def agent_failed(self, agent: str, failure: BaseException) -> None:
        """An agent raised; the worker leaves."""

    def leaving(self, reason: str) -> None:
        """The worker leaves, and why."""


class Silent:
    """An observer that tells nobody."""

    def partitions_assigned(self, count: int) -> None:
        """Tell nobody."""

    def rebalanced(self, *, lost: bool) -> None:
        """Tell nobody."""

    def restored(self, topic: str, seconds: float, records: int) -> None:
        """Tell nobody."""

    def committed(self, seconds: float, changelog_records: int) -> None:
        """Tell nobody."""

    def commit_failed(self, reason: str) -> None:
        """Tell nobody."""

    def lag(self, lags: Mapping[tuple[str, int], int]) -> None:
        """Tell nobody."""

    def agent_failed(self, agent: str, failure: BaseException) -> None:
        """Tell nobody."""

    def leaving(self, reason: str) -> None:
        """Tell nobody."""
