"""The scoring agent: each record becomes a score, a dead letter or a counted repeat."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agents import scoring
from agents.scoring import TransactionValidator
from models.reputations.store import ReputationStore
from models.scoring.pipeline import ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from schemas.alert import Alert, decode_alert
from schemas.errors import ErrorType, InvalidMessage
from schemas.privacy import Privacy
from schemas.reputation import Reputation
from schemas.score import Decision, Score

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from agents.runtime.testing import FakeApp, FakeRecord
    from agents.telemetry import Telemetry
    from agents.topics import Topics

    MakeRecord = Callable[..., FakeRecord]

NOW = 1_772_500_000.5
STRANGE = {"amount": "98000.00", "event_time": "2026-03-01T03:00:00+00:00"}
"""What the prior model finds more suspicious than the rest here."""


@pytest.fixture
def bind(app: FakeApp, topics: Topics, telemetry: Telemetry) -> Callable[..., None]:
    """Binds the agent to the fake app."""

    async def prepared() -> None:
        pass

    def bind(
        review: float = 0.5,
        *,
        admission: TransactionValidator | None = None,
        reputations: ReputationStore | None = None,
    ) -> None:
        policy = FixedThresholdPolicy(review, 0.99)
        core = ScoringCore(PriorModel(), reputations or ReputationStore(), lambda: policy)
        scoring.bind(
            app,
            topics,
            core,
            telemetry,
            admission=admission or TransactionValidator(),
            clock=lambda: NOW,
            prepared=prepared,
        )

    return bind


def run(app: FakeApp, *records: FakeRecord, **options: Any) -> None:
    asyncio.run(app.run("scoring", *records, **options))


def scores(app: FakeApp) -> list[Score]:
    return [Score.model_validate_json(put.value or b"") for put in app.outbox.on("scores")]


def errors(app: FakeApp) -> list[bytes | None]:
    return [put.header("fraudstream-error-type") for put in app.outbox.on("dead-letters")]


def skipped(registry: CollectorRegistry, reason: str) -> float | None:
    return registry.get_sample_value("fraudstream_transactions_skipped_total", {"reason": reason})


def known(merchant: str) -> ReputationStore:
    """Reputations that know one merchant."""
    store, nothing = ReputationStore(), (0.0,) * 5
    store.update(
        Reputation(
            kind="counterparty",
            id=merchant,
            as_of=datetime(2026, 2, 1, tzinfo=UTC),
            matured=(5.0,) * 5,
            matured_frauds=nothing,
            early_frauds=nothing[:2],
        )
    )
    return store


def test_it_reads_the_transactions_and_keeps_its_state_in_its_changelog(
    app: FakeApp, bind: Callable[..., None]
) -> None:
    bind()
    assert app.sources == {"scoring": "transactions"}
    assert app.changelogs == {"scoring": "scoring-changelog"}


def test_a_score_keeps_the_contract_and_says_what_was_scored(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord
) -> None:
    bind(reputations=known("merchant-1"))
    run(app, record(41))
    (put,) = app.outbox.on("scores")
    assert put.key == b"card-1"
    (score,) = scores(app)
    assert (score.transaction_id, score.subject, score.counterparty) == ("t-1", "card-1", "merchant-1")
    assert (score.source.topic, score.source.partition, score.source.offset) == ("transactions", 2, 41)
    assert score.dimensions == {"merchant": "merchant-1"}
    assert (score.scored_by, score.features_complete) == ("prior", True)
    assert score.scored_at == datetime.fromtimestamp(NOW, UTC)
    assert app.outbox.on("dead-letters") == []


def test_alerts_are_exactly_the_scores_that_are_not_approved_and_keep_the_contract(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord
) -> None:
    bind(review=0.05)
    calm = [record(i, transaction_id=f"calm-{i}", card_id=f"card-{i}") for i in range(5)]
    strange = [record(5 + i, transaction_id=f"strange-{i}", card_id=f"card-{i}", **STRANGE) for i in range(3)]
    run(app, *calm, *strange)
    suspicious = [score for score in scores(app) if score.decision is not Decision.APPROVE]
    alerts = [decode_alert(put.value or b"") for put in app.outbox.on("alerts")]
    assert 0 < len(alerts) < len(scores(app)) == 8
    assert [of(alert) for alert in alerts] == [
        (s.transaction_id, s.score, s.threshold, s.decision, s.source, s.scored_at) for s in suspicious
    ]
    for alert in alerts:
        assert alert.reasons
    assert len({alert.alert_id for alert in alerts}) == len(alerts)
    assert [put.key for put in app.outbox.on("alerts")] == [s.subject.encode() for s in suspicious]


def of(alert: Alert) -> tuple[object, ...]:
    transaction = alert.transaction
    return (
        transaction.transaction_id,
        alert.score,
        alert.threshold,
        alert.decision,
        alert.source,
        alert.scored_at,
    )


def test_a_bad_record_is_a_dead_letter_and_the_others_of_its_chunk_are_scored(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord
) -> None:
    bind()
    run(app, record(0), record(1, value=b"?"), record(2, value=None), record(3, transaction_id="t-2"))
    assert [score.source.offset for score in scores(app)] == [0, 3]
    assert errors(app) == [b"not-json", b"no-value"]


def test_a_chunk_of_bad_records_alone_is_no_score_and_no_failure(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord
) -> None:
    bind()
    run(app, record(0, value=b"?"))
    assert (scores(app), len(errors(app))) == ([], 1)


def test_a_repeat_is_counted_and_changes_no_score_after_it(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord, registry: CollectorRegistry
) -> None:
    first, last = record(0), record(2, transaction_id="t-2", amount="99.00")
    bind()
    run(app, first, last)
    without = [score.score for score in scores(app)]
    app.outbox.records.clear()
    bind()
    run(app, first, record(1), last)
    run(app, record(3))
    assert [score.score for score in scores(app)] == without
    assert skipped(registry, "repeat") == 2
    assert errors(app) == []


def test_an_id_that_comes_again_with_another_amount_is_scored_alerted_by_itself_and_counted(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord, registry: CollectorRegistry
) -> None:
    bind(review=0.0)
    run(app, record(0), record(1, amount="13.50"), record(2, amount="13.50"))
    assert [score.source.offset for score in scores(app)] == [0, 1]
    alerts = [decode_alert(put.value or b"") for put in app.outbox.on("alerts")]
    assert {alert.transaction.transaction_id for alert in alerts} == {"t-1"}
    assert len({alert.alert_id for alert in alerts}) == 2
    assert skipped(registry, "repeat") == 1
    assert registry.get_sample_value("fraudstream_transactions_id_reused_total") == 1


def test_how_late_a_transaction_is_and_an_amount_that_is_missing_are_counted(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord, registry: CollectorRegistry
) -> None:
    bind()
    run(app, record(0), record(1, transaction_id="t-2", event_time="2026-03-01T09:30:00+00:00"))
    run(app, record(2, transaction_id="t-3", currency="USD"))
    assert [score.features_complete for score in scores(app)] == [True, True, False]
    assert registry.get_sample_value("fraudstream_transactions_amount_unknown_total") == 1
    assert registry.get_sample_value("fraudstream_late_seconds_count") == 1
    assert registry.get_sample_value("fraudstream_late_seconds_sum") == 1_800
    assert registry.get_sample_value("fraudstream_late_seconds_bucket", {"le": "600.0"}) == 0


def test_offsets_of_another_log_are_scored(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord, registry: CollectorRegistry
) -> None:
    bind()
    run(app, record(7), log=1)
    run(app, record(3, transaction_id="t-2"), log=2)
    run(app, record(3, transaction_id="t-2"), log=2)
    assert [score.transaction_id for score in scores(app)] == ["t-1", "t-2"]
    assert skipped(registry, "replay") == 1


def test_an_offset_that_the_state_holds_already_is_counted_as_replay(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord, registry: CollectorRegistry
) -> None:
    bind()
    run(app, record(7))
    run(app, record(7, transaction_id="t-2"))
    assert [score.transaction_id for score in scores(app)] == ["t-1"]
    assert skipped(registry, "replay") == 1


@pytest.mark.parametrize(
    ("key", "error_type"),
    [(None, ErrorType.EMPTY_KEY), (b"", ErrorType.EMPTY_KEY), (b"card-2", ErrorType.KEY_MISMATCH)],
)
def test_a_key_that_is_not_the_subject_is_refused(
    record: MakeRecord, key: bytes | None, error_type: ErrorType
) -> None:
    with pytest.raises(InvalidMessage) as refused:
        TransactionValidator().admit(record(key=key))
    assert refused.value.error_type is error_type


@pytest.mark.parametrize("key", [None, b"", b"card-2"])
def test_or_it_is_scored_and_marked_incomplete_when_the_setting_says_so(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord, key: bytes | None
) -> None:
    bind(0.0, admission=TransactionValidator(key_mismatch="score"), reputations=known("merchant-1"))
    run(app, record(0), record(1, key=key, transaction_id="t-2"))
    assert [score.features_complete for score in scores(app)] == [True, False]
    assert [orjson.loads(put.value or b"")["features_complete"] for put in app.outbox.on("alerts")] == [
        True,
        False,
    ]
    assert [put.key for put in app.outbox.on("scores")] == [b"card-1"] * 2
    assert errors(app) == []


def test_a_card_number_of_the_banks_own_is_masked_whatever_the_record_is_refused_for(
    app: FakeApp, bind: Callable[..., None], record: MakeRecord
) -> None:
    bind(admission=TransactionValidator(privacy=Privacy((b"990012",))))
    run(app, record(key=b"9900123456789017"))
    assert errors(app) == [ErrorType.KEY_MISMATCH.encode()]
    assert [put.key for put in app.outbox.on("dead-letters")] == [b"************9017"]


def test_an_event_may_be_ahead_of_its_record_by_the_skew_and_no_more(record: MakeRecord) -> None:
    sent_at = record().timestamp()[1] / 1_000

    def ahead(seconds: float) -> FakeRecord:
        return record(event_time=datetime.fromtimestamp(sent_at + seconds, UTC).isoformat())

    TransactionValidator(future_skew=60).admit(ahead(60))
    with pytest.raises(InvalidMessage) as refused:
        TransactionValidator(future_skew=60).admit(ahead(61))
    assert refused.value.error_type is ErrorType.FUTURE_TIME
    assert refused.value.field == "event_time"


def test_poison_is_set_apart_untried(app: FakeApp, bind: Callable[..., None], record: MakeRecord) -> None:
    bind()
    run(app, record(0), is_poison=True)
    assert errors(app) == [ErrorType.INTERNAL_ERROR.encode()]
    assert scores(app) == []
    (letter,) = app.outbox.on("dead-letters")
    assert (letter.key, letter.value) == (record(0).key(), record(0).value())
    assert letter.header("__connect.errors.stage") == b"TASK_PUT"


def test_nothing_is_scored_before_what_scoring_needs_is_known(
    app: FakeApp, topics: Topics, telemetry: Telemetry, record: MakeRecord
) -> None:
    known_by_now = asyncio.Event()
    policy = FixedThresholdPolicy(0.5, 0.9)
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: policy)
    scoring.bind(
        app,
        topics,
        core,
        telemetry,
        admission=TransactionValidator(),
        clock=lambda: NOW,
        prepared=known_by_now.wait,
    )

    async def scenario() -> tuple[int, int]:
        task = asyncio.create_task(app.run("scoring", record()))
        await asyncio.sleep(0.01)
        before = len(app.outbox.records)
        known_by_now.set()
        await task
        return before, len(app.outbox.records)

    assert asyncio.run(scenario()) == (0, 1)
