"""Handlers of the compacted topics: what is whole is applied, all else leaves things as they were."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from agents.broadcast import control_handler, policy_factory, refuse_controls, reputation_handler
from models.batch import EventBatch, currency_code
from models.controls import Controls, sign
from models.reputations.store import ReputationStore
from models.scoring.policy import FixedThresholdPolicy
from schemas.control import decode_control
from schemas.errors import ErrorType, InvalidMessage
from schemas.transaction import CardTransaction
from tests.models.model_cases import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.rates import Rates
    from models.scoring.policy import Policy
    from schemas.control import ModelPin

REPUTATION = {
    "schema_version": 1,
    "kind": "country",
    "id": "FR",
    "as_of": "2026-03-01T00:00:00Z",
    "matured": [1.0, 2.0, 3.0, 4.0, 5.0],
    "matured_frauds": [0.0, 0.0, 0.5, 0.5, 0.5],
    "early_frauds": [0.0, 0.25],
}
FIXED = {
    "schema_version": 1,
    "control": "decision-policy",
    "kind": "fixed-threshold",
    "version": "strict-7",
    "issued_at": "2026-03-01T00:00:00Z",
    "review": 0.3,
    "decline": 0.6,
}
RATES = {
    "schema_version": 1,
    "control": "exchange-rates",
    "kind": "exchange-rates",
    "issued_at": "2026-03-01T00:00:00Z",
    "as_of": "2026-02-28T00:00:00Z",
    "base": "EUR",
    "rates": {"XOF": 655.957},
}
BUDGET = {
    "schema_version": 1,
    "control": "decision-policy",
    "kind": "alert-budget",
    "version": "budget-3",
    "issued_at": "2026-03-01T00:00:00Z",
    "alerts_per_10000": 20.0,
    "floor": 0.7,
    "ceiling": 0.7,
    "decline": 0.8,
}
PIN = {
    "schema_version": 1,
    "control": "model",
    "kind": "model-pin",
    "name": "forest",
    "model_version": 17,
    "issued_at": "2026-03-01T00:00:00Z",
}
CONFIGURED = {
    "schema_version": 1,
    "control": "decision-policy",
    "kind": "configured-policy",
    "issued_at": "2026-03-01T00:01:00Z",
}
LATER = "2026-03-01T00:02:00Z"


def encoded(message: dict[str, Any], **changes: Any) -> bytes:
    return orjson.dumps(message | changes)


def signed(message: dict[str, Any], **changes: Any) -> bytes:
    return sign(decode_control(encoded(message, **changes)), KEY)


@contextmanager
def refused(error_type: ErrorType) -> Iterator[None]:
    with pytest.raises(InvalidMessage) as caught:
        yield
    assert caught.value.error_type is error_type


def test_a_reputation_is_put_in_the_place_of_the_one_before() -> None:
    reputations = ReputationStore()
    take = reputation_handler(reputations)
    take(b"country:FR", encoded(REPUTATION))
    take(b"country:FR", encoded(REPUTATION, matured=[0.0] * 5))
    assert len(reputations) == 1


@pytest.mark.parametrize(
    ("key", "value", "error_type"),
    [
        (b"country:DE", encoded(REPUTATION), ErrorType.KEY_MISMATCH),
        (None, encoded(REPUTATION), ErrorType.EMPTY_KEY),
        (b"country:FR", b"{", ErrorType.NOT_JSON),
        (b"country:FR", encoded(REPUTATION, matured="many"), ErrorType.INVALID_TYPE),
        (b"country:FR", encoded(REPUTATION, early_frauds=[-1.0, 0.0]), ErrorType.INVALID_VALUE),
    ],
)
def test_a_bad_reputation_changes_nothing(
    key: bytes | None, value: bytes | None, error_type: ErrorType
) -> None:
    reputations = ReputationStore()
    with refused(error_type):
        reputation_handler(reputations)(key, value)
    assert len(reputations) == 0


def test_features_that_meet_a_reputation_that_was_refused_are_incomplete_until_the_next_one() -> None:
    reputations = ReputationStore()
    take = reputation_handler(reputations)
    abroad = CardTransaction(
        transaction_id="t",
        event_time=datetime(2026, 3, 1, tzinfo=UTC),
        card_id="card",
        merchant_id="shop",
        amount="1.00",
        currency="EUR",
        country="FR",
    )
    batch = EventBatch.of([abroad], [0])
    assert reputations.view(batch).complete.all()
    with refused(ErrorType.NOT_JSON):
        take(b"country:FR", b"{")
    assert not reputations.view(batch).complete.any()
    take(b"country:FR", encoded(REPUTATION))
    assert reputations.view(batch).complete.all()


class Core:
    """Stands for the scoring core and its shelf of models: keeps what it was told to use."""

    def __init__(self) -> None:
        self.policy: Policy | None = None
        self.pins: list[ModelPin | None] = []
        self.rates: list[Rates] = []

    def use_policy(self, factory: Callable[[], Policy]) -> None:
        self.policy = factory()


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
def take(core: Core) -> Callable[[bytes | None, bytes | None], None]:
    configured = FixedThresholdPolicy(0.5, 0.9, "configured")
    return control_handler(
        Controls(KEY), core.use_policy, lambda: configured, core.pins.append, core.rates.append
    )


@pytest.mark.parametrize(("control", "version"), [(FIXED, "strict-7"), (BUDGET, "budget-3")])
def test_a_control_chooses_the_policy(core: Core, take: Any, control: dict[str, Any], version: str) -> None:
    take(b"decision-policy", signed(control))
    assert core.policy is not None
    assert core.policy.version == version
    assert core.pins == [], "a policy says nothing of the model"


@pytest.mark.parametrize(("control", "review", "decline"), [(FIXED, 0.3, 0.6), (BUDGET, 0.7, 0.8)])
def test_the_policy_decides_by_the_controls_scores(
    control: dict[str, Any], review: float, decline: float
) -> None:
    policy = policy_factory(decode_control(encoded(control)))()
    scores = np.array([review - 0.01, review, decline - 0.01, decline])
    decisions = policy.decide(np.zeros(4), scores, ["a", "b", "c", "d"]).decisions
    assert decisions == ["approve", "review", "review", "decline"]


def test_exchange_rates_are_taken_over_and_leave_policy_and_model(core: Core, take: Any) -> None:
    take(b"exchange-rates", signed(RATES))
    [rates] = core.rates
    euro, franc = map(currency_code, ("EUR", "XOF"))
    assert rates.factor(franc, euro) == pytest.approx(1 / 655.957)
    assert rates.factor(euro, franc) == pytest.approx(655.957)
    assert rates.factor(franc, currency_code("USD")) is None
    assert (core.policy, core.pins) == (None, [])
    with refused(ErrorType.OLD_CONTROL):
        take(b"exchange-rates", signed(RATES))


def test_a_control_gives_way_to_the_configured_policy(core: Core, take: Any) -> None:
    take(b"decision-policy", signed(FIXED))
    take(b"decision-policy", signed(CONFIGURED))
    assert core.policy is not None
    assert core.policy.version == "configured"


@pytest.mark.parametrize(
    ("key", "value", "error_type"),
    [
        (b"decision-policy", encoded(FIXED, issued_at=LATER), ErrorType.BAD_SIGNATURE),
        (b"decision-policy", None, ErrorType.BAD_SIGNATURE),
        (b"other", signed(FIXED, issued_at=LATER), ErrorType.BAD_SIGNATURE),
        (b"model", signed(FIXED, issued_at=LATER), ErrorType.BAD_SIGNATURE),
        (b"decision-policy", signed(PIN, issued_at=LATER), ErrorType.BAD_SIGNATURE),
        (b"decision-policy", signed(FIXED), ErrorType.OLD_CONTROL),
        (b"decision-policy", signed(FIXED, issued_at="2026-02-01T00:00:00Z"), ErrorType.OLD_CONTROL),
    ],
)
def test_a_bad_or_old_control_leaves_the_policy(
    core: Core, take: Any, key: bytes, value: bytes | None, error_type: ErrorType
) -> None:
    take(b"decision-policy", signed(BUDGET))
    with refused(error_type):
        take(key, value)
    assert core.policy is not None
    assert core.policy.version == "budget-3"
    assert core.pins == []


def test_a_worker_without_a_key_refuses_every_control() -> None:
    with pytest.raises(InvalidMessage, match="FRAUDSTREAM_LEARNING__SIGNING_KEY is not set") as caught:
        refuse_controls(b"decision-policy", signed(FIXED))
    assert caught.value.error_type is ErrorType.BAD_SIGNATURE
