"""A worker process: the one place where settings meet Faust's worker."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import mode.loop

if TYPE_CHECKING:
    from fraudstream.settings import Settings


def run_worker(settings: Settings) -> None:
    """Run a worker until it is told to stop; it ends the process with its exit status.

    Raises:
        AddressRefused: the web server cannot listen.
        CertificateRefused: it cannot use its certificate.
        ClientRefused: Kafka's client library does not take its settings.
        KafkaUnreachable: Kafka does not answer.
        TracingRefused: traces are asked for, and OpenTelemetry is not installed.
        TopicsRefused: a topic that the worker's agents use is missing, or has the wrong number of partitions.
    """
    mode.loop.use("uvloop")
    from agents.telemetry import (  # noqa: PLC0415 - the loop must be chosen first
        LogFormat,
        configure_logs,
        log_uncaught,
    )
    from fraudstream.worker.app import create_app  # noqa: PLC0415
    from fraudstream.worker.preflight import expect_address, expect_client, expect_topics  # noqa: PLC0415

    configure_logs(settings.log.level, LogFormat(settings.log.format), key=_hash_key(settings))
    log_uncaught()
    expect_address(settings.web)
    expect_client(settings.kafka)
    expect_topics(settings)
    app = create_app(settings)
    app.finalize()
    _spare_the_collector()
    worker = app.Worker(quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None  # it writes a terminal's control codes among the log lines, terminal or not
    worker.execute_from_commandline()


def _hash_key(settings: Settings) -> bytes | None:
    """The key of the hashes in log lines, the same in all workers if one is set."""
    key = settings.log.key or settings.learning.signing_key
    return None if key is None else key.get_secret_value().encode()


def _spare_the_collector() -> None:
    """Keep the garbage collector from the modules and classes that stay for good.

    It would walk through all of them again and again, and stop the worker for some 80 ms each time. What is
    young it collects often, a few milliseconds each, since Faust's events refer to each other.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 50, 1_000)
