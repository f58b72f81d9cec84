"""What a worker writes: one librdkafka producer, counted per epoch, inside transactions when asked for."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import confluent_kafka as ck

from agents.runtime.errors import Fenced, KafkaUnavailable, OutputFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.runtime.options import DeliveryOptions

_LOG = logging.getLogger("librdkafka.producer")
_SERVE_INTERVAL = 0.001
_TRANSACTION_CALL_SECONDS = 10.0


class Record(NamedTuple):
    """One record to write; partition -1 leaves the choice to the key."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int = -1
    headers: Sequence[tuple[str, bytes | None]] | None = None
    timestamp_ms: int = 0


class Epoch:
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
        """Whether every record is delivered or refused."""
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

    In transactional mode a transaction is always open. While one is committed, `put` keeps records back for
    the next.
    """

    def __init__(self, options: DeliveryOptions) -> None:
        self.epoch = Epoch()
        self._options = options
        self._held: list[Record] | None = None
        self._is_abandoned = False
        self._producer: ck.Producer = None
        self._thread = ThreadPoolExecutor(1, "outbox")

    async def start(self) -> None:
        """Connect; in transactional mode fence predecessors of the same name and abort what they left open.

        Raises:
            KafkaUnavailable: the brokers did not answer in time.
        """
        self._producer = ck.Producer(self._options.producer_properties(), logger=_LOG)
        await self._in_thread(self._reach)
        if self._options.is_transactional:
            await self._in_thread(self._begin_first)

    def put(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int = -1,
        headers: Sequence[tuple[str, bytes | None]] | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Write a record with the checkpoint that includes the chunk in hand; never blocks for the broker.

        Raises:
            KafkaException: librdkafka takes no such record, such as one that is too large.
        """
        record = Record(topic, key, value, partition, headers, timestamp_ms)
        if self._is_abandoned:
            return
        if self._held is None:
            self._produce(record, self.epoch)
        else:
            self._held.append(record)

    def abandon(self) -> None:
        """Write nothing more, and give up what waits: this worker may have lost its partitions."""
        self._is_abandoned = True
        if self._producer is not None and not self._options.is_transactional:
            self._producer.purge(in_flight=False)

    async def room(self, limit: int = 50_000) -> None:
        """Wait until fewer than `limit` records are on their way, so that memory stays bounded."""
        self._producer.poll(0)
        while len(self._producer) > limit or (self._held is not None and len(self._held) > limit):
            await asyncio.sleep(_SERVE_INTERVAL)
            self._producer.poll(0)

    def __len__(self) -> int:
        """Count the records on their way."""
        return len(self._producer) if self._producer is not None else 0

    def serve(self) -> None:
        """Run delivery callbacks that are due."""
        if self._producer is not None:
            self._producer.poll(0)

    def next_epoch(self) -> Epoch:
        """Start a new epoch and give the old one, complete in what it counts."""
        epoch, self.epoch = self.epoch, Epoch()
        return epoch

    async def delivered(self, epoch: Epoch) -> None:
        """Wait until every record of an epoch is on the broker; raise OutputFailed if one was refused."""
        while not epoch.is_over:
            self._producer.poll(0)
            if not epoch.is_over:
                await asyncio.sleep(_SERVE_INTERVAL)
        if epoch.error is not None:
            raise epoch.error

    def hold(self) -> Epoch:
        """Keep what agents put from now on for the next transaction, and give the outputs of this one."""
        self._held = []
        return self.next_epoch()

    def release(self) -> None:
        """Write what was kept."""
        held, self._held = self._held or [], None
        for record in held:
            self._produce(record, self.epoch)

    def write(self, records: Iterable[Record]) -> Epoch:
        """Write records past the hold, in an epoch of their own: the changelog of a checkpoint."""
        epoch = Epoch()
        for record in records:
            self._produce(record, epoch)
        return epoch

    async def commit(
        self, outputs: Epoch, records: Sequence[Record], offsets: list[Any], membership: Any
    ) -> Epoch:
        """End the open transaction of `outputs` with changelog records and source offsets, and open the next.

        Raises:
            Fenced: the broker refused; the transaction is aborted and nothing of it will ever be read.
            OutputFailed: the same, because of one record.
        """
        epoch: Epoch = await self._in_thread(lambda: self._commit(outputs, records, offsets, membership))
        return epoch

    async def stop(self) -> None:
        """Abort the open transaction, which holds nothing finished; without one, wait for deliveries."""
        if self._producer is None:
            return
        if self._options.is_transactional:
            await self._in_thread(self._abort)
        else:
            await self._in_thread(lambda: self._producer.flush(_TRANSACTION_CALL_SECONDS))
        self._thread.shutdown(wait=False)

    def _produce(self, record: Record, epoch: Epoch) -> None:
        optional: dict[str, Any] = {"headers": list(record.headers)} if record.headers else {}
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    epoch.on_delivery,
                    timestamp=record.timestamp_ms,
                    **optional,
                )
            except BufferError:
                self._producer.poll(0.01)  # librdkafka's queue is full: make room by serving deliveries
            else:
                epoch.count()
                return

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _reach(self) -> None:
        patience = self._options.start_timeout
        try:
            self._producer.list_topics(timeout=patience)
        except ck.KafkaException as failure:
            raise KafkaUnavailable(
                f"no broker answered within {patience:.0f} s: {failure.args[0]}"
            ) from failure

    def _begin_first(self) -> None:
        deadline = time.monotonic() + self._options.start_timeout
        while True:
            try:
                self._producer.init_transactions(self._options.start_timeout)
            except ck.KafkaException as failure:
                error = failure.args[0]
                if not error.retriable() or time.monotonic() > deadline:
                    raise KafkaUnavailable(f"transactions could not be started: {error}") from failure
                time.sleep(0.2)
            else:
                break
        self._producer.begin_transaction()

    def _commit(
        self, outputs: Epoch, records: Sequence[Record], offsets: list[Any], membership: Any
    ) -> Epoch:
        producer, changelog = self._producer, self.write(records)
        try:
            if offsets:
                self._insist(
                    lambda: producer.send_offsets_to_transaction(
                        offsets, membership, _TRANSACTION_CALL_SECONDS
                    )
                )
            self._insist(lambda: producer.commit_transaction(_TRANSACTION_CALL_SECONDS))
        except Fenced as refusal:
            raise outputs.error or changelog.error or refusal from refusal.__cause__
        producer.begin_transaction()
        return changelog

    def _insist(self, call: Callable[[], None]) -> None:
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
                    self._abort()
                raise Fenced(f"the transaction was refused: {error}") from failure
            else:
                return

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(_TRANSACTION_CALL_SECONDS)
        except ck.KafkaException as failure:
            _LOG.warning("the transaction could not be aborted (the broker will): %s", failure)
