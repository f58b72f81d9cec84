"""Checks of the Kafka cluster: its version, its disks, the service's topics, transactions that hang."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudstream.doctor.finding import Finding
from fraudstream.topics import differences, read_topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafka.admin import KafkaAdminClient

    from fraudstream.settings import Settings

_EXACTLY_ONCE_SINCE = (2, 5)  # offsets in transactions fenced by group generation: KIP-447
_DISK_SHARE = 0.1
_MS = 1000


def check_version(admin: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    """The brokers' number and version, against what the delivery mode needs."""
    brokers = admin.describe_cluster()["brokers"]
    version = admin.get_broker_version_data(brokers[0]["broker_id"]).broker_version
    seen = f"Kafka {'.'.join(map(str, version))} answers at {settings.kafka.bootstrap_servers}"
    if settings.delivery.mode == "exactly-once" and version < _EXACTLY_ONCE_SINCE:
        mend = "set FRAUDSTREAM_DELIVERY__MODE=at-least-once, or use Kafka 2.5 or newer"
        yield Finding("kafka", ok=False, sentence=f"{seen}, too old for exactly-once: {mend}.")
    else:
        yield Finding("kafka", ok=True, sentence=f"{seen} with {len(brokers)} broker(s).")


def check_disk(admin: KafkaAdminClient, _: Settings) -> Iterator[Finding]:
    """Room on each broker's disks, as far as the brokers tell (Kafka 3.3 and newer)."""
    for broker in admin.describe_log_dirs():
        for folder in broker["log_dirs"]:
            total, usable = folder.get("total_bytes", -1), folder.get("usable_bytes", -1)
            if total > 0:
                yield _disk(broker["broker"], folder["log_dir"], usable / total)


def _disk(broker: int, folder: str, share: float) -> Finding:
    seen = f"{share:.0%} of {folder} on broker {broker} is free"
    if share >= _DISK_SHARE:
        return Finding("kafka disk", ok=True, sentence=f"{seen}.")
    mend = "a full disk stops the broker: add room or shorten retention"
    return Finding("kafka disk", ok=False, sentence=f"Only {seen}: {mend}.")


def check_topics(admin: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    """The topics against the table of `agents.topics`."""
    specs = settings.topics.specs()
    states = read_topics(admin, [spec.name for spec in specs])
    found = differences(specs, states, settings.topics.replication_factor)
    for sentence in found:
        yield Finding("topics", ok=False, sentence=sentence)
    if not found:
        yield Finding("topics", ok=True, sentence=f"All {len(specs)} topics are as they should be.")


def check_hanging_transactions(admin: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    """Transactions on our topics that the broker should have ended; they hide what follows from readers.

    kafka-python names those older than the timeout and five minutes (KIP-664).
    """
    ours = {spec.name for spec in settings.topics.specs()}
    timeout_ms = int(settings.delivery.transaction_timeout_seconds * _MS)
    hanging = [
        transaction
        for transaction in admin.find_hanging_transactions(max_transaction_timeout_ms=timeout_ms)
        if any(partition.topic in ours for partition in transaction["topic_partitions"])
    ]
    for transaction in hanging:
        seen = f"Transaction {transaction['transactional_id']} is open for {transaction['age_ms'] // _MS} s"
        mend = "readers of committed records wait for it; abort it with kafka-transactions"
        yield Finding("transactions", ok=False, sentence=f"{seen}: {mend}.")
    if not hanging:
        yield Finding("transactions", ok=True, sentence="No transaction hangs.")
