"""What is wrong with this machine, this Kafka, these topics, these workers: findings in sentences.

`examine(settings)` yields a `Finding` for each check, in the order in which a person would mend them.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)

from fraudstream.doctor.broker import check_disk, check_hanging_transactions, check_topics, check_version
from fraudstream.doctor.finding import Finding
from fraudstream.doctor.group import check_group
from fraudstream.doctor.machine import check_machine
from fraudstream.kafka_admin import KafkaUnreachable, kafka_admin, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kafka.admin import KafkaAdminClient

    from fraudstream.settings import Settings

__all__ = ["Finding", "examine"]

_TRIES = 20
_PAUSE_SECONDS = 0.2
_COMING_UP = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)
_KAFKA_CHECKS = {
    "kafka": check_version,
    "kafka disk": check_disk,
    "topics": check_topics,
    "transactions": check_hanging_transactions,
    "group": check_group,
}


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check's findings; a check that Kafka refuses is itself a finding, and the next one follows."""
    yield from check_machine()
    try:
        with kafka_admin(settings.kafka) as admin:
            for subject, check in _KAFKA_CHECKS.items():
                try:
                    yield from _patiently(check, admin, settings)
                except KafkaError as error:
                    yield Finding(subject, ok=False, sentence=f"Kafka refused to say ({word(error)}).")
    except KafkaUnreachable as error:
        yield Finding("kafka", ok=False, sentence=str(error))


def _patiently(
    check: Callable[[KafkaAdminClient, Settings], Iterator[Finding]],
    admin: KafkaAdminClient,
    settings: Settings,
) -> list[Finding]:
    """A check's findings; the first question to a new cluster may meet coordinators that still come up."""
    for _ in range(_TRIES - 1):
        with suppress(*_COMING_UP):
            return list(check(admin, settings))
        time.sleep(_PAUSE_SECONDS)
    return list(check(admin, settings))
