"""Checks of the Kafka cluster: its version, its disks, transactions that hang."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudstream.admin.doctor.finding import Finding, problem, warning, well
from fraudstream.kafka.admin import describe_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafka.admin import KafkaAdminClient

    from fraudstream.settings import Settings

_EXACTLY_ONCE_SINCE = (2, 5)  # offsets in transactions fenced by group generation: KIP-447
_DISK_SHARE = 0.1
_MS = 1000


def check_version(admin: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    """The brokers' number and version, against what the delivery mode needs."""
    brokers = describe_cluster(admin)["brokers"]
    version = admin.get_broker_version_data(brokers[0]["broker_id"]).broker_version
    seen = f"Kafka {'.'.join(map(str, version))} answers at {settings.kafka.bootstrap_servers}"
    if settings.delivery.mode == "exactly-once" and version < _EXACTLY_ONCE_SINCE:
        mend = "set FRAUDSTREAM_DELIVERY__MODE=at-least-once, or use Kafka 2.5 or newer"
        yield problem("kafka", f"{seen}, too old for exactly-once: {mend}.")
    else:
        yield well("kafka", f"{seen} with {len(brokers)} broker(s).")


def check_disk(admin: KafkaAdminClient, _: Settings) -> Iterator[Finding]:
    """Room on each broker's disks, as far as the brokers tell (Kafka 3.3 and newer)."""
    brokers = admin.describe_log_dirs()
    if not any(broker["log_dirs"] for broker in brokers):
        yield warning("kafka disk", "These credentials may not look at the disks (Describe on the cluster).")
    for broker in brokers:
        for folder in broker["log_dirs"]:
            total, usable = folder.get("total_bytes", -1), folder.get("usable_bytes", -1)
            if total > 0:
                yield _disk(broker["broker"], folder["log_dir"], usable / total)


def _disk(broker: int, folder: str, share: float) -> Finding:
    seen = f"{share:.0%} of {folder} on broker {broker} is free"
    if share >= _DISK_SHARE:
        return well("kafka disk", f"{seen}.")
    mend = "a full disk stops the broker: add room or shorten retention"
    return problem("kafka disk", f"Only {seen}: {mend}.")


def check_hanging_transactions(admin: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    """Transactions on our topics that the broker should have ended; they hide what follows from readers.

    kafka-python names those older than the timeout and five minutes (KIP-664).
    """
    ours = {spec.name for spec in settings.topics.specs()}
    timeout_ms = int(settings.delivery.transaction_timeout(settings.worker.slot) * _MS)
    hanging = [
        transaction
        for transaction in admin.find_hanging_transactions(max_transaction_timeout_ms=timeout_ms)
        if any(partition.topic in ours for partition in transaction["topic_partitions"])
    ]
    for transaction in hanging:
        seen = f"Transaction {transaction['transactional_id']} is open for {transaction['age_ms'] // _MS} s"
        mend = "readers of committed records wait for it; abort it with kafka-transactions"
        yield problem("transactions", f"{seen}: {mend}.")
    if not hanging:
        yield well("transactions", "No transaction hangs.")
