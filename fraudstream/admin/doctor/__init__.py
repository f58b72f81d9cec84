"""The doctor: findings on this machine, this Kafka, its topics, workers and models, in sentences.

`examine(settings)` yields a `Finding` for each check, in the order in which a person would fix them.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from kafka.errors import (
    AuthorizationError,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)

from fraudstream.admin.doctor.broker import check_disk, check_hanging_transactions, check_version
from fraudstream.admin.doctor.clock import check_clock, check_senders
from fraudstream.admin.doctor.finding import Finding, Severity, problem, warning
from fraudstream.admin.doctor.group import check_groups
from fraudstream.admin.doctor.limits import check_limits
from fraudstream.admin.doctor.machine import check_folder, check_machine
from fraudstream.admin.doctor.models import check_controls, check_models
from fraudstream.admin.doctor.rights import check_rights
from fraudstream.admin.doctor.topics import check_replicas, check_topics
from fraudstream.admin.doctor.worker import check_worker
from fraudstream.kafka.admin import KafkaUnreachable, kafka_admin, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kafka.admin import KafkaAdminClient

    from fraudstream.kafka.access import Role
    from fraudstream.settings import Settings

    Check = Callable[[KafkaAdminClient, Settings], Iterator[Finding]]

__all__ = ["Finding", "Severity", "examine"]

_TRIES = 20
_PAUSE_SECONDS = 0.2
_COMING_UP = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)


def examine(settings: Settings, role: Role | None = None, principal: str | None = None) -> Iterator[Finding]:
    """Every check's findings; a check that Kafka refuses is itself a finding, and the next one follows.

    Args:
        settings: as the worker would have them.
        role: whose rights are looked at; without it those of the worker that the settings describe.
        principal: who should have them; without it these credentials.
    """
    yield from check_machine()
    yield from check_folder(settings)
    yield from check_worker(settings)
    checks: tuple[tuple[str, Check], ...] = (
        ("kafka", check_version),
        ("clock", check_clock),
        ("limits", check_limits),
        ("kafka disk", check_disk),
        ("rights", partial(check_rights, role=role, principal=principal)),
        ("topics", check_topics),
        ("replicas", check_replicas),
        ("clock", check_senders),
        ("transactions", check_hanging_transactions),
        ("group", check_groups),
    )
    try:
        with kafka_admin(settings.kafka) as admin:
            for subject, check in checks:
                yield from _ask(subject, check, admin, settings)
    except KafkaUnreachable as error:
        yield problem("kafka", str(error))
        return
    for subject, read in (("models", check_models), ("controls", check_controls)):
        try:
            yield from read(settings)
        except KafkaUnreachable as error:
            yield warning(subject, str(error))


def _ask(subject: str, check: Check, admin: KafkaAdminClient, settings: Settings) -> list[Finding]:
    try:
        return _patiently(check, admin, settings)
    except AuthorizationError as error:
        return [warning(subject, f"These credentials may not look at this ({word(error)}).")]
    except KafkaError as error:
        return [problem(subject, f"Kafka refused to say ({word(error)}).")]


def _patiently(check: Check, admin: KafkaAdminClient, settings: Settings) -> list[Finding]:
    """A check's findings; the first question to a new cluster may meet coordinators that still come up."""
    for _ in range(_TRIES - 1):
        with suppress(*_COMING_UP):
            return list(check(admin, settings))
        time.sleep(_PAUSE_SECONDS)
    return list(check(admin, settings))
