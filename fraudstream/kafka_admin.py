"""kafka-python's administration client, opened from settings, with its errors as one sentence."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fraudstream.settings import KafkaSettings

_BOOTSTRAP_MS = 10_000


class KafkaUnreachable(ConnectionError):
    """Kafka cannot be reached, or refuses what is asked; the text is one sentence."""


@contextmanager
def kafka_admin(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """An administration client for the time of the block.

    Raises:
        KafkaUnreachable: there is no answer within 10 s, or Kafka refused a request of the block.
    """
    servers = settings.bootstrap_servers
    try:
        admin = KafkaAdminClient(**settings.kafka_python(), bootstrap_timeout_ms=_BOOTSTRAP_MS)
    except (KafkaError, OSError) as error:
        raise KafkaUnreachable(
            f"Kafka does not answer at {servers} ({_word(error)}): "
            "check FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS, or start one with `fraudstream dev kafka`."
        ) from error
    try:
        yield admin
    except KafkaError as error:
        raise KafkaUnreachable(f"Kafka at {servers} refused a request ({_word(error)}).") from error
    finally:
        admin.close()


def _word(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
