"""Checks of the brokers' own limits against what the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafka.admin import ConfigResource, ConfigResourceType

from fraudstream.admin.doctor.finding import Finding, problem, warning, well
from fraudstream.kafka.admin import describe_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kafka.admin import KafkaAdminClient

    from fraudstream.settings import Settings

_MS = 1000
_MINUTES_A_DAY = 24 * 60


def check_limits(admin: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    """Time limits of transactions and sessions, and how long a group that stands still keeps its offsets."""
    brokers = [ConfigResource(ConfigResourceType.BROKER, str(each["broker_id"])) for each in _brokers(admin)]
    answers = admin.describe_configs(brokers, config_filter="all")["broker"]
    found = []
    for broker, entries in answers.items():
        if not entries:
            yield warning(
                "limits",
                f"These credentials may not read the configuration of broker {broker} (DescribeConfigs on "
                "the cluster).",
            )
            continue
        config = {name: entry["value"] for name, entry in entries.items()}
        found += [*_exceeded(broker, config, settings), *_forgetful(broker, config, settings)]
    yield from found or [well("limits", "The brokers' limits allow what the settings ask for.")]


def _brokers(admin: KafkaAdminClient) -> list[Mapping[str, int]]:
    brokers: list[Mapping[str, int]] = describe_cluster(admin)["brokers"]
    return brokers


def _exceeded(broker: str, config: Mapping[str, str], settings: Settings) -> Iterator[Finding]:
    delivery = settings.delivery
    session = ("SESSION_TIMEOUT_SECONDS", delivery.session_timeout_seconds)
    transaction = ("TRANSACTION_TIMEOUT_SECONDS", delivery.transaction_timeout(settings.worker.slot))
    highest = [("group.max.session.timeout.ms", *session)]
    if delivery.mode == "exactly-once":
        highest.append(("transaction.max.timeout.ms", *transaction))
    for limit, name, seconds in highest:
        if seconds * _MS > int(config.get(limit, 2**31)):
            yield _refused(broker, limit, config, f"at most, lower FRAUDSTREAM_DELIVERY__{name}", seconds)
    lowest = "group.min.session.timeout.ms"
    if session[1] * _MS < int(config.get(lowest, 0)):
        yield _refused(
            broker, lowest, config, f"at least, raise FRAUDSTREAM_DELIVERY__{session[0]}", session[1]
        )


def _refused(broker: str, limit: str, config: Mapping[str, str], mend: str, seconds: float) -> Finding:
    return problem(
        "limits",
        f"Broker {broker} has {limit}={config[limit]} and refuses workers with {seconds:g} s: it is {mend} "
        "or change the broker.",
    )


def _forgetful(broker: str, config: Mapping[str, str], settings: Settings) -> Iterator[Finding]:
    """A group whose offsets are gone starts from the beginning: repeats are known, but it takes its time."""
    minutes, days = int(config.get("offsets.retention.minutes", 2**31)), settings.labelling.horizon_days
    if minutes < days * _MINUTES_A_DAY:
        yield warning(
            "limits",
            f"Broker {broker} forgets the offsets of a group that stands still for "
            f"{minutes / _MINUTES_A_DAY:g} days, less than FRAUDSTREAM_LABELLING__HORIZON_DAYS ({days:g}): "
            "raise its offsets.retention.minutes.",
        )
