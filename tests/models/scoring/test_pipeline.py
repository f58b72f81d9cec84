"""The core as a whole: transactions in, aligned results out, the same in any batching."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.rates import Rates
from models.reputations.store import ReputationStore
from models.scoring.alert_budget import AlertBudgetPolicy
from models.scoring.features import FEATURES, NAMES
from models.scoring.pipeline import CANARY_SCORE, PartitionBatch, Scored, ScoringCore, Skipped
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from schemas.reputation import Reputation
from schemas.score import Decision
from schemas.transaction import CardTransaction, TransferTransaction

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


def transfer(
    amount: str,
    *,
    currency: str = "EUR",
    days: float = 0.0,
    debtor: str = "acc",
    creditor: str = "shop",
    **more: str,
) -> TransferTransaction:
    return TransferTransaction(
        end_to_end_id="NOTPROVIDED",
        event_time=START + timedelta(days=days),
        debtor_account=debtor,
        creditor_account=creditor,
        instructed_amount=amount,
        currency=currency,
        **more,
    )


def bank(count: int) -> list[CardTransaction]:
    """Seeded transactions of a few cards, some sent again, some under an id of another one, some late."""
    draws = np.random.default_rng(0)
    first = [
        card(
            int(draws.integers(0, count)),
            seconds=60.0 * number - float(draws.exponential(60.0)),
            amount=f"{draws.lognormal(3, 1):.2f}",
            merchant=f"m{draws.integers(0, 30)}",
            subject=f"c{draws.integers(0, 5)}",
        )
        for number in range(count)
    ]
    return [first[number - number % 10 // 9 * 4] for number in range(count)]


@pytest.fixture
def core() -> ScoringCore:
    return ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))


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


def test_transfers_under_one_end_to_end_id_are_each_scored_and_each_repeat_is_known(
    core: ScoringCore,
) -> None:
    state = core.new_state()
    sent = [("12.00", "shop_1"), ("950.00", "shop_2"), ("9500.00", "mule_9")]
    transfers = [transfer(amount, creditor=creditor) for amount, creditor in sent]
    results = core.process(transfers, range(3), state)
    assert [result.transaction for result in results if isinstance(result, Scored)] == transfers
    assert core.process(transfers, range(3, 6), state) == [Skipped.REPEAT] * 3


@pytest.mark.parametrize("given", [{}, {"EUR": 1.0, "XOF": 655.957}])
def test_transfers_in_two_currencies_are_compared_by_their_worth_or_not_at_all(
    core: ScoringCore, given: dict[str, float]
) -> None:
    core.use_rates(Rates(given))
    sent = {"acc_eur": ("50.00", "EUR", "32000", "XOF"), "acc_xof": ("32000", "XOF", "32000.00", "EUR")}
    last = {}
    for debtor, (usual, own, amount, currency) in sent.items():
        state = core.new_state()
        past = [transfer(usual, currency=own, days=day, debtor=debtor) for day in range(30)]
        core.process(past, range(30), state)
        [last[debtor]] = core.process(
            [transfer(amount, currency=currency, days=30, debtor=debtor)], [30], state
        )
    few, many = last["acc_eur"], last["acc_xof"]
    assert isinstance(few, Scored)
    assert isinstance(many, Scored)
    assert few.decision is Decision.APPROVE
    assert (few.complete, many.complete) == (bool(given), bool(given))
    ratio = NAMES.index("amount_ratio")
    if given:
        assert few.features[ratio] == pytest.approx(0.976, abs=0.01)
        assert many.features[ratio] == pytest.approx(655.957, rel=1e-3)
        assert many.decision is not Decision.APPROVE
    else:
        assert (few.features[ratio], many.features[ratio]) == (1.0, 1.0)


def test_the_booked_amount_needs_no_rates(core: ScoringCore) -> None:
    state = core.new_state()
    core.process([transfer("50.00", days=day) for day in range(30)], range(30), state)
    booked = {"booked_amount": "48.78", "booked_currency": "EUR"}
    [result] = core.process([transfer("32000", currency="XOF", days=30, **booked)], [30], state)
    assert isinstance(result, Scored)
    assert (result.complete, result.decision) == (True, Decision.APPROVE)
    assert result.features[NAMES.index("amount")] == pytest.approx(48.78)


def test_a_billed_amount_without_its_currency_is_not_used(core: ScoringCore) -> None:
    payment = card(1).model_copy(update={"billing_amount": "3000.00"})
    [result] = core.process([payment], [0], core.new_state())
    assert isinstance(result, Scored)
    assert result.features[NAMES.index("amount")] == 20.0


def test_a_topic_that_was_made_again_is_scored_from_its_first_offset_on(core: ScoringCore) -> None:
    state = core.new_state()
    core.process([card(number) for number in range(200)], range(200), state, log=11)
    new = [card(number) for number in range(1_000, 1_060)]
    assert all(isinstance(result, Scored) for result in core.process(new, range(60), state, log=12))
    assert {*core.process(new, range(60), state, log=12)} == {Skipped.REPLAY}


def test_no_transactions_give_no_results(core: ScoringCore) -> None:
    assert core.process([], [], core.new_state()) == []


def test_a_score_says_what_made_it(core: ScoringCore) -> None:
    [result] = core.process([card(1)], [0], core.new_state())
    assert isinstance(result, Scored)
    assert result.features.shape == (len(FEATURES),)
    assert (result.scored_by, result.policy_version, result.threshold) == ("prior", "fixed-0.5-0.9", 0.5)
    assert result.dimensions == {"merchant": "m1"}
    assert result.complete


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


def test_the_frauds_of_a_known_counterparty_count_and_features_are_complete_before_and_after() -> None:
    reputations = ReputationStore()
    core = ScoringCore(PriorModel(), reputations, lambda: FixedThresholdPolicy(0.5, 0.9))
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
    assert before.complete
    assert after.complete
    assert after.score > 0.5 > before.score
    assert after.reasons[0].code == "COUNTERPARTY_FRAUD_HISTORY"


def test_a_known_fraud_of_who_pays_counts_whoever_is_paid() -> None:
    reputations = ReputationStore()
    core = ScoringCore(PriorModel(), reputations, lambda: FixedThresholdPolicy(0.0, 0.9))
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
    core.use_policy(lambda: FixedThresholdPolicy(0.0, 0.0, "panic"))
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
            lambda: AlertBudgetPolicy(500, floor=0.0, ceiling=0.9, decline=0.95),
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

    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9), timer)
    core.process([card(1)], [0], core.new_state())
    assert stages == ["profile", "features", "score", "decide"]


def test_several_partitions_at_once_give_what_each_gives_alone() -> None:
    def new_core() -> ScoringCore:
        return ScoringCore(
            PriorModel(),
            ReputationStore(),
            lambda: AlertBudgetPolicy(500, floor=0.001, ceiling=0.9, decline=0.95),
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
                PartitionBatch(run, offsets, state, [each.event_timestamp for each in run])
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
