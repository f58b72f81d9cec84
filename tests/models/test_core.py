"""The core as a whole: transactions in, aligned results out, the same in any batching."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.alert_budget import AlertBudget
from models.core import CANARY_SCORE, Part, Scored, ScoringCore, Skipped
from models.features import FEATURES
from models.policy import FixedThreshold
from models.prior import PriorModel
from models.reputation import ReputationStore
from schemas.reputation import Reputation
from schemas.score import Decision
from schemas.transaction import CardTransaction

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class ConstantScorer:
    """Scores everything the same, by its first feature."""

    name = "constant@7"
    quantiles = PriorModel().quantiles

    def score(self, values: np.ndarray) -> np.ndarray:
        return np.full(len(values), 0.7)

    def contributions(self, values: np.ndarray) -> np.ndarray:
        contributions = np.zeros(values.shape)
        contributions[:, 0] = 1.0
        return contributions


def card(
    number: int, *, seconds: float = 0.0, amount: str = "20.00", merchant: str = "m1", subject: str = "c1"
) -> CardTransaction:
    return CardTransaction(
        transaction_id=f"t{number}",
        event_time=START + timedelta(seconds=seconds),
        card_id=subject,
        merchant_id=merchant,
        amount=amount,
        currency="EUR",
    )


def bank(count: int) -> list[CardTransaction]:
    """Seeded transactions of a few cards, some repeated, some late."""
    draws = np.random.default_rng(0)
    return [
        card(
            int(draws.integers(0, count)),
            seconds=60.0 * number - float(draws.exponential(60.0)),
            amount=f"{draws.lognormal(3, 1):.2f}",
            merchant=f"m{draws.integers(0, 30)}",
            subject=f"c{draws.integers(0, 5)}",
        )
        for number in range(count)
    ]


@pytest.fixture
def core() -> ScoringCore:
    return ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThreshold(0.5, 0.9))


def test_the_canary_has_its_known_score_whatever_model_is_in_force(core: ScoringCore) -> None:
    assert core.canary() == pytest.approx(CANARY_SCORE, abs=1e-9)
    core.use_scorer(ConstantScorer())
    assert core.canary() == pytest.approx(CANARY_SCORE, abs=1e-9)


def test_a_result_stands_for_each_transaction_in_order(core: ScoringCore) -> None:
    state = core.new_state()
    results = core.process([card(1), card(1), card(2, seconds=60)], [0, 1, 2], state)
    assert [result if isinstance(result, Skipped) else result.transaction for result in results] == [
        card(1),
        Skipped.REPEAT,
        card(2, seconds=60),
    ]
    assert core.process([card(2, seconds=60)], [2], state) == [Skipped.REPLAY]


def test_no_transactions_give_no_results(core: ScoringCore) -> None:
    assert core.process([], [], core.new_state()) == []


def test_a_score_says_what_made_it(core: ScoringCore) -> None:
    [result] = core.process([card(1)], [0], core.new_state())
    assert isinstance(result, Scored)
    assert result.features.shape == (len(FEATURES),)
    assert (result.scored_by, result.policy_version, result.threshold) == ("prior", "fixed-0.5-0.9", 0.5)
    assert result.dimensions == {"merchant": "m1"}
    assert not result.complete


def test_an_alert_has_reasons_and_an_approval_has_none(core: ScoringCore) -> None:
    state = core.new_state()
    usual = core.process([card(day, seconds=86_400 * day) for day in range(20)], range(20), state)
    [unusual] = core.process([card(99, seconds=86_400 * 20, amount="900.00", merchant="m2")], [20], state)
    assert all(isinstance(result, Scored) and result.decision is Decision.APPROVE for result in usual)
    assert all(isinstance(result, Scored) and not result.reasons for result in usual)
    assert isinstance(unusual, Scored)
    assert unusual.decision is Decision.DECLINE
    assert unusual.reasons[0].code == "AMOUNT_ABOVE_NORMAL"
    assert unusual.reasons[0].value == 900.0
    assert unusual.reasons[0].normal_for_subject == pytest.approx(20.0)


def test_a_known_counterparty_makes_the_features_complete_and_its_frauds_count() -> None:
    reputations = ReputationStore()
    core = ScoringCore(PriorModel(), reputations, lambda: FixedThreshold(0.5, 0.9))
    [before] = core.process([card(1)], [0], core.new_state())
    reputations.update(
        Reputation(
            kind="counterparty",
            id="m1",
            as_of=START,
            matured=(50.0,) * 5,
            matured_frauds=(40.0,) * 5,
            early_frauds=(3.0, 3.0),
        )
    )
    [after] = core.process([card(1)], [0], core.new_state())
    assert isinstance(before, Scored)
    assert isinstance(after, Scored)
    assert after.complete
    assert after.score > 0.5 > before.score
    assert after.reasons[0].code == "COUNTERPARTY_FRAUD_HISTORY"


def test_a_known_fraud_of_who_pays_counts_whoever_is_paid() -> None:
    reputations = ReputationStore()
    core = ScoringCore(PriorModel(), reputations, lambda: FixedThreshold(0.0, 0.9))
    [before] = core.process([card(1)], [0], core.new_state())
    reputations.update(
        Reputation(
            kind="subject",
            id="c1",
            as_of=START,
            matured=(0.0,) * 5,
            matured_frauds=(2.0,) * 5,
            early_frauds=(2.0, 2.0),
        )
    )
    [after] = core.process([card(1)], [0], core.new_state())
    assert isinstance(before, Scored)
    assert isinstance(after, Scored)
    assert after.score > before.score
    assert after.reasons[0].code == "KNOWN_FRAUD_BEFORE"


def test_a_new_model_scores_from_the_next_batch_on(core: ScoringCore) -> None:
    state = core.new_state()
    core.use_scorer(ConstantScorer())
    [result] = core.process([card(1)], [0], state)
    assert isinstance(result, Scored)
    assert (result.score, result.scored_by) == (0.7, "constant@7")
    assert [reason.code for reason in result.reasons] == ["AMOUNT_HIGH"]


def test_a_new_policy_decides_from_the_next_batch_on_in_every_state(core: ScoringCore) -> None:
    states = [core.new_state(), core.new_state()]
    core.use_policy(lambda: FixedThreshold(0.0, 0.0, "panic"))
    for state in states:
        [result] = core.process([card(1)], [0], state)
        assert isinstance(result, Scored)
        assert (result.decision, result.policy_version) == (Decision.DECLINE, "panic")


@pytest.mark.parametrize("size", [1, 3, 50])
def test_a_replay_in_other_batches_scores_and_decides_the_same(size: int) -> None:
    def run(batch: int) -> list[object]:
        core = ScoringCore(
            PriorModel(),
            ReputationStore(),
            lambda: AlertBudget(500, floor=0.0, ceiling=0.9, decline=0.95),
        )
        state, results = core.new_state(), []
        for start in range(0, len(events), batch):
            part = events[start : start + batch]
            results += core.process(part, range(start, start + len(part)), state)
        return [
            result
            if isinstance(result, Skipped)
            else (result.score, result.decision, result.threshold, result.features.tobytes(), result.reasons)
            for result in results
        ]

    events = bank(300)
    expected = run(100)
    assert run(size) == expected
    assert Skipped.REPEAT in expected


def test_each_stage_runs_in_the_timers_context() -> None:
    stages: list[str] = []

    @contextmanager
    def timer(stage: str) -> Iterator[None]:
        stages.append(stage)
        yield

    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThreshold(0.5, 0.9), timer)
    core.process([card(1)], [0], core.new_state())
    assert stages == ["profile", "features", "score", "decide"]


def test_several_partitions_at_once_give_what_each_gives_alone() -> None:
    def new_core() -> ScoringCore:
        return ScoringCore(
            PriorModel(), ReputationStore(), lambda: AlertBudget(500, floor=0.001, ceiling=0.9, decline=0.95)
        )

    together, alone = new_core(), new_core()
    shared = [together.new_state() for _ in range(3)]
    own = [alone.new_state() for _ in range(3)]
    transactions = bank(300)
    for start in range(0, 300, 30):
        runs = [transactions[start + 10 * p : start + 10 * p + 10] for p in range(3)]
        offsets = range(start, start + 10)
        outcome = together.judge(
            [
                Part(run, offsets, state, [each.event_timestamp for each in run])
                for run, state in zip(runs, shared, strict=True)
            ]
        )
        expected = [
            result
            for run, state in zip(runs, own, strict=True)
            for result in alone.process(run, offsets, state)
        ]
        assert list(map(comparable, outcome.results())) == list(map(comparable, expected))
    assert [dict(state.changes()) for state in shared] == [dict(state.changes()) for state in own]


def comparable(result: Scored | Skipped) -> object:
    if isinstance(result, Skipped):
        return result
    return (result.transaction, result.features.tobytes(), result.score, result.decision, result.threshold)
