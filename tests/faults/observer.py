"""A reader of committed scores that notes when each arrived: what the time without scores is measured by."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

from confluent_kafka import OFFSET_END, TopicPartition

from tests.faults.records import reader

if TYPE_CHECKING:
    from types import TracebackType


class Arrival(NamedTuple):
    """A committed score that was seen: when (s, monotonic), and in which partition of `scores`."""

    at: float
    partition: int


class Observer:
    """Reads `scores` from now on in a thread of its own, as a context manager.

    Args:
        servers: where from.
        topic: `scores`.
        partitions: of it.
    """

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        self._servers, self._topic, self._partitions = servers, topic, partitions
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="observer", daemon=True)
        self.arrivals: list[Arrival] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def has_seen_after(self, moment: float) -> bool:
        """Whether a score arrived after this moment (s, monotonic)."""
        return bool(self.arrivals) and self.arrivals[-1].at > moment

    def _read(self) -> None:
        with reader(self._servers, committed=True) as consumer:
            consumer.assign([TopicPartition(self._topic, p, OFFSET_END) for p in range(self._partitions)])
            while not self._ended.is_set():
                messages = consumer.consume(500, 0.02)
                now = time.monotonic()
                self.arrivals += [Arrival(now, each.partition()) for each in messages if each.error() is None]


def longest_gap(arrivals: list[Arrival]) -> float:
    """The longest time without any score, in seconds."""
    return max((after.at - before.at for before, after in pairwise(arrivals)), default=0.0)


def longest_gap_of_a_partition(arrivals: list[Arrival]) -> float:
    """The longest time without a score in one partition, in seconds."""
    partitions = {each.partition for each in arrivals}
    return max(
        (longest_gap([each for each in arrivals if each.partition == number]) for number in partitions),
        default=0.0,
    )
