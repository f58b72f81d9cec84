"""The composition of a worker: settings in, a Faust app with its agents out. Nothing is connected here."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING
from uuid import uuid4

from agents import intake
from agents.runtime import App, DeliveryMode, DeliveryOptions
from agents.telemetry import new_registry
from agents.web import PAGES_OFF, Readiness, expect_progress, mount
from fraudstream.kafka.batches import batch_end
from fraudstream.worker.compose import bind_learning_side, bind_scoring, privacy, signing_key
from fraudstream.worker.tls import access, server_tls
from fraudstream.worker.tracing import new_telemetry

if TYPE_CHECKING:
    from fraudstream.settings import Settings


def create_app(settings: Settings) -> App:
    """Compose the worker that these settings describe.

    Raises:
        CertificateRefused: the web server cannot use its certificate.
        TracingRefused: traces are asked for, and OpenTelemetry is not installed.
    """
    registry = new_registry()
    telemetry = new_telemetry(settings, registry)
    app = App(
        delivery_options(settings),
        telemetry,
        web_bind=settings.web.host,
        web_port=settings.web.port,
        web_ssl_context=server_tls(settings.web),
        **PAGES_OFF,
    )

    telemetry.read_at_scrape(producer_queue=lambda: len(app.outbox), progress_age=app.engine.progress.age)
    checks = {
        "partitions": lambda: _assigned(app),
        "progress": expect_progress(app.engine.progress.age, settings.delivery.stall_timeout_seconds / 2),
    }
    if "intake" in settings.worker.agents:
        intake.bind(
            app,
            settings.topics.names(),
            telemetry,
            key=signing_key(settings),
            privacy=privacy(settings, telemetry.card_number_passed_over),
        )
    if "scoring" in settings.worker.agents:
        checks |= bind_scoring(app, settings, telemetry)
    if settings.worker.learns:
        checks |= bind_learning_side(app, settings, telemetry)
    telemetry.reads({*app.engine.in_flight.topics})
    mount(app, registry, Readiness(checks), access(settings.web))
    telemetry.worker_started(_versions(), _place(settings))
    return app


def _assigned(app: App) -> str | None:
    return None if app.engine.ready.is_set() else "the group has assigned no partitions yet"


def _versions() -> dict[str, str]:
    parts = ("fraudstream", "faust-streaming", "confluent-kafka")
    return {name.replace("-", "_"): version(name) for name in parts}


def _place(settings: Settings) -> dict[str, str]:
    worker = settings.worker
    return {
        "group": worker.side_group,
        "slot": worker.slot or "",
        "agents": ",".join(worker.agents),
        "delivery": settings.delivery.mode,
    }


def delivery_options(settings: Settings) -> DeliveryOptions:
    """Say how this worker's records are delivered; a worker without a slot gets a name of its own."""
    delivery, slot = settings.delivery, settings.worker.slot
    return DeliveryOptions(
        client=settings.kafka.librdkafka(),
        group=settings.worker.side_group,
        member=slot or f"worker-{uuid4().hex[:12]}",
        is_static=slot is not None,
        mode=DeliveryMode(delivery.mode),
        chunk_size=delivery.chunk_size,
        batch_interval=delivery.batch_interval_ms / 1_000,
        max_queued_records=delivery.max_queued_records,
        commit_interval=delivery.commit_interval_seconds,
        session_timeout=delivery.session_timeout_seconds,
        transaction_timeout=delivery.transaction_timeout(slot),
        stall_timeout=delivery.stall_timeout_seconds,
        start_timeout=delivery.start_timeout_seconds,
        linger_ms=delivery.linger_ms,
        batch_end=partial(batch_end, settings.kafka),
    )
