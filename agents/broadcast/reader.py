"""Reads compacted topics whole, without a group, and goes on reading for as long as the worker runs.

In: the compacted topics, all partitions, from their beginning. Out: nothing. Remembers: what the handlers
keep. Promises: each committed record is handed over once, in the order of its partition, but at the start not
all those of a key that a later one replaces, where that is wished; `caught_up` only after every partition was
read to its end; a record that is refused, or that breaks its handler, is reported and passed over, since one
bad record must not stop every scorer at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import confluent_kafka as ck
import mode
import orjson

from agents.runtime.errors import KafkaUnavailable
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from agents.broadcast.handlers import Handler
    from agents.telemetry import Telemetry

    Place = tuple[str, int]
    Step = Callable[[], None]
    Taken = tuple[ck.Message, Step]
    Preparer = Callable[[bytes | None, bytes | None], Step]

_LOG = logging.getLogger("librdkafka.broadcast")
_MOST_AT_ONCE = 100
_MOST_WITHHELD = 100_000
_POLL_SECONDS = 0.2
_HASTY_POLL_SECONDS = 0.02
_STATISTICS_SECONDS = 5.0
_LOOK_SECONDS = 1.0


class BroadcastUnavailable(Exception):
    """A compacted topic cannot be read, because it does not exist or this worker may not read it."""

    is_for_people: ClassVar = True


class Broadcast(mode.Service):
    """Hands the records of compacted topics to their handlers, on the event loop.

    One thread of its own waits for Kafka, so that at most a hundred records at a time, about 2 ms of work,
    come between the micro-batches of the agents.
    """

    def __init__(
        self,
        properties: Mapping[str, Any],
        handlers: Mapping[str, Handler],
        telemetry: Telemetry,
        *,
        preparers: Mapping[str, Preparer] | None = None,
        newest_only: Collection[str] = (),
        start_timeout: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is connected before the service starts.

        Args:
            properties: librdkafka's, of a reader without group (`DeliveryOptions.reader_properties()`).
            handlers: by topic.
            preparers: by further topics whose records take long to make ready: run in the reader's own
                thread, they give what is then called on the event loop.
            newest_only: topics of which, at the start, a record may be left out that a later one of its key
                replaces; not one whose handler must see them all.
            telemetry: is told what was applied and refused.
            start_timeout: seconds that the brokers have to answer at the start.
            clock: monotonic seconds.
        """
        super().__init__()
        self._properties = dict(properties)
        self._handlers = dict(handlers)
        self._preparers = dict(preparers or {})
        self._newest_only = frozenset(newest_only)
        self._telemetry = telemetry
        self._start_timeout = start_timeout
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "broadcast")
        self._consumer: Any = None
        self._behind: set[Place] = set()
        self._withheld: dict[Place, dict[bytes | None, ck.Message]] = {}
        self._released = deque[ck.Message]()
        self._consumed = 0
        self._records = 0
        self._caught_up = asyncio.Event()
        self._changing = asyncio.Lock()
        self._began = self._confirmed = clock()
        telemetry.listens_to((*self._handlers, *self._preparers))

    @property
    def caught_up(self) -> bool:
        """Whether every partition was read to its end once."""
        return self._caught_up.is_set()

    async def wait_caught_up(self, moved: Callable[[], None] = lambda: None) -> None:
        """Wait for it; `moved` is called about once a second while there is something to read."""
        while not self.caught_up:
            consumed = self._consumed
            with suppress(TimeoutError):
                await asyncio.wait_for(self._caught_up.wait(), _LOOK_SECONDS)
            if self._consumed > consumed:
                moved()

    def staleness(self) -> float:
        """Seconds since the brokers last confirmed that there was no more to read."""
        return self._clock() - self._confirmed

    def check(self) -> str | None:
        """Say which topics are still being read for the first time; None once caught up (for `Readiness`)."""
        if self.caught_up:
            return None
        waiting = sorted({topic for topic, _ in self._behind} or {*self._handlers, *self._preparers})
        return f"not read to the end yet: {', '.join(waiting)}"

    async def on_start(self) -> None:
        """Find the topics and begin at their beginning.

        Raises:
            KafkaUnavailable: no broker answered in time.
            BroadcastUnavailable: a topic does not exist or may not be read.
        """
        self._began = self._confirmed = self._clock()
        async with self._changing:
            if self.should_stop:  # told to stop before it had begun
                return
            try:
                await self._begin()
            except (BroadcastUnavailable, KafkaUnavailable) as failure:
                self._telemetry.leaving(str(failure))
                raise

    async def on_stop(self) -> None:
        """Let go of the consumer, after the read or the start that is on its way."""
        async with self._changing:
            if self._consumer is not None:
                await self._in_thread(self._consumer.close)
            self._thread.shutdown(wait=False)

    @mode.Service.task
    async def _read(self) -> None:
        while not self.should_stop:
            # consume() waits for so many or so long: not long while agents wait for the ends to be reached
            patience = _POLL_SECONDS if self.caught_up else _HASTY_POLL_SECONDS
            self._take(await self._in_thread(self._consume, patience))

    async def _begin(self) -> None:
        self._consumer = await self._in_thread(self._new_consumer)
        for topic in (*self._handlers, *self._preparers):
            self._behind.update([(topic, number) for number in await self._partitions(topic)])
        self._withheld = {place: {} for place in self._behind if place[0] in self._newest_only}
        beginnings = [ck.TopicPartition(*place, ck.OFFSET_BEGINNING) for place in self._behind]
        await self._in_thread(self._consumer.assign, beginnings)

    def _consume(self, patience: float) -> list[Taken]:
        """Read what there is and make ready what takes long (in the thread)."""
        if not self._released:
            messages = self._consumer.consume(_MOST_AT_ONCE, patience)
            self._consumed += len(messages)
            self._released.extend(chain.from_iterable(map(self._release, messages)))
        count = min(len(self._released), _MOST_AT_ONCE)
        released = [self._released.popleft() for _ in range(count)]
        return [(message, self._prepared(message)) for message in released]

    def _release(self, message: ck.Message) -> Sequence[ck.Message]:
        """What is to be handed over now that a message came.

        Until the end of its partition has been seen, a record waits for a later one of its key, as long as
        not too many do: Kafka has not compacted what was written lately, thousands of models and reputations.
        """
        withheld = self._withheld.get(place := (message.topic(), message.partition()))
        if withheld is None:
            return [message]
        if message.error() is None:
            withheld.pop(message.key(), None)
            withheld[message.key()] = message
            if len(withheld) <= _MOST_WITHHELD:
                return ()
            self._withheld[place] = {}
            return [*withheld.values()]
        if message.error().code() == ck.KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
            del self._withheld[place]
            return [*withheld.values(), message]
        return [message]

    def _prepared(self, message: ck.Message) -> Step:
        """What is to be called on the event loop for one record; a refusal is raised there."""
        topic, key, value = message.topic(), message.key(), message.value()
        if message.error() is not None or topic not in self._preparers:
            return lambda: self._handlers[topic](key, value)
        try:
            return self._preparers[topic](key, value)
        except Exception as failure:  # noqa: BLE001 - it is told where the others are
            return partial(_raise, failure)

    async def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    def _new_consumer(self) -> ck.Consumer:
        return ck.Consumer(
            {
                **self._properties,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "statistics.interval.ms": int(_STATISTICS_SECONDS * 1_000),
                "stats_cb": self._on_statistics,
            },
            logger=_LOG,
        )

    async def _partitions(self, topic: str) -> list[int]:
        found = await self._metadata(topic)
        if found.error is not None:
            raise BroadcastUnavailable(f"the topic {topic} cannot be read: {found.error.str()}")
        return list(found.partitions)

    async def _metadata(self, topic: str) -> Any:
        """Ask the brokers about a topic, again and again while none answers and there is time."""
        while True:
            try:
                return (await self._in_thread(self._consumer.list_topics, topic, 1.0)).topics[topic]
            except ck.KafkaException as failure:
                waited = self._clock() - self._began
                if waited >= self._start_timeout or self.should_stop:
                    sentence = f"no broker told about the topic {topic} within {waited:.0f} s"
                    raise KafkaUnavailable(f"{sentence}: {failure.args[0].str()}") from failure

    def _take(self, taken: Sequence[Taken]) -> None:
        applied: Counter[str] = Counter()
        for message, step in taken:
            place, error = (message.topic(), message.partition()), message.error()
            if error is None:
                self._behind.add(place)
                applied[message.topic()] += self._apply(message, step)
            elif error.code() == ck.KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
                self._behind.discard(place)
            else:
                self._behind.add(place)
                _LOG.warning("%s partition %d: %s", *place, error)
        for topic, count in applied.items():
            self._telemetry.broadcast_applied(topic, count)
        self._records += applied.total()
        if not self._behind and not self.caught_up:
            self._caught_up.set()
            self._telemetry.broadcast_caught_up(self._clock() - self._began, self._records)

    def _apply(self, message: ck.Message, step: Step) -> bool:
        """Hand one record to its handler; tell whether it was taken."""
        try:
            step()
        except InvalidMessage as refusal:
            self._refuse(message, refusal)
        except Exception as failure:  # noqa: BLE001 - one bad record must not stop every scorer at once
            sentence = f"its handler failed ({type(failure).__name__})"
            self._refuse(message, InvalidMessage(ErrorType.INTERNAL_ERROR, sentence), failure)
        else:
            return True
        return False

    def _refuse(self, message: ck.Message, refusal: InvalidMessage, failure: Exception | None = None) -> None:
        self._telemetry.broadcast_refused(
            message.topic(),
            refusal.error_type,
            str(refusal),
            partition=message.partition(),
            offset=message.offset(),
            failure=failure,
        )

    def _on_statistics(self, statistics: str) -> None:
        """Note that nothing is left to read, if the brokers still talk to us (in the thread)."""
        if not self._behind and leaders_talk(statistics, _STATISTICS_SECONDS):
            self._confirmed = self._clock()


def _raise(failure: Exception) -> None:
    raise failure


def leaders_talk(statistics: str, seconds: float) -> bool:
    """Tell from librdkafka's statistics whether each leader of a partition that is read spoke lately.

    A consumer that has read everything asks its brokers again and again and gets an empty answer ten times
    a second; silence means that there may be more than it knows.
    """
    told = orjson.loads(statistics)
    leaders = {
        partition["leader"]
        for topic in told["topics"].values()
        for partition in topic["partitions"].values()
        if partition["desired"]
    }
    heard = {
        broker["nodeid"]
        for broker in told["brokers"].values()
        if broker["state"] == "UP" and 0 <= broker["rxidle"] <= seconds * 1_000_000
    }
    return bool(leaders) and leaders <= heard
