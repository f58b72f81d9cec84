"""What Faust asks of a consumer and a poll thread has no use for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faust.transport.consumer import Consumer
from mode import Service

if TYPE_CHECKING:
    from collections.abc import Iterable

    from faust.types import TP


class DetachedConsumer(Consumer):
    """Faust's consumer without fetching, seeking, pausing and committing of its own."""

    @Service.task
    async def _commit_handler(self) -> None:
        """Leave commits to the checkpoints."""

    @Service.task
    async def _commit_livelock_detector(self) -> None:
        """Leave this to the watchdog."""

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Do nothing: chunks stop at the gate and at `is_live`."""

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Do nothing, as for `pause_partitions`."""

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: the poller bounds what is queued."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing, as for `on_buffer_full`."""

    def close(self) -> None:
        """Do nothing: the poll thread closes the consumer."""

    def topic_partitions(self, topic: str) -> int | None:
        """Know nothing about other partitions than those in hand."""
        del topic
        return None

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Leave the partition to librdkafka."""
        del topic, key
        return partition

    async def _unused(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("the poll thread fetches, seeks and commits")

    _commit = _getmany = _seek = seek_wait = seek_to_committed = _unused
    position = earliest_offsets = highwaters = create_topic = _unused

    def _unused_call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("the poll thread builds messages and knows the offsets")

    _to_message = _new_topicpartition = highwater = _unused_call
