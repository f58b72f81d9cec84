"""The composition of a worker: what the settings say is what the app holds, and nothing is connected."""

from __future__ import annotations

import socket
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NoReturn

import confluent_kafka
import pytest

from agents.runtime import DeliveryMode
from fraudstream.settings import Settings
from fraudstream.worker.app import create_app, delivery_options
from fraudstream.worker.compose import admission, labelling_rules, new_model, policy_factory
from models.decay import DAY
from models.labelling.core import LabellingRules
from models.scoring.alert_budget import AlertBudgetPolicy
from models.scoring.features import FEATURES, FEATURES_VERSION
from models.scoring.policy import FixedThresholdPolicy
from tests.models.model_cases import START, example

if TYPE_CHECKING:
    from pathlib import Path


SIGNED = {"signing_key": "a key for tests alone"}


@pytest.fixture(autouse=True)
def _no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every attempt to reach Kafka, or anything else, fail the test."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("something was connected")

    for client in ("Consumer", "Producer"):
        monkeypatch.setattr(confluent_kafka, client, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize(
    ("agents", "sources", "changelogs"),
    [
        (("scoring", "intake"), {"p.transactions", "p.labels"}, {"scoring": "p.scoring-changelog"}),
        (("scoring",), {"p.transactions"}, {"scoring": "p.scoring-changelog"}),
        (("intake",), {"p.labels"}, {}),
        (
            ("labelling", "reputation", "learning"),
            {"p.scores", "p.labels.keyed", "p.outcomes", "p.examples"},
            {
                "labelling": None,
                "labelling-labels": None,
                "reputation": "p.reputation-changelog",
                "learning": None,
            },
        ),
        (("reputation",), {"p.outcomes"}, {"reputation": "p.reputation-changelog"}),
        (("learning",), {"p.examples"}, {"learning": None}),
    ],
)
def test_the_agents_that_the_settings_name_are_bound(
    agents: tuple[str, ...], sources: set[str], changelogs: dict[str, str | None]
) -> None:
    app = create_app(Settings(worker={"agents": agents}, topics={"prefix": "p."}, learning=SIGNED))
    app.finalize()
    assert {name for agent in app.agents.values() for name in agent.channel.topics} == sources
    assert {binding.agent: binding.changelog for binding in app.bindings} == changelogs
    assert (app.conf.web_bind, app.conf.web_port) == ("127.0.0.1", 6066)


def test_the_worker_belongs_to_its_group_and_listens_where_it_is_told() -> None:
    app = create_app(Settings(worker={"group": "risk"}, web={"host": "::1", "port": 7000}))
    assert (app.conf.id, app.delivery.group) == ("risk", "risk")
    assert (app.conf.web_bind, app.conf.web_port) == ("::1", 7000)


def test_each_side_is_a_group_of_its_own() -> None:
    """A rebalance of the learning side must not stop those who score."""
    app = create_app(Settings(worker={"group": "risk", "agents": ("reputation",), "slot": "pod-3"}))
    assert (app.conf.id, app.delivery.group) == ("risk.learning", "risk.learning")
    assert app.delivery.producer_properties()["transactional.id"] == "risk.learning-pod-3-0"


def test_a_slot_is_a_lasting_place_in_the_group_and_a_lasting_transactional_id() -> None:
    options = delivery_options(Settings(worker={"group": "risk", "slot": "pod-3"}))
    assert options.consumer_properties()["group.instance.id"] == "pod-3"
    assert options.producer_properties()["transactional.id"] == "risk-pod-3-0"


def test_a_transaction_may_stay_open_for_longer_in_a_slot() -> None:
    assert delivery_options(Settings(worker={"slot": "pod-3"})).transaction_timeout == 60.0
    assert delivery_options(Settings()).transaction_timeout == 15.0


def test_without_a_slot_each_worker_is_another_member() -> None:
    first, second = delivery_options(Settings()), delivery_options(Settings())
    assert "group.instance.id" not in first.consumer_properties()
    ids = {each.producer_properties()["transactional.id"] for each in (first, second)}
    assert len(ids) == 2


def test_at_least_once_needs_no_transaction() -> None:
    options = delivery_options(Settings(delivery={"mode": "at-least-once"}))
    assert options.mode is DeliveryMode.AT_LEAST_ONCE
    assert "transactional.id" not in options.producer_properties()


def test_each_delivery_setting_reaches_the_engine() -> None:
    chosen = {
        "chunk_size": 7,
        "max_queued_records": 70,
        "commit_interval_seconds": 0.7,
        "session_timeout_seconds": 17.0,
        "transaction_timeout_seconds": 27.0,
        "stall_timeout_seconds": 37.0,
        "start_timeout_seconds": 47.0,
        "linger_ms": 57,
    }
    options = delivery_options(Settings(delivery={**chosen, "batch_interval_ms": 7}))
    assert options.batch_interval == 0.007
    assert {name: getattr(options, name.removesuffix("_seconds")) for name in chosen} == chosen


def test_tls_and_sasl_reach_every_client_of_the_worker(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.touch()
    kafka = {
        "bootstrap_servers": "kafka-1:9093,kafka-2:9093",
        "security_protocol": "sasl_ssl",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_username": "fraud",
        "sasl_password": "not told",
        "ssl_ca_file": authorities,
        "client": {"socket.keepalive.enable": "true"},
    }
    options = create_app(Settings(kafka=kafka)).delivery
    for properties in (
        options.consumer_properties(),
        options.reader_properties(),
        options.producer_properties(),
    ):
        assert (
            properties.items()
            >= {
                "bootstrap.servers": "kafka-1:9093,kafka-2:9093",
                "security.protocol": "sasl_ssl",
                "sasl.mechanism": "SCRAM-SHA-256",
                "sasl.username": "fraud",
                "sasl.password": "not told",
                "ssl.ca.location": str(authorities),
                "socket.keepalive.enable": "true",
            }.items()
        )


def test_the_policy_is_the_one_that_the_settings_choose() -> None:
    thresholds = {"policy": "fixed", "review_threshold": 0.2, "decline_threshold": 0.8}
    fixed = policy_factory(Settings(scoring=thresholds))()
    assert isinstance(fixed, FixedThresholdPolicy)
    assert fixed.version == FixedThresholdPolicy(0.2, 0.8).version
    chosen = {"policy": "budget", "alerts_per_10000": 20, "budget_floor": 0.2, "budget_ceiling": 0.7}
    budget = policy_factory(Settings(scoring=chosen))()
    assert isinstance(budget, AlertBudgetPolicy)
    assert budget.version == AlertBudgetPolicy(20, floor=0.2, ceiling=0.7, decline=0.9).version


def test_labelling_follows_the_settings_and_shares_the_budget_of_examples_among_its_partitions() -> None:
    labelling = {"horizon_days": 3, "keep_days": 9, "genuine_share": 0.2, "examples_per_second": 50}
    rules = labelling_rules(Settings(labelling=labelling, topics={"score_partitions": 5}))
    assert rules == LabellingRules(3 * DAY, 9 * DAY, 0.2, 10.0)


def test_the_model_that_has_learnt_nothing_is_the_one_of_the_settings() -> None:
    chosen = {"model": "plain", "algorithm": "logistic", "seed": 9}
    model = new_model(Settings(learning=chosen))
    assert (model.name, model.features_version, model.version) == ("plain", FEATURES_VERSION, 0)
    row = (0.0,) * len(FEATURES)
    model.fold(example(0, features=row, features_version=FEATURES_VERSION), 0)
    learner = model.snapshot(START)[0].learner
    assert (learner.algorithm, learner.seed, learner.code_version) == ("logistic", 9, version("fraudstream"))


def test_the_checkpoint_is_of_one_kind_of_learner(tmp_path: Path) -> None:
    """Another kind, or another seed, learns the log anew, and does not go on with what it cannot be."""
    names = set()
    for chosen in ({}, {"algorithm": "logistic"}, {"seed": 9}, {"model": "other"}):
        settings = Settings(
            worker={"agents": ("learning",), "folder": tmp_path}, learning={**SIGNED, **chosen}
        )
        [binding] = create_app(settings).bindings
        state = binding.new_state()
        state.resume(0, None, "", 0)
        row = (0.0,) * len(FEATURES)
        state.model.fold(example(0, features=row, features_version=FEATURES_VERSION), 0)
        state.close()
        names |= {path.name for path in (tmp_path / "learning").iterdir()}
    assert len(names) == 4


def test_each_partition_has_a_policy_of_its_own() -> None:
    make = policy_factory(Settings(scoring={"policy": "budget"}))
    assert make() is not make()


def test_admission_follows_the_settings() -> None:
    chosen = admission(Settings(scoring={"future_skew_seconds": 5, "key_mismatch": "score"}))
    assert (chosen.future_skew, chosen.key_mismatch) == (5, "score")


def test_privacy_follows_the_settings() -> None:
    own = {"card_prefixes": "123456,4029", "unknown_fields": "refuse"}
    chosen = admission(Settings(privacy=own)).privacy
    assert (chosen.card_prefixes, chosen.unknown_fields) == ((b"123456", b"4029"), "refuse")
    assert admission(Settings()).privacy.unknown_fields == "count"
