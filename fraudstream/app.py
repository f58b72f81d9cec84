"""The composition of a worker: settings in, a Faust app with its agents out. Nothing is connected here."""

from __future__ import annotations

import time
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING
from uuid import uuid4

from agents import intake, scoring
from agents.broadcast import Broadcast, control_handler, refuse_snapshots, reputation_handler
from agents.health import PAGES_OFF, Readiness, expect_progress, expect_score, mount
from agents.runtime import App, DeliveryMode, DeliveryOptions
from agents.scoring import Admission
from agents.telemetry import Telemetry, new_registry
from models.alert_budget import AlertBudget
from models.core import CANARY_SCORE, ScoringCore
from models.policy import FixedThreshold
from models.prior import PriorModel
from models.reputation import ReputationStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.health import Check
    from fraudstream.settings import Settings
    from models.policy import Policy


def create_app(settings: Settings) -> App:
    """Compose the worker that these settings describe."""
    registry = new_registry()
    telemetry = Telemetry(registry)
    app = App(
        delivery_options(settings),
        telemetry,
        web_bind=settings.web.host,
        web_port=settings.web.port,
        **PAGES_OFF,
    )

    def progress_age() -> float:  # Faust makes the consumer when the app starts
        age: float = app.consumer.progress.age()
        return age

    telemetry.read_at_scrape(producer_queue=lambda: len(app.outbox), progress_age=progress_age)
    checks = {
        "partitions": lambda: _assigned(app),
        "progress": expect_progress(progress_age, settings.delivery.stall_timeout_seconds / 2),
    }
    if "intake" in settings.worker.agents:
        intake.bind(app, settings.topics.names(), telemetry)
    if "scoring" in settings.worker.agents:
        checks |= _bind_scoring(app, settings, telemetry)
    mount(app, registry, Readiness(checks))
    telemetry.worker_started(_versions(), _place(settings))
    return app


def _bind_scoring(app: App, settings: Settings, telemetry: Telemetry) -> dict[str, Check]:
    """Add the scoring agent and the broadcast that it listens to; gives their readiness checks."""
    topics, reputations, policy = settings.topics.names(), ReputationStore(), policy_factory(settings)
    core = ScoringCore(PriorModel(), reputations, policy, timer=telemetry.stage)
    broadcast = Broadcast(
        app.delivery.reader_properties(),
        {
            topics.models: refuse_snapshots,
            topics.reputations: reputation_handler(reputations),
            topics.controls: control_handler(core.use_policy, policy),
        },
        telemetry,
    )
    app.service(broadcast)
    scoring.bind(
        app,
        topics,
        core,
        telemetry,
        admission=admission(settings),
        clock=time.time,
        prepared=broadcast.wait_caught_up,
    )
    telemetry.model_loaded(core.scorer.name)
    telemetry.read_scoring_at_scrape(
        profiles=lambda: app.consumer.entries(scoring.NAME),
        reputations=lambda: len(reputations),
        broadcast_staleness=broadcast.staleness,
    )
    return {"canary": expect_score(core.canary, CANARY_SCORE), "broadcast": broadcast.check}


def _assigned(app: App) -> str | None:
    return None if app.consumer.ready.is_set() else "the group has assigned no partitions yet"


def _versions() -> dict[str, str]:
    parts = ("fraudstream", "faust-streaming", "confluent-kafka")
    return {name.replace("-", "_"): version(name) for name in parts}


def _place(settings: Settings) -> dict[str, str]:
    worker = settings.worker
    return {
        "group": worker.group,
        "slot": worker.slot or "",
        "agents": ",".join(worker.agents),
        "delivery": settings.delivery.mode,
    }


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
        start_timeout=delivery.start_timeout_seconds,
        linger_ms=delivery.linger_ms,
    )


def policy_factory(settings: Settings) -> Callable[[], Policy]:
    """Say how a score becomes a decision, as long as no control says otherwise."""
    chosen = settings.scoring
    if chosen.policy == "budget":
        return partial(
            AlertBudget,
            chosen.alerts_per_10000,
            floor=chosen.budget_floor,
            ceiling=chosen.budget_ceiling,
            decline=chosen.decline_threshold,
        )
    return partial(FixedThreshold, chosen.review_threshold, chosen.decline_threshold)


def admission(settings: Settings) -> Admission:
    """Say which transactions are scored."""
    return Admission(settings.scoring.future_skew_seconds, settings.scoring.key_mismatch)
