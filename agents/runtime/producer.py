"""Faust's producer on the outbox, so that `topic.send()` goes the way of everything that an agent writes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from faust.transport.producer import Producer as FaustProducer
from faust.types import TP, RecordMetadata

from agents.runtime.errors import KafkaUnavailable, sentence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence


class Producer(FaustProducer):
    """Starts and stops the outbox with the app."""

    async def on_start(self) -> None:
        """Connect the outbox.

        Raises:
            KafkaUnavailable: the brokers did not answer in time.
        """
        await super().on_start()
        try:
            await self.app.outbox.start()
        except KafkaUnavailable as failure:
            self.app.observer.leaving(sentence(failure))
            raise

    async def on_stop(self) -> None:
        """Finish what is on its way, or abort the open transaction."""
        await self.app.outbox.stop()

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Mapping[str, bytes] | Sequence[tuple[str, bytes]] | None,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Put a record into the outbox; it is durable with the next checkpoint, so it has no offset yet."""
        del transactional_id
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers or ())
        number = -1 if partition is None else partition
        milliseconds = 0 if timestamp is None else int(timestamp * 1_000)
        self.app.outbox.put(topic, key, value, partition=number, headers=pairs, timestamp_ms=milliseconds)
        answer: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        answer.set_result(RecordMetadata(topic, number, TP(topic, number), -1, timestamp))
        return answer

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> RecordMetadata:
        """Put a record into the outbox, as `send`."""
        return await (await self.send(*args, **kwargs))

    async def flush(self) -> None:
        """Hand over what Faust itself has buffered."""
        await self.buffer.flush()

    async def create_topic(self, topic: str, *args: Any, **kwargs: Any) -> None:
        """Create nothing: topics are made by an operator, before a worker starts."""

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Refuse: the partitioner runs inside librdkafka."""
        raise NotImplementedError("the partition of a key is chosen inside librdkafka")

    def supports_headers(self) -> bool:
        """Tell Faust that records may carry headers."""
        return True
