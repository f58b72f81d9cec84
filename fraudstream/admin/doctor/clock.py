"""Checks of clocks: this machine's against the brokers', and the senders' of transactions against this one.

Kafka tells its time in one place without being changed by the question: the KRaft controller that leads says
of itself that it has caught up *now* (KIP-836). That is the clock of one node, known to within half the time
that the answer took; the other brokers' clocks are not seen.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import IncompatibleBrokerVersion, UnsupportedVersionError

from fraudstream.admin.doctor.finding import Finding, problem, warning, well

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kafka.admin import KafkaAdminClient

    from fraudstream.settings import Settings

_TOLERABLE_SECONDS = 1.0
_MS = 1000


def check_clock(
    admin: KafkaAdminClient, settings: Settings, *, clock: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """How far this machine's clock (`clock`, epoch s) is from that of Kafka's leading controller."""
    try:
        before = clock()
        quorum = admin.describe_metadata_quorum()["topics"][0]["partitions"][0]
        after = clock()
    except (IncompatibleBrokerVersion, UnsupportedVersionError):
        yield warning("clock", "This Kafka does not tell its time (it needs KRaft of Kafka 3.3 or newer).")
        return
    told = [
        voter["last_caught_up_timestamp"]
        for voter in quorum["current_voters"]
        if voter["replica_id"] == quorum["leader_id"]
    ]
    if not told or told[0] <= 0:
        yield warning("clock", "Kafka's leading controller does not tell its time.")
        return
    yield _judge((before + after) / 2 - told[0] / _MS, (after - before) / 2, settings)


def _judge(ahead: float, accuracy: float, settings: Settings) -> Finding:
    """Judge by how many seconds this machine is ahead of Kafka, known to within `accuracy`."""
    way = "ahead of" if ahead > 0 else "behind"
    seen = f"This machine's clock is {abs(ahead):.2f} s (to within {accuracy:.2f} s) {way} Kafka's"
    if abs(ahead) <= _TOLERABLE_SECONDS + accuracy:
        return well("clock", f"{seen}.")
    if abs(ahead) < settings.scoring.future_skew_seconds:
        return warning("clock", f"{seen}, by which latencies and ages are wrong: let NTP keep both.")
    return problem(
        "clock", f"{seen}, so that transactions look as if they came from the future: let NTP keep both."
    )


def check_senders(
    admin: KafkaAdminClient, settings: Settings, *, clock: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """Whether a transaction carries a Kafka timestamp after now; that a sender is late cannot be told."""
    topic = settings.topics.names().transactions
    if topic not in admin.list_topics():
        return
    count = len(admin.describe_topics([topic])[0]["partitions"])
    places = [TopicPartition(topic, number) for number in range(count)]
    newest = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.MAX_TIMESTAMP))
    ahead = max((found.timestamp for found in newest.values()), default=0) / _MS - clock()
    if ahead > _TOLERABLE_SECONDS:
        yield warning(
            "clock",
            f"A transaction carries a Kafka timestamp {ahead:.0f} s after this machine's time: see to the "
            "clock of its sender.",
        )
