"""What a bank sends at a steady rate: transactions and late labels, some of either twice, some malformed."""

from __future__ import annotations

import threading
from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final

from confluent_kafka import Producer

from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from fraudstream.simulate.produce import produce
from fraudstream.simulate.stream import RecordKind, StreamRecord, stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agents.topics import Topics

DAYS: Final = 400
"""Of the stream: 80,000 transactions, which outlast the longest scenario at 200 a second."""
CARDS: Final = 200
MALFORMED_SHARE: Final = 0.005
REPEATED_SHARE: Final = 0.02
SOON: Final = 5
"""A repeat comes at most so many records later: within the transactions that a card's profile remembers."""
_PATIENCE_MS = 600_000


class Traffic:
    """One bank's stream of records, sent by a thread of its own.

    Args:
        servers: where to.
        topics: names of the topics.
        seed: of everything that is drawn.
    """

    def __init__(self, servers: str, topics: Topics, seed: int) -> None:
        self._records = with_repeats(bank(seed), Random(f"repeats {seed}"))
        self._sink = _PatientSink(servers, topics)
        self._injected: deque[StreamRecord] = deque()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def sent(self) -> Counter[tuple[bytes, bytes]]:
        """How often each key and value were handed over for `transactions`."""
        return self._sink.sent

    @property
    def labels(self) -> Counter[tuple[bytes, bytes]]:
        """The same, for `labels`."""
        return self._sink.labels

    def send_past(self, transactions: int) -> None:
        """Send the first part of the stream as fast as Kafka takes it."""
        assert self._thread is None, "the flow has begun"
        self._send(_until(self._records, transactions), rate=0.0)

    def start(self, rate: float) -> None:
        """Let the rest flow, at so many transactions a second, until `stop`."""
        self._thread = threading.Thread(
            target=self._send, args=(self._flow(), rate), name="sender", daemon=True
        )
        self._thread.start()

    def inject(self, record: StreamRecord) -> None:
        """Put a record of one's own into the flow, in front of the next one."""
        self._injected.append(record)

    def end(self) -> None:
        """End the flow; Kafka may not have all of it yet."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """End the flow, and wait until Kafka has all of it."""
        self.end()
        self._sink.wait_empty()

    def _send(self, records: Iterable[StreamRecord], rate: float) -> None:
        produce(records, self._sink, rate)

    def _flow(self) -> Iterator[StreamRecord]:
        for record in self._records:
            while self._injected:
                yield self._injected.popleft()
            if self._ended.is_set():
                return
            yield record


def bank(seed: int) -> Iterator[StreamRecord]:
    """Transactions with many frauds, their labels, and what is malformed; all of it lies in the past."""
    start = (datetime.now(UTC) - timedelta(days=DAYS + 1)).date()
    world = Handbook(CARDS, 100, DAYS, start, seed, compromised_terminals=2.0, compromised_customers=3.0)
    return stream(CardWorld(world), seed, MALFORMED_SHARE)


def with_repeats(records: Iterable[StreamRecord], draws: Random) -> Iterator[StreamRecord]:
    """The records, some of them again a few records later."""
    again: deque[tuple[int, StreamRecord]] = deque()
    for number, record in enumerate(records):
        yield record
        while again and again[0][0] <= number:
            yield again.popleft()[1]
        if record.kind is not RecordKind.MALFORMED and draws.random() < REPEATED_SHARE:
            again.append((number + SOON, record))
    yield from (record for _, record in again)


def _until(records: Iterator[StreamRecord], transactions: int) -> Iterator[StreamRecord]:
    """The records up to this many transactions."""
    seen = 0
    for record in records:
        yield record
        seen += record.kind is RecordKind.TRANSACTION
        if seen == transactions:
            return


class _PatientSink:
    """Hands records to a producer that waits for Kafka as long as it may be away."""

    def __init__(self, servers: str, topics: Topics) -> None:
        self._topics = topics
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "message.timeout.ms": _PATIENCE_MS,
                "linger.ms": 1,
                "log_level": 0,
            }
        )
        self.sent: Counter[tuple[bytes, bytes]] = Counter()
        self.labels: Counter[tuple[bytes, bytes]] = Counter()

    def send(self, record: StreamRecord) -> None:
        is_label = record.kind is RecordKind.LABEL
        topic = self._topics.labels if is_label else self._topics.transactions
        while True:
            try:
                self._producer.produce(topic, record.value, record.key)
            except BufferError:
                self._producer.poll(0.1)
            else:
                break
        self._producer.poll(0)
        (self.labels if is_label else self.sent)[record.key, record.value] += 1

    def close(self) -> int:
        """Wait for nothing: the broker may be away now."""
        return 0

    def wait_empty(self) -> None:
        """Wait until Kafka has everything."""
        left = self._producer.flush(_PATIENCE_MS / 1_000)
        assert left == 0, f"Kafka never took {left} records"
