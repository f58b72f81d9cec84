"""kafka-python's administration client, opened from settings, with its errors as one sentence."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from fraudstream.errors import FraudstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fraudstream.settings import KafkaSettings

BOOTSTRAP_MS = 10_000


class KafkaUnreachable(FraudstreamError):
    """Kafka cannot be reached, or refuses what is asked; the text is one sentence."""


@contextmanager
def kafka_admin(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """An administration client for the time of the block.

    Raises:
        KafkaUnreachable: there is no answer within 10 s, or Kafka refused a request of the block.
    """
    try:
        admin = KafkaAdminClient(**settings.kafka_python(), bootstrap_timeout_ms=BOOTSTRAP_MS)
    except (KafkaError, OSError) as error:
        raise unreachable(settings, error) from error
    try:
        yield admin
    except KafkaError as error:
        raise KafkaUnreachable(
            f"Kafka at {settings.bootstrap_servers} refused a request ({word(error)})."
        ) from error
    finally:
        admin.close()


def unreachable(settings: KafkaSettings, error: Exception) -> KafkaUnreachable:
    """The sentence for a client that found no broker."""
    return KafkaUnreachable(
        f"Kafka does not answer at {settings.bootstrap_servers} ({word(error)}): "
        "check FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS, or start one with `fraudstream dev kafka`."
    )


def word(error: Exception) -> str:
    """An error of kafka-python on one line; most of their texts hold their names."""
    name, text = type(error).__name__, str(error)
    return " ".join((text if name in text else f"{name}: {text}").split())
