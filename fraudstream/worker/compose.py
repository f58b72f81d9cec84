"""The two sides of the service, composed from settings: what scores, and what learns."""

from __future__ import annotations

import time
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from agents import reputation, scoring
from agents.broadcast import (
    Broadcast,
    PublishedVersions,
    SnapshotHandler,
    control_handler,
    pin_handler,
    refuse_controls,
    reputation_handler,
)
from agents.labelling import agent as labelling
from agents.learning import agent as learning
from agents.learning.agent import LearningState, Publication
from agents.learning.checkpoint import ModelFile
from agents.learning.relearning import ExamplesLog
from agents.model_in_force import ModelInForce, is_fallback
from agents.scoring import TransactionValidator
from agents.web import NotedCheck, expect_score
from models.controls import Controls
from models.decay import DAY
from models.labelling.core import LabellingRules
from models.reputations.store import ReputationStore
from models.scoring.alert_budget import AlertBudgetPolicy
from models.scoring.features import FEATURES_VERSION
from models.scoring.pipeline import CANARY_SCORE, ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from models.snapshots.scorer import checked_scorer
from models.snapshots.selector import ModelSelector
from schemas.privacy import Privacy, UnknownFields, nobody

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.runtime import App
    from agents.telemetry import Telemetry
    from agents.web import Check
    from fraudstream.settings import Settings
    from models.scoring.policy import Policy
    from models.scoring.scorer import Scorer
    from models.snapshots.online_model import OnlineModel


def bind_scoring(app: App, settings: Settings, telemetry: Telemetry) -> dict[str, Check]:
    """Add the scoring agent and the broadcast that it listens to; gives their readiness checks."""
    topics, reputations, policy = settings.topics.names(), ReputationStore(), policy_factory(settings)
    core = ScoringCore(PriorModel(), reputations, policy, timer=telemetry.stage)

    in_force = ModelInForce(core.scorer, time.time)

    def use(scorer: Scorer) -> None:
        core.use_scorer(scorer)
        in_force.use(scorer)
        telemetry.model_loaded(scorer.name)

    shelf = ModelSelector(settings.learning.model, use)
    key = signing_key(settings)
    handlers = {topics.reputations: reputation_handler(reputations), topics.controls: refuse_controls}
    if key is not None:
        handlers[topics.controls] = control_handler(
            Controls(key), core.use_policy, policy, shelf.pin, core.use_rates
        )
    models = SnapshotHandler(shelf, key, FEATURES_VERSION)
    broadcast = Broadcast(
        app.delivery.reader_properties(),
        handlers,
        telemetry,
        preparers={topics.models: models.prepare},
        newest_only=(topics.models, topics.reputations),
    )
    app.service(broadcast)

    async def prepared() -> None:
        await _caught_up(app, broadcast)
        shelf.forget_labels()

    scoring.bind(
        app,
        topics,
        core,
        telemetry,
        admission=admission(settings, telemetry.card_number_passed_over),
        clock=time.time,
        prepared=prepared,
        take_labels=shelf.take_labels,
        key=key,
    )
    telemetry.model_loaded(core.scorer.name)
    telemetry.read_scoring_at_scrape(
        profiles=lambda: app.engine.entries(scoring.NAME),
        reputations=lambda: len(reputations),
        broadcast_staleness=broadcast.staleness,
        model_age=lambda: _age(shelf),
        refused_models=lambda: len(models.refused),
        scorecard_fallback=lambda: is_fallback(shelf, models.refused),
    )
    return {
        "canary": expect_score(core.canary, CANARY_SCORE),
        "model": NotedCheck(lambda: in_force.failure(shelf, models.refused), in_force.note),
        "broadcast": broadcast.check,
    }


def bind_learning_side(app: App, settings: Settings, telemetry: Telemetry) -> dict[str, Check]:
    """Add whichever of labelling, reputation and learning run here; gives their readiness checks."""
    topics, agents = settings.topics.names(), settings.worker.agents
    if "labelling" in agents:
        partitions = labelling.bind(
            app,
            topics,
            telemetry,
            rules=labelling_rules(settings),
            folder=settings.worker.folder / "labelling",
            grace=settings.labelling.grace_seconds,
            monotonic=time.monotonic,
            key=signing_key(settings),
        )
        telemetry.read_labelling_at_scrape(
            cases=partitions.cases, disk_bytes=partitions.disk_bytes, free_bytes=partitions.free_bytes
        )
    if "reputation" in agents:
        reputation.bind(app, topics, telemetry, key=signing_key(settings))
    return _bind_learning(app, settings, telemetry) if "learning" in agents else {}


def _bind_learning(app: App, settings: Settings, telemetry: Telemetry) -> dict[str, Check]:
    topics, chosen = settings.topics.names(), settings.learning
    key = signing_key(settings)
    assert key is not None, "the settings insist on it"
    published = PublishedVersions(chosen.model, key)
    broadcast = Broadcast(
        app.delivery.reader_properties(),
        {topics.models: published.take, topics.controls: pin_handler(Controls(key), published)},
        telemetry,
    )
    app.service(broadcast)
    file = ModelFile(
        settings.worker.folder / "learning" / _file_name(settings), key, telemetry.checkpoint_outdated
    )
    check = learning.bind(
        app,
        topics,
        telemetry,
        new_state=lambda: LearningState(
            file, lambda: new_model(settings), chosen.checkpoint_seconds, time.monotonic
        ),
        publication=Publication(chosen.publish_seconds, chosen.publish_rows, chosen.kept_versions, key),
        published=published,
        prepared=partial(_caught_up, app, broadcast),
        log=ExamplesLog(app.delivery.reader_properties(), topics.examples).batches,
        examine=checked_scorer,
        clock=time.time,
        monotonic=time.monotonic,
    )
    return {"broadcast": broadcast.check, "learning": check}


def new_model(settings: Settings) -> OnlineModel:
    """A model as the settings want it, that has learnt nothing."""
    from models.snapshots.online_model import new_model as new_online_model  # noqa: PLC0415 - brings River

    chosen = settings.learning
    return new_online_model(chosen.model, chosen.algorithm, chosen.seed, version("fraudstream"))


def labelling_rules(settings: Settings) -> LabellingRules:
    """Say when an outcome is final, and what one partition's part of the budget of examples is."""
    chosen = settings.labelling
    return LabellingRules(
        horizon=chosen.horizon_days * DAY,
        keep=chosen.keep_days * DAY,
        genuine_share=chosen.genuine_share,
        examples_per_second=chosen.examples_per_second / settings.topics.score_partitions,
    )


def policy_factory(settings: Settings) -> Callable[[], Policy]:
    """Say how a score becomes a decision, as long as no control says otherwise."""
    chosen = settings.scoring
    if chosen.policy == "budget":
        return partial(
            AlertBudgetPolicy,
            chosen.alerts_per_10000,
            floor=chosen.budget_floor,
            ceiling=chosen.budget_ceiling,
            decline=chosen.decline_threshold,
        )
    return partial(FixedThresholdPolicy, chosen.review_threshold, chosen.decline_threshold)


def admission(settings: Settings, count: Callable[[], None] = nobody) -> TransactionValidator:
    """Say which transactions are scored; `count` as for `privacy`."""
    chosen = settings.scoring
    return TransactionValidator(chosen.future_skew_seconds, chosen.key_mismatch, privacy(settings, count))


def privacy(settings: Settings, count: Callable[[], None] = nobody) -> Privacy:
    """Say how card numbers are looked for; `count` is called for each one passed over in an unknown field."""
    chosen = settings.privacy
    prefixes = tuple(prefix.encode() for prefix in chosen.card_prefixes)
    return Privacy(prefixes, UnknownFields(chosen.unknown_fields), count)


def signing_key(settings: Settings) -> bytes | None:
    """What models, controls and erasures are signed with; None where none is set."""
    key = settings.learning.signing_key
    return None if key is None else key.get_secret_value().encode()


def _file_name(settings: Settings) -> str:
    """The checkpoint of one kind of learner: another kind, or other features, learns the log anew."""
    chosen = settings.learning
    return f"{chosen.model}-{chosen.algorithm}-{chosen.seed}-features{FEATURES_VERSION}.model"


async def _caught_up(app: App, broadcast: Broadcast) -> None:
    """Wait until a broadcast is; as long as it reads, the agents that wait for it are not stuck."""
    await broadcast.wait_caught_up(app.engine.progress.goes_on)


def _age(shelf: ModelSelector) -> float:
    snapshot = shelf.in_force
    return 0.0 if snapshot is None else max(0.0, time.time() - snapshot.created_at.timestamp())
