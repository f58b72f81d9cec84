"""The outputs of a worker: deliveries are counted, inside transactions when asked for.

To commit a transaction takes tens of milliseconds, in which its producer takes nothing for the next. So two
transactional producers take turns: while one commits, agents write into the open transaction of the other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck

from agents.runtime.errors import Fenced, KafkaUnavailable, OutputFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.runtime.options import DeliveryOptions
    from agents.runtime.records import Header, Record

_LOG = logging.getLogger("librdkafka.producer")
_SERVE_INTERVAL = 0.001
_TRANSACTION_CALL_SECONDS = 10.0
_FAREWELL_SECONDS = 1.0
_NEVER_AGAIN = frozenset({ck.KafkaError._FATAL, ck.KafkaError._STATE})  # noqa: SLF001 - librdkafka's own codes begin so


class PendingDeliveries:
    """Deliveries of what was produced between two barriers.

    `flush()` would wait for everything, also for what the agents go on to produce, and so might never end.
    """

    def __init__(self) -> None:
        self.error: OutputFailed | None = None
        self.next_offsets: dict[tuple[str, int], int] = {}
        self._produced = 0
        self._delivered = 0

    def count(self) -> None:
        """Count one record as produced."""
        self._produced += 1

    def __len__(self) -> int:
        """Count the records produced."""
        return self._produced

    @property
    def is_over(self) -> bool:
        """True once every record is delivered or refused."""
        return self._delivered == self._produced

    def on_delivery(self, error: ck.KafkaError | None, message: ck.Message) -> None:
        """Count one record as delivered or refused: librdkafka's delivery callback."""
        self._delivered += 1
        if error is not None:
            self.error = self.error or OutputFailed(
                f"a record for {message.topic()} was not delivered: {error}"
            )
            return
        place = (message.topic(), message.partition())
        self.next_offsets[place] = max(self.next_offsets.get(place, 0), message.offset() + 1)


class Outbox:
    """Where agents put their records; nothing here waits for the broker but `room` and the checkpoint.

    In transactional mode a transaction is always open.
    """

    def __init__(self, options: DeliveryOptions) -> None:
        self.pending = PendingDeliveries()
        self._options = options
        self._is_abandoned = False
        self._producers: deque[ck.Producer] = deque()
        self._thread = ThreadPoolExecutor(1, "outbox")

    async def start(self) -> None:
        """Connect; in transactional mode fence predecessors of the same name and abort what they left open.

        Raises:
            KafkaUnavailable: the brokers did not answer in time.
        """
        for turn in range(2 if self._options.is_transactional else 1):
            producer = ck.Producer(self._options.producer_properties(turn), logger=_LOG)
            await self._in_thread(partial(self._connect, producer))
            self._producers.append(producer)

    def put(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int = -1,
        headers: Sequence[Header] = (),
        timestamp_ms: int = 0,
    ) -> None:
        """Write a record with the checkpoint that includes the chunk in hand; never blocks for the broker.

        Raises:
            Fenced: the producer can write no more, whatever the record.
            KafkaException: librdkafka takes no such record, such as one that is too large.
        """
        if not self._is_abandoned:
            _produce(self._producers[0], self.pending, topic, key, value, partition, headers, timestamp_ms)

    def abandon(self) -> None:
        """Write nothing more, and give up what waits: this worker may have lost its partitions."""
        self._is_abandoned = True
        if not self._options.is_transactional:
            for producer in self._producers:
                producer.purge(in_flight=False)

    async def room(self, limit: int = 50_000) -> None:
        """Wait until fewer than `limit` records are on their way, so that memory stays bounded."""
        self.serve()
        while len(self) > limit:
            await asyncio.sleep(_SERVE_INTERVAL)
            self.serve()

    def __len__(self) -> int:
        """Count the records on their way."""
        return sum(map(len, self._producers))

    def serve(self) -> None:
        """Run delivery callbacks that are due.

        Raises:
            Fenced: a producer can write no more, and says so here.
        """
        try:
            for producer in self._producers:
                producer.poll(0)
        except ck.KafkaException as failure:
            raise Fenced(f"nothing more can be written: {failure.args[0]}") from failure

    def next_pending(self) -> PendingDeliveries:
        """Count what follows by itself, and give what was counted so far."""
        pending, self.pending = self.pending, PendingDeliveries()
        return pending

    async def delivered(self, pending: PendingDeliveries) -> None:
        """Wait until every pending record is on the broker; raise OutputFailed if one was refused."""
        while not pending.is_over:
            self.serve()
            if not pending.is_over:
                await asyncio.sleep(_SERVE_INTERVAL)
        if pending.error is not None:
            raise pending.error

    async def turn(self) -> PendingDeliveries:
        """Have agents write into the other transaction from now on, and give the outputs of this one.

        They are on the broker by then, so that no output overtakes an earlier one.
        """
        outputs = self.next_pending()
        await self.delivered(outputs)
        self._producers.rotate()
        return outputs

    def write(self, records: Iterable[Record]) -> PendingDeliveries:
        """Write records that are counted by themselves: the changelog of a checkpoint."""
        return _write(self._producers[0], records)

    async def commit(
        self, records: Sequence[Record], offsets: list[Any], membership: Any
    ) -> PendingDeliveries:
        """End the transaction whose turn is over with changelog records and source offsets.

        Raises:
            Fenced: the broker refused; the transaction is aborted and nothing of it will ever be read.
            OutputFailed: the same, because of one record.
        """
        ending = self._producers[-1]
        pending: PendingDeliveries = await self._in_thread(
            partial(_commit, ending, records, offsets, membership)
        )
        return pending

    async def stop(self) -> None:
        """Abort the open transactions, which hold nothing finished; without any, wait for deliveries.

        A worker that has failed does not wait long: a successor of its name aborts what it left open.
        """
        patience = _FAREWELL_SECONDS if self._is_abandoned else _TRANSACTION_CALL_SECONDS
        for producer in self._producers:
            if self._options.is_transactional:
                await self._in_thread(partial(_abort, producer, patience))
            else:
                await self._in_thread(partial(producer.flush, patience))
        self._thread.shutdown(wait=False)

    def _connect(self, producer: ck.Producer) -> None:
        patience = self._options.start_timeout
        try:
            producer.list_topics(timeout=patience)
        except ck.KafkaException as failure:
            raise KafkaUnavailable(
                f"no broker answered within {patience:.0f} s: {failure.args[0]}"
            ) from failure
        if self._options.is_transactional:
            _begin_first(producer, patience)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _produce(
    producer: ck.Producer,
    pending: PendingDeliveries,
    topic: str,
    key: bytes | None,
    value: bytes | None,
    partition: int,
    headers: Sequence[Header],
    timestamp_ms: int,
) -> None:
    """Hand a record's fields to librdkafka; by position, which costs a third less than by name."""
    while True:
        try:
            producer.produce(
                topic, value, key, partition, pending.on_delivery, None, timestamp_ms, list(headers)
            )
        except BufferError:
            producer.poll(0.01)  # librdkafka's queue is full: make room by serving deliveries
        except ck.KafkaException as failure:
            if failure.args[0].code() in _NEVER_AGAIN:
                raise Fenced(f"nothing more can be written: {failure.args[0]}") from failure
            raise
        else:
            pending.count()
            return


def _write(producer: ck.Producer, records: Iterable[Record]) -> PendingDeliveries:
    pending = PendingDeliveries()
    for record in records:
        _produce(producer, pending, *record)
    return pending


def _begin_first(producer: ck.Producer, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            producer.init_transactions(patience)
        except ck.KafkaException as failure:
            error = failure.args[0]
            if not error.retriable() or time.monotonic() > deadline:
                raise KafkaUnavailable(f"transactions could not be started: {error}") from failure
            time.sleep(0.2)
        else:
            break
    producer.begin_transaction()


def _commit(
    producer: ck.Producer, records: Sequence[Record], offsets: list[Any], membership: Any
) -> PendingDeliveries:
    changelog = _write(producer, records)
    try:
        if offsets:
            _insist(
                producer,
                lambda: producer.send_offsets_to_transaction(offsets, membership, _TRANSACTION_CALL_SECONDS),
            )
        _insist(producer, lambda: producer.commit_transaction(_TRANSACTION_CALL_SECONDS))
    except Fenced as refusal:
        raise changelog.error or refusal from refusal.__cause__
    producer.begin_transaction()
    return changelog


def _insist(producer: ck.Producer, call: Callable[[], None]) -> None:
    while True:
        try:
            call()
        except ck.KafkaException as failure:
            error = failure.args[0]
            if error.retriable():
                _LOG.warning("transaction: %s; trying again", error)
                time.sleep(0.1)
                continue
            if error.txn_requires_abort():
                _abort(producer, _TRANSACTION_CALL_SECONDS)
            raise Fenced(f"the transaction was refused: {error}") from failure
        else:
            return


def _abort(producer: ck.Producer, patience: float) -> None:
    try:
        producer.abort_transaction(patience)
    except ck.KafkaException as failure:
        _LOG.warning("the transaction could not be aborted (the broker will): %s", failure)
