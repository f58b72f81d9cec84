"""Telemetry: each event shows in the metrics; the catalogue keeps to Prometheus' conventions."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from structlog.testing import capture_logs

from agents.runtime.observer import Observer
from agents.telemetry import Telemetry, new_registry
from agents.telemetry.histogram import BatchHistogram
from agents.telemetry.quality import MEASURES
from models.batch import EventBatch
from models.profiles.fold import VIEW
from models.quality.live import LiveQuality
from models.scoring.features import NAMES, FeatureMatrix
from models.scoring.pipeline import ScoredBatch
from models.scoring.policy import Decisions
from schemas.errors import ErrorType, InvalidMessage
from schemas.example import Maturity
from schemas.label import Outcome
from schemas.score import Decision
from schemas.snapshot import Learner, ModelSnapshot
from schemas.transaction import CardTransaction
from tests.models.labelling_cases import HORIZON, START, core, label, row
from tests.models.quality_cases import quality_of_all

BOUNDED = {
    *("agent", "check", "decision", "direction", "error_type", "fate", "feature", "kind", "maturity"),
    *(
        "measure",
        "model",
        "origin",
        "outcome",
        "partition",
        "reason",
        "result",
        "scored_by",
        "stage",
        "topic",
    ),
}
"""Labels of a metric: each takes its values from a list in the code or from a handful of names."""

QUALITY = quality_of_all()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def telemetry(registry: CollectorRegistry) -> Telemetry:
    return Telemetry(registry)


def judged(
    *decisions: Decision,
    scored_by: str = "prior",
    complete: tuple[bool, ...] = (True,),
    times: tuple[float, ...] = (0.0,),
) -> ScoredBatch:
    transactions = [
        CardTransaction(
            transaction_id="T-1",
            event_time=datetime.fromtimestamp(time, UTC),
            card_id="card-1",
            merchant_id="M-1",
            amount="10.00",
            currency="EUR",
        )
        for time in times
    ]
    count = len(times)
    return ScoredBatch(
        transactions=transactions,
        batch=EventBatch.of(transactions, range(count)),
        seen=np.ones(count, dtype=VIEW),
        features=FeatureMatrix(np.zeros((count, 1), dtype=np.float32), np.array(complete)),
        scores=np.full(count, 0.02),
        decisions=Decisions([*decisions], np.full(count, 0.5)),
        reasons={},
        scored_by=scored_by,
        policy_version="fixed",
    )


def tell_everything(telemetry: Telemetry) -> None:
    """Have every event happen once."""
    telemetry.worker_started({"fraudstream": "0.1.0"}, {"group": "fraudstream", "slot": "0"})
    telemetry.read_at_scrape(producer_queue=lambda: 3.0, progress_age=lambda: 0.5)
    telemetry.read_scoring_at_scrape(
        profiles=lambda: 7.0,
        reputations=lambda: 9.0,
        broadcast_staleness=lambda: 1.5,
        model_age=lambda: 2.5,
        refused_models=lambda: 2.0,
        scorecard_fallback=lambda: True,
    )
    with telemetry.stage("decode"):
        pass
    telemetry.transactions_scored(judged(Decision.APPROVE), np.array([0.0]), 0.01)
    telemetry.transactions_skipped("repeat")
    telemetry.labels_accepted([label()])
    telemetry.dead_lettered("transactions", ErrorType.NOT_JSON, "is not JSON", partition=0, offset=1)
    telemetry.card_number_passed_over()
    telemetry.model_loaded("forest@12")
    telemetry.broadcast_applied("reputations", 2)
    telemetry.broadcast_refused("models", ErrorType.INVALID_TYPE, "is refused", partition=0, offset=1)
    telemetry.broadcast_caught_up(0.5, 2)
    telemetry.partitions_assigned(4)
    telemetry.rebalanced(lost=True)
    telemetry.restored("scoring-changelog", 0.1, 100)
    telemetry.committed(0.03, 12)
    telemetry.commit_failed("fenced")
    telemetry.lag({("transactions", 0): 5})
    telemetry.waiting({("transactions", 0): 1.5})
    telemetry.starts_noted({("transactions", 0): 2})
    telemetry.records_lost("transactions", 0, 5, 9, ErrorType.RECORDS_LOST, "the broker deleted them")
    telemetry.records_unaccounted("transactions", 2)
    telemetry.log_replaced("transactions", 0)
    telemetry.topic_seen("transactions", exists=False)
    telemetry.partitions_unserved("transactions", "scoring-changelog", 6, 4)
    telemetry.partition_on_trial("transactions", 0, 5, 9)
    telemetry.agent_failed("scoring", ValueError("broken"))
    telemetry.leaving("stalled")
    tell_of_learning(telemetry)


def tell_of_learning(telemetry: Telemetry) -> None:
    """Have every event of the learning side happen once."""
    telemetry.read_labelling_at_scrape(
        cases=lambda: 11.0, disk_bytes=lambda: 4_096.0, free_bytes=lambda: 8_192.0
    )
    telemetry.read_quality_at_scrape(QUALITY)
    labelling = core()
    labelling.take_score(row())
    labelling.take_label(label(day=1.0), 0.0)
    emission = labelling.advance(START + HORIZON)
    emission.unreadable = 1
    telemetry.labelled(emission)
    telemetry.reputations_published(2)
    telemetry.example_learnt(Outcome.FRAUD, Maturity.EARLY)
    telemetry.example_passed_over()
    telemetry.snapshot_published(snapshot(), 10_000, 0.01)
    telemetry.snapshot_failed(ValueError("singular matrix"))
    telemetry.snapshot_withheld(snapshot(), InvalidMessage(ErrorType.UNSOUND_MODEL, "scores all alike"))
    telemetry.labels_learnt([100.0], 102.0)


def snapshot() -> ModelSnapshot:
    return ModelSnapshot(
        name="forest",
        version=12,
        features_version=1,
        examples_offset=11,
        created_at=datetime.fromtimestamp(0, UTC),
        learner=Learner(algorithm="forest", parameters={}, seed=1, code_version="0.1.0"),
        quality={"auc": 0.9},
        calibration={},
        labels_recorded=(),
        onnx_size=1,
        onnx_sha256="0" * 64,
    )


def test_every_event_shows_in_a_metric_of_its_own(registry: CollectorRegistry, telemetry: Telemetry) -> None:
    tell_everything(telemetry)
    silent = [
        metric.name
        for metric in registry.collect()
        if metric.type in {"counter", "histogram"} and not any(sample.value for sample in metric.samples)
    ]
    assert silent == ["fraudstream_transactions_incomplete", "fraudstream_transactions_amount_unknown"]


def test_names_help_and_labels_keep_the_conventions(
    registry: CollectorRegistry, telemetry: Telemetry
) -> None:
    tell_everything(telemetry)
    for metric in registry.collect():
        assert re.fullmatch(r"fraudstream_[a-z_]+", metric.name)
        assert metric.documentation.endswith(".")
        for sample in metric.samples:
            assert metric.type == "info" or set(sample.labels) <= BOUNDED | {"le"}
            assert metric.type != "counter" or sample.name.endswith("_total")


def test_promtool_finds_nothing_to_mend() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed here (Debian: apt-get install prometheus)")
    registry = new_registry()
    tell_everything(Telemetry(registry))
    told = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, b"")


def test_transactions_are_counted_by_kind_model_and_decision(
    registry: CollectorRegistry, telemetry: Telemetry
) -> None:
    some = judged(*[Decision.APPROVE] * 2, complete=(True, False), times=(0.0, 0.0))
    telemetry.transactions_scored(some, np.zeros(2), 1.0)
    for version in ("forest@12", "forest@13"):
        telemetry.transactions_scored(judged(Decision.REVIEW, scored_by=version), np.zeros(1), 1.0)

    def count(scored_by: str, decision: str) -> float | None:
        labels = {"kind": "card", "scored_by": scored_by, "decision": decision}
        return registry.get_sample_value("fraudstream_transactions_scored_total", labels)

    assert count("prior", "approve") == 2
    assert count("forest", "review") == 2
    assert registry.get_sample_value("fraudstream_transactions_incomplete_total") == 1


def test_latency_counts_from_arrival_and_age_from_the_event(
    registry: CollectorRegistry, telemetry: Telemetry
) -> None:
    some = judged(*[Decision.APPROVE] * 2, complete=(True, True), times=(100.0, 200.0))
    telemetry.transactions_scored(some, np.array([149.98, 149.7]), 150.0)
    value = registry.get_sample_value
    assert value("fraudstream_arrival_to_score_seconds_bucket", {"le": "0.025"}) == 1
    assert value("fraudstream_arrival_to_score_seconds_sum") == pytest.approx(0.32)
    assert value("fraudstream_event_age_seconds_count") == 2
    assert value("fraudstream_event_age_seconds_sum") == 50.0, "an event from the future counts as age 0"


def test_what_is_read_at_scrape_is_the_value_of_that_moment(
    registry: CollectorRegistry, telemetry: Telemetry
) -> None:
    tell_everything(telemetry)
    names = (
        *("producer_queue_records", "progress_age_seconds", "profiles", "reputations"),
        *("broadcast_staleness_seconds", "model_age_seconds", "refused_models", "scorecard_fallback"),
        *("labelling_transactions", "labelling_disk_bytes", "labelling_free_bytes"),
    )
    values = [registry.get_sample_value(f"fraudstream_{name}") for name in names]
    assert values == [3.0, 0.5, 7.0, 9.0, 1.5, 2.5, 2.0, 1.0, 11.0, 4_096.0, 8_192.0]


def test_versions_and_place_are_labels_of_an_info(registry: CollectorRegistry, telemetry: Telemetry) -> None:
    tell_everything(telemetry)
    assert registry.get_sample_value("fraudstream_build_info", {"fraudstream": "0.1.0"}) == 1
    place = {"group": "fraudstream", "slot": "0"}
    assert registry.get_sample_value("fraudstream_worker_info", place) == 1


def test_what_waits_in_a_partition_that_left_is_forgotten(
    registry: CollectorRegistry, telemetry: Telemetry
) -> None:
    for tell in (telemetry.lag, telemetry.waiting):
        tell({("transactions", 0): 5, ("transactions", 1): 6})
        tell({("transactions", 1): 7})
    for name in ("lag_records", "waiting_seconds"):
        shown = {
            sample.labels["partition"]: sample.value
            for metric in registry.collect()
            if metric.name == f"fraudstream_{name}"
            for sample in metric.samples
        }
        assert shown == {"1": 7.0}


def test_what_may_be_refused_is_zero_before_it_is_refused(
    registry: CollectorRegistry, telemetry: Telemetry
) -> None:
    """A rate sees the first one only if there was a value before it."""
    telemetry.reads(["transactions"])
    telemetry.listens_to(["models"])
    for error_type in ErrorType:
        for name, topic in (("dead_letters", "transactions"), ("broadcast_records_refused", "models")):
            labels = {"topic": topic, "error_type": error_type}
            assert registry.get_sample_value(f"fraudstream_{name}_total", labels) == 0
    assert registry.get_sample_value("fraudstream_commits_total", {"result": "failed"}) == 0
    assert registry.get_sample_value("fraudstream_rebalances_total", {"outcome": "lost"}) == 0


def test_only_the_model_in_force_has_a_version(registry: CollectorRegistry, telemetry: Telemetry) -> None:
    telemetry.model_loaded("prior")
    telemetry.model_loaded("forest@12")
    assert registry.get_sample_value("fraudstream_model_version", {"model": "forest"}) == 12
    assert registry.get_sample_value("fraudstream_model_version", {"model": "prior"}) is None


def test_live_quality_is_told_whole_with_the_definition_of_each(
    registry: CollectorRegistry, telemetry: Telemetry
) -> None:
    telemetry.read_quality_at_scrape(QUALITY)
    measures, stability = QUALITY.measures(), QUALITY.stability()
    assert measures.keys() == MEASURES.keys()
    for name, value in measures.items():
        assert registry.get_sample_value(f"fraudstream_live_{name}") == value
    for direction, count in QUALITY.loss_changes().items():
        labels = {"direction": direction}
        assert count > 0
        assert registry.get_sample_value("fraudstream_live_loss_changes_total", labels) == count
    assert registry.get_sample_value("fraudstream_score_stability_index") == stability["score"]
    by_feature = {
        sample.labels["feature"]: sample.value
        for metric in registry.collect()
        if metric.name == "fraudstream_feature_stability_index"
        for sample in metric.samples
    }
    assert by_feature == {name: stability[name] for name in NAMES}


def test_quality_that_rests_on_nothing_has_no_value(
    registry: CollectorRegistry, telemetry: Telemetry
) -> None:
    telemetry.read_quality_at_scrape(LiveQuality())
    samples = [
        (sample.name, sample.value)
        for metric in registry.collect()
        if "_live_" in metric.name or "stability" in metric.name
        for sample in metric.samples
    ]
    assert samples == [
        ("fraudstream_live_matured_transactions", 0.0),
        ("fraudstream_live_loss_changes_total", 0),
        ("fraudstream_live_loss_changes_total", 0),
    ]


def test_what_labels_came_to_is_counted(registry: CollectorRegistry, telemetry: Telemetry) -> None:
    tell_of_learning(telemetry)
    value = registry.get_sample_value
    early_fraud = {"outcome": "fraud", "maturity": "early"}
    assert value("fraudstream_labels_settled_total", {"fate": "early"}) == 1
    assert value("fraudstream_examples_made_total", early_fraud) == 1
    assert value("fraudstream_examples_learnt_total", early_fraud) == 1
    assert value("fraudstream_label_delay_seconds_sum") == 86_400.0
    assert value("fraudstream_learner_version", {"model": "forest"}) == 12
    assert value("fraudstream_learner_quality", {"measure": "auc"}) == 0.9
    assert value("fraudstream_time_to_learn_seconds_sum") == 2.0


def test_a_refusal_is_a_line_with_its_place(telemetry: Telemetry) -> None:
    with capture_logs() as lines:
        telemetry.dead_lettered("transactions", ErrorType.PAN, "holds a card number", partition=3, offset=42)
    assert lines == [
        {
            "event": "message refused",
            "log_level": "warning",
            "topic": "transactions",
            "partition": 3,
            "offset": 42,
            "error_type": "pan",
            "reason": "holds a card number",
        }
    ]


def test_hears_all_that_the_delivery_engine_tells() -> None:
    for name, told in inspect.getmembers(Observer, inspect.isfunction):
        if not name.startswith("_"):
            heard = inspect.signature(getattr(Telemetry, name))
            assert heard.parameters == inspect.signature(told).parameters, name


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.floats(0.0, 4.0) | st.sampled_from([0.5, 1.0, 2.0]), max_size=20), max_size=5))
def test_a_batch_histogram_exposes_what_a_histogram_does(batches: list[list[float]]) -> None:
    one, other = CollectorRegistry(), CollectorRegistry()
    bounds = (0.5, 1.0, 2.0)
    batched = BatchHistogram("some_seconds", "Some.", bounds, one)
    single = Histogram("some_seconds", "Some.", buckets=bounds, registry=other)
    for batch in batches:
        batched.observe(batch)
        for value in batch:
            single.observe(value)
    lines = generate_latest(one).decode().splitlines()
    expected = generate_latest(other).decode().splitlines()
    assert lines[:-1] == expected[:-1]
    assert float(lines[-1].split()[1]) == pytest.approx(float(expected[-1].split()[1]))
