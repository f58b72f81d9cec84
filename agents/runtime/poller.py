"""The one thread that talks to the group: it polls, and makes every call on the consumer for the others.

Any call on a librdkafka consumer blocks while another thread is inside its poll(). So commits and the like
are requests, served between two polls and also while a rebalance callback waits for the event loop; without
the latter the two would wait for each other.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from typing import TYPE_CHECKING, Any, Protocol

import confluent_kafka as ck
import orjson

from agents.runtime.errors import Fenced, LogReplaced
from agents.runtime.partition import Gap, Loss, lost
from agents.runtime.watchdog import Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

    from agents.runtime.options import DeliveryOptions
    from agents.runtime.watchdog import Progress

    Place = tuple[str, int]
    Batches = dict[Place, list[ck.Message]]

_LOG = logging.getLogger("librdkafka.consumer")
_POLL_SECONDS = 0.05
_MOST_AT_ONCE = 500
_ANSWER_SECONDS = 10.0
_MOST_ATTEMPTS = 3
"""Times that a batch is fetched before it counts as unreadable: the first may have met a broken link."""
_UNREADABLE = frozenset(
    {
        ck.KafkaError._BAD_COMPRESSION,  # noqa: SLF001 - librdkafka's own codes begin so
        ck.KafkaError._BAD_MSG,  # noqa: SLF001
        ck.KafkaError._UNDERFLOW,  # noqa: SLF001
    }
)


class GroupEvents(Protocol):
    """The poll thread's calls to the engine; all but `prepare` and `lag` run on the event loop."""

    def prepare(self, partitions: list[ck.TopicPartition], membership: Any) -> Any:
        """Restore what is assigned and set start offsets (poll thread); gives what `assigned` needs.

        What cannot be read yet is taken out of `partitions`.
        """

    def held_back(self, prepared: Any) -> bool:
        """Return true if what is assigned is to be read only when it is resumed (poll thread)."""

    def paused(self, prepared: Any) -> None:
        """Decide when to resume what was held back."""

    async def assigned(self, prepared: Any) -> None:
        """Take the partitions over."""

    async def revoked(self, places: list[Place], *, lost: bool) -> None:
        """Finish, commit and hand over; `lost`: they belong to others already."""

    def received(self, batches: Batches) -> None:
        """Take records, by partition."""

    def passed_over(self, place: Place, gap: Gap) -> None:
        """Take note of records that cannot be read, behind those that were received before."""

    def lag(self, lags: Mapping[Place, int]) -> None:
        """Take the number of records behind the end, by partition (poll thread)."""

    def died(self, failure: BaseException) -> None:
        """Take the exception that ended the poll thread."""


class Poller:
    """Runs the consumer of one group; made and started on the event loop that it serves."""

    def __init__(self, options: DeliveryOptions, events: GroupEvents, progress: Progress) -> None:
        self._options = options
        self._events = events
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._requests: queue.SimpleQueue[tuple[Callable[[ck.Consumer], Any], asyncio.Future[Any]]] = (
            queue.SimpleQueue()
        )
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._has_rebalanced = False
        self._room = threading.Event()
        self._received = 0
        self._released = 0
        self._next: dict[Place, int] = {}
        self._attempts: dict[Place, int] = {}
        self._consumer = ck.Consumer(
            {**options.consumer_properties(), "stats_cb": self._on_statistics}, logger=_LOG
        )
        self._thread = threading.Thread(target=self._run, name="poller", daemon=True)

    def start(self, topics: Iterable[str]) -> None:
        """Subscribe and start polling."""
        self._consumer.subscribe(
            list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        self._thread.start()

    def request(self, call: Callable[[ck.Consumer], Any]) -> asyncio.Future[Any]:
        """Have the poll thread call something on the consumer, and await its result.

        The result is Fenced once the thread has left the group.
        """
        answer = self._loop.create_future()
        self._requests.put((call, answer))
        if self._ended.is_set():
            self._refuse_requests()
        return answer

    @property
    def consumer(self) -> ck.Consumer:
        """The consumer itself, for use in the poll thread only."""
        return self._consumer

    def release(self, count: int) -> None:
        """Count records as done with, so that as many more may be fetched."""
        self._released += count
        if not self._room.is_set():
            self._room.set()

    def add(self, count: int) -> None:
        """Count records that came another way, to be released like the others."""
        self._received += count

    def resume(self, offsets: Mapping[Place, int]) -> Awaitable[None]:
        """Read on what was held back, some of it from other offsets."""

        def assign(consumer: ck.Consumer) -> None:
            self._next |= {place: offset for place, offset in offsets.items() if place in self._next}
            places = self._places()
            consumer.assign(places)
            consumer.resume(places)

        return self.request(assign)

    def _places(self) -> list[ck.TopicPartition]:
        return [ck.TopicPartition(*place, offset) for place, offset in self._next.items()]

    @property
    def queued(self) -> int:
        """Records received and not released."""
        return self._received - self._released

    async def stop(self, timeout: float = 15.0) -> None:  # noqa: ASYNC109 - a thread's join takes one
        """Leave the group: `revoked` is called on this loop meanwhile."""
        self._stopping.set()
        self._room.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, timeout)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
        except BaseException as failure:  # noqa: BLE001 - whatever it is, the loop must hear of it
            self._post(self._events.died, failure)
        finally:
            try:
                self._consumer.close()
            finally:
                self._ended.set()
                self._refuse_requests()

    def _turn(self) -> None:
        self._progress.moved(Stage.POLLING, more=True)
        self._serve_requests()
        room = self._options.max_queued_records - self.queued
        if room < self._options.chunk_size:
            self._room.clear()
            if self._options.max_queued_records - self.queued < self._options.chunk_size:
                self._room.wait(_POLL_SECONDS)
            return
        first = self._consumer.poll(_POLL_SECONDS)
        if first is None:
            return
        # consume(n, t) would wait for n messages or t; after poll() it only takes what is there
        self._has_rebalanced = False
        more = self._consumer.consume(min(room, _MOST_AT_ONCE) - 1, 0)
        # librdkafka drops what it has not given yet; what poll() gave belongs to the assignment before
        batches, failed = _by_partition(more if self._has_rebalanced else [first, *more])
        for place, records in batches.items():
            self._follow(place, records)
        if batches:
            self._received += sum(map(len, batches.values()))
            self._progress.has_work(Stage.PROCESSING)
            self._post(self._events.received, batches)
        for message in failed:
            self._step_over(message)

    def _follow(self, place: Place, records: list[ck.Message]) -> None:
        """See that offsets only rise: else another log has taken the place of the one that was read.

        Raises:
            LogReplaced: they fell.
        """
        if records[0].offset() < self._next.get(place, 0):
            raise _replaced(*place)
        self._next[place] = records[-1].offset() + 1
        self._attempts.pop(place, None)

    def _step_over(self, message: ck.Message) -> None:
        """Go on behind what cannot be read, if that is why a fetch failed."""
        place, code = (message.topic(), message.partition()), message.error().code()
        if code == ck.KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - librdkafka's own codes begin so
            self._step_over_lost(place)
        elif code in _UNREADABLE:
            self._attempts[place] = self._attempts.get(place, 0) + 1
            if self._attempts[place] >= _MOST_ATTEMPTS:
                self._step_over_unreadable(place, message)

    def _step_over_lost(self, place: Place) -> None:
        """Go on at the first record that is left; after such an error only an assignment sets a position.

        Raises:
            LogReplaced: there are fewer records than were read.
        """
        low, high = self._consumer.get_watermark_offsets(ck.TopicPartition(*place), _ANSWER_SECONDS)
        wanted = self._next[place]
        if wanted > high:
            raise _replaced(*place)
        self._next[place] = max(low, wanted)
        self._consumer.assign(self._places())
        if wanted < low:
            self._post(self._events.passed_over, place, lost(wanted, low))

    def _step_over_unreadable(self, place: Place, message: ck.Message) -> None:
        first = max(message.offset(), self._next[place])
        last = self._options.batch_end(*place, first)
        reason = f"the batch cannot be decompressed or read ({message.error().name()})"
        gap = Gap(first, max(first, last or first), Loss.UNREADABLE, reason)
        self._next[place] = gap.last + 1
        self._attempts.pop(place, None)
        self._consumer.seek(ck.TopicPartition(*place, self._next[place]))
        self._post(self._events.passed_over, place, gap)

    def _serve_requests(self, wait: float = 0.0) -> None:
        while True:
            try:
                call, answer = self._requests.get(timeout=wait) if wait else self._requests.get_nowait()
            except queue.Empty:
                return
            try:
                result = call(self._consumer)
            except Exception as failure:  # noqa: BLE001 - it belongs to whoever asked
                self._post(_fail, answer, failure)
            else:
                self._post(_answer, answer, result)
            wait = 0.0

    def _refuse_requests(self) -> None:
        while not self._requests.empty():
            _, answer = self._requests.get_nowait()
            self._post(_fail, answer, Fenced("this worker has left the group"))

    def _post(self, callback: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _on_assign(self, consumer: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        prepared = self._events.prepare(partitions, consumer.consumer_group_metadata())
        self._next = {(tp.topic, tp.partition): tp.offset for tp in partitions}
        self._attempts.clear()
        self._on_loop(self._events.assigned(prepared))
        consumer.assign(partitions)
        if self._events.held_back(prepared):
            consumer.pause(partitions)
            self._post(self._events.paused, prepared)

    def _on_revoke(self, consumer: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        del consumer
        self._on_loop(self._events.revoked(_places(partitions), lost=False))

    def _on_lost(self, consumer: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        del consumer
        self._on_loop(self._events.revoked(_places(partitions), lost=True))

    def _on_loop(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the event loop and serve its requests meanwhile (poll thread).

        The time that it takes counts as time without polling: an event loop that is stuck here is stuck.
        """
        self._has_rebalanced = True
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        while not future.done():
            self._serve_requests(wait=0.01)
        future.result()

    def _on_statistics(self, text: str) -> None:
        self._events.lag(read_lags(text))


def read_lags(statistics: str) -> dict[Place, int]:
    """Read from librdkafka's statistics how many records each fetched partition is behind its end.

    Markers of transactions do not count: the next offset passes them as soon as they are fetched.
    """
    return {
        (topic["topic"], partition["partition"]): max(
            0, partition["ls_offset"] - partition["next_offset"] + partition["fetchq_cnt"]
        )
        for topic in orjson.loads(statistics)["topics"].values()
        for partition in topic["partitions"].values()
        if partition["partition"] >= 0
        and partition["desired"]
        and partition["next_offset"] >= 0
        and partition["leader"] >= 0  # without one nobody can read it, and the numbers are old
    }


def _by_partition(messages: Iterable[ck.Message]) -> tuple[Batches, list[ck.Message]]:
    """Part records from what is no record but says that a fetch failed.

    Raises:
        KafkaException: the consumer cannot go on.
    """
    batches: Batches = {}
    failed: list[ck.Message] = []
    for message in messages:
        error = message.error()
        if error is None:
            batches.setdefault((message.topic(), message.partition()), []).append(message)
        elif error.fatal():
            raise ck.KafkaException(error)
        else:
            _LOG.warning("consumer: %s", error)
            failed.append(message)
    return batches, failed


def _replaced(topic: str, partition: int) -> LogReplaced:
    return LogReplaced(
        f"topic {topic} was made anew while partition {partition} was read: the next start reads it from its "
        "beginning, with the profiles as they are"
    )


def _places(partitions: list[ck.TopicPartition]) -> list[Place]:
    return [(partition.topic, partition.partition) for partition in partitions]


def _answer(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], failure: Exception) -> None:
    if not future.done():
        future.set_exception(failure)
