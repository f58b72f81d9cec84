"""The composition of a worker: settings in, a Faust app with its agents out. Nothing is connected here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

from agents import intake, scoring
from agents.health import PAGES_OFF, Readiness, expect_progress, expect_score, mount
from agents.runtime import App, DeliveryMode, DeliveryOptions
from agents.scoring import Admission
from agents.telemetry import Telemetry, new_registry
from models.core import CANARY_SCORE, ScoringCore
from models.policy import FixedThreshold
from models.prior import PriorModel
from models.reputation import ReputationStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from fraudstream.settings import Settings
    from models.policy import Policy


def create_app(settings: Settings) -> App:
    """Compose the worker that these settings describe."""
    registry = new_registry()
    telemetry = Telemetry(registry)
    topics = settings.topics.names()
    reputations = ReputationStore()
    core = ScoringCore(PriorModel(), reputations, policy_factory(settings), timer=telemetry.stage)
    app = App(
        delivery_options(settings),
        telemetry,
        web_host=settings.web.host,
        web_port=settings.web.port,
        **PAGES_OFF,
    )
    if "scoring" in settings.worker.agents:
        scoring.bind(app, topics, core, telemetry, admission=admission(settings), clock=time.time)
    if "intake" in settings.worker.agents:
        intake.bind(app, topics, telemetry)
    mount(app, registry, readiness(app, core, settings))
    telemetry.read_at_scrape(
        producer_queue=lambda: len(app.outbox),
        progress_age=lambda: app.consumer.progress.age(),
        profiles=lambda: app.consumer.entries(scoring.NAME),
        reputations=lambda: len(reputations),
        broadcast_staleness=lambda: 0.0,
    )
    return app


def readiness(app: App, core: ScoringCore, settings: Settings) -> Readiness:
    """Say when this worker counts as ready."""

    def partitions() -> str | None:
        return None if app.consumer.ready.is_set() else "the group has assigned no partitions yet"

    return Readiness(
        {
            "canary": expect_score(core.canary, CANARY_SCORE),
            "partitions": partitions,
            "progress": expect_progress(
                lambda: app.consumer.progress.age(), settings.delivery.stall_timeout_seconds / 2
            ),
        }
    )


def delivery_options(settings: Settings) -> DeliveryOptions:
    """Say how this worker's records are delivered; a worker without a slot gets a name of its own."""
    delivery, slot = settings.delivery, settings.worker.slot
    return DeliveryOptions(
        client=settings.kafka.librdkafka(),
        group=settings.worker.group,
        member=slot or f"worker-{uuid4().hex[:12]}",
        is_static=slot is not None,
        mode=DeliveryMode(delivery.mode),
        chunk_size=delivery.chunk_size,
        max_queued_records=delivery.max_queued_records,
        commit_interval=delivery.commit_interval_seconds,
        session_timeout=delivery.session_timeout_seconds,
        transaction_timeout=delivery.transaction_timeout_seconds,
        stall_timeout=delivery.stall_timeout_seconds,
        linger_ms=delivery.linger_ms,
    )


def policy_factory(settings: Settings) -> Callable[[], Policy]:
    """Say how a score becomes a decision."""
    chosen = settings.scoring
    return lambda: FixedThreshold(chosen.review_threshold, chosen.decline_threshold)


def admission(settings: Settings) -> Admission:
    """Say which transactions are scored."""
    return Admission(settings.scoring.future_skew_seconds, settings.scoring.key_mismatch)
