"""What a worker makes sure of before it starts: a free address, settings that work, and its agents' topics.

Without this, a consumer waits for a missing topic as it waits for records: without a word and without end.
"""

from __future__ import annotations

import logging
import socket
import time
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException, Producer

from fraudstream.errors import FraudstreamError
from fraudstream.kafka.admin import KafkaUnreachable, kafka_admin
from fraudstream.kafka.topics import TopicsRefused, count_partitions
from fraudstream.worker.tls import server_tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agents.topics import Topics
    from fraudstream.settings import KafkaSettings, Settings, WebSettings

_LOG = logging.getLogger("fraudstream")
_PAUSE_SECONDS = 1.0

_USES: Final[Mapping[str, Callable[[Topics], tuple[str, ...]]]] = {
    "scoring": attrgetter(
        *("transactions", "scores", "alerts", "dead_letters", "scoring_changelog"),
        *("models", "reputations", "controls"),
    ),
    "intake": attrgetter("labels", "labels_keyed", "dead_letters"),
    "labelling": attrgetter("scores", "labels_keyed", "examples", "outcomes", "dead_letters"),
    "reputation": attrgetter("outcomes", "reputations", "reputation_changelog", "dead_letters"),
    "learning": attrgetter("examples", "models", "controls", "dead_letters"),
}


class AddressRefused(FraudstreamError):
    """The worker's web server cannot listen where it should; the text is one sentence."""


class ClientRefused(FraudstreamError):
    """Kafka's client library does not take its settings; the text is one sentence."""


def expect_client(kafka: KafkaSettings) -> None:
    """See that librdkafka takes the settings of the connection; nothing is connected.

    Raises:
        ClientRefused: it knows a property not, or cannot use a certificate, a key or its password.
    """
    try:
        Producer({**kafka.librdkafka(), "log_level": 0})  # what goes wrong is said once, in a sentence
    except KafkaException as error:
        reason = kafka.without_secrets(error.args[0].str().strip().rstrip("."))
        raise ClientRefused(f"Kafka's client refuses the FRAUDSTREAM_KAFKA__ settings: {reason}.") from None


def expect_address(web: WebSettings) -> None:
    """See that the worker's web server will be able to listen.

    Raises:
        AddressRefused: the address is another program's, or none of this machine's.
        CertificateRefused: it cannot use its certificate.
    """
    server_tls(web)
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            web.host, web.port, type=socket.SOCK_STREAM
        )
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise AddressRefused(
            f"The web server cannot listen on {web.host} port {web.port} ({error.strerror}): set "
            "FRAUDSTREAM_WEB__HOST and FRAUDSTREAM_WEB__PORT, another port for each worker."
        ) from error


def expect_topics(settings: Settings) -> None:
    """Wait for Kafka, and see that it has what this worker's agents read and write.

    Raises:
        KafkaUnreachable: there was no answer within the start timeout; the sentence gives the reason.
        TopicsRefused: a topic is missing, or the changelog does not match the transactions.
    """
    topics = settings.topics.names()
    refuse_faults(topics, _partition_counts(settings, used_topics(topics, settings.worker.agents)))


def used_topics(topics: Topics, agents: Iterable[str]) -> list[str]:
    """The names of the topics that these agents read or write, each once."""
    return list(dict.fromkeys(name for agent in agents for name in _USES[agent](topics)))


def refuse_faults(topics: Topics, counts: Mapping[str, int | None]) -> None:
    """See that a worker can start on these topics.

    Args:
        topics: the names of all topics.
        counts: the partitions of each topic that is used, None where it is missing.

    Raises:
        TopicsRefused: a topic is missing, or has not as many partitions as the one that it goes along with.
    """
    missing = [name for name, count in counts.items() if count is None]
    if missing:
        raise TopicsRefused(f"Kafka lacks {', '.join(missing)}: run `fraudstream topics create`.")
    for source, follower, setting in (
        (topics.transactions, topics.scoring_changelog, "PARTITIONS"),
        (topics.scores, topics.labels_keyed, "SCORE_PARTITIONS"),
        (topics.outcomes, topics.reputation_changelog, "REPUTATION_PARTITIONS"),
    ):
        wanted, there = counts.get(source), counts.get(follower)
        if wanted is None or there is None or wanted == there:
            continue
        if follower == topics.scoring_changelog and wanted > there:
            continue  # the worker says so itself, and reads the partitions that it can
        raise TopicsRefused(
            f"Topic {follower} has {there} partitions and {source} {wanted}: raise the smaller one "
            f"(kafka-topics --alter) and let FRAUDSTREAM_TOPICS__{setting} say {max(wanted, there)}."
        )


def _partition_counts(settings: Settings, names: list[str]) -> dict[str, int | None]:
    deadline = time.monotonic() + settings.delivery.start_timeout_seconds
    while True:
        try:
            with kafka_admin(settings.kafka) as admin:
                return count_partitions(admin, names)
        except KafkaUnreachable as failure:
            if time.monotonic() > deadline:
                raise
            _LOG.warning("trying again: %s", str(failure))
            time.sleep(_PAUSE_SECONDS)
