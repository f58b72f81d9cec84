"""kafka-python's clients, opened from settings, with their errors as one sentence."""

from __future__ import annotations

import logging
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.protocol.admin import DescribeClusterRequest

from fraudstream.errors import FraudstreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fraudstream.settings import KafkaSettings

BOOTSTRAP_MS = 10_000

Client = TypeVar("Client")


class KafkaUnreachable(FraudstreamError):
    """Kafka cannot be reached, or refuses what is asked; the text is one sentence."""


@contextmanager
def kafka_admin(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """An administration client for the time of the block.

    Raises:
        KafkaUnreachable: there is no answer within 10 s, or Kafka refused a request of the block.
    """
    with closing(connect(settings, KafkaAdminClient)) as admin, refusals_as_sentences(settings):
        yield admin


@contextmanager
def refusals_as_sentences(settings: KafkaSettings) -> Iterator[None]:
    """Turn what Kafka refuses in the block into `KafkaUnreachable`."""
    try:
        yield
    except KafkaError as error:
        raise KafkaUnreachable(
            f"Kafka at {settings.bootstrap_servers} refused a request ({word(error)})."
        ) from error


def connect(settings: KafkaSettings, client: Callable[..., Client], **options: Any) -> Client:
    """A client of kafka-python that has found its cluster.

    Raises:
        KafkaUnreachable: there is no answer within 10 s, for the reason that the sentence gives.
    """
    with _failures() as failures:
        try:
            return client(**settings.kafka_python(), **options, bootstrap_timeout_ms=BOOTSTRAP_MS)
        except (KafkaError, OSError) as error:
            reason = _reason(failures, error)
            raise KafkaUnreachable(
                f"Kafka does not answer at {settings.bootstrap_servers} ({reason}): check the "
                "FRAUDSTREAM_KAFKA__ settings, or start a Kafka with `fraudstream dev kafka`."
            ) from error


def _reason(failures: list[BaseException], error: BaseException) -> str:
    """Say why connections failed: the last failure but their mere loss, which goes along with any reason."""
    reasons = [failure for failure in failures if "socket disconnected" not in str(failure)]
    if failures and not reasons:
        return "it ends each connection, as for a wrong password or another security protocol"
    return word(reasons[-1] if reasons else error)


def describe_cluster(admin: KafkaAdminClient) -> dict[str, Any]:
    """The brokers, and what these credentials may do with the cluster, on brokers of any version."""
    try:
        return dict(admin.describe_cluster())
    except KeyError:
        # kafka-python 3.0 takes a field for granted that brokers before Kafka 3.7 do not send.
        request = DescribeClusterRequest(include_cluster_authorized_operations=True)
        answer: dict[str, Any] = admin._manager.run(admin._manager.send, request).to_dict()  # noqa: SLF001
        admin._process_acl_operations(answer)  # noqa: SLF001
        return answer


def word(error: BaseException) -> str:
    """An error of kafka-python on one line; most of their texts hold their names."""
    name, text = type(error).__name__, str(error)
    return " ".join((text if name in text else f"{name}: {text}").split())


@contextmanager
def _failures() -> Iterator[list[BaseException]]:
    """Collect why connections failed, in place of log lines: the client itself raises only that time ran out.

    That time ran out is left out.
    """
    failures: list[BaseException] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            arguments = record.args if isinstance(record.args, tuple) else ()
            failures.extend(
                argument
                for argument in arguments
                if isinstance(argument, BaseException) and not isinstance(argument, KafkaTimeoutError)
            )

    logger, collector = logging.getLogger("kafka"), Collector(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield failures
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate
