"""What is erased is forgotten by every state, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.batch import EventBatch
from models.decay import DAY
from models.profiles.layout import empty_row
from models.profiles.store import ProfileStore
from models.reputations.store import ReputationStore
from models.scoring.alert_budget import AlertBudgetPolicy
from models.signing import on_examples, sign, verify
from models.snapshots.online_model import OnlineModel
from schemas.errors import ErrorType, InvalidMessage
from schemas.reputation import Reputation
from schemas.transaction import CardTransaction
from tests.agents.erasure_records import erasure
from tests.models.labelling_cases import START, core, label, row
from tests.models.model_cases import KEY, contents, example, new_model

if TYPE_CHECKING:
    from models.labelling.core import LabellingResult

ERASURE = erasure()


# -- who may erase


def test_only_the_key_that_signed_exactly_this_erasure_verifies_it() -> None:
    value = ERASURE.to_json()
    verify(value, sign(value, KEY), KEY)
    for given_value, signature, key in (
        (value, sign(value, KEY), b"another key"),
        (value.replace(b"card_a", b"card_b"), sign(value, KEY), KEY),
        (value, b"", KEY),
    ):
        with pytest.raises(InvalidMessage) as refused:
            verify(given_value, signature, key)
        assert refused.value.error_type is ErrorType.BAD_SIGNATURE


# -- the model

LOG = st.lists(st.tuples(st.sampled_from(["card_a", "card_b"]), st.booleans()), max_size=40)


@given(log=LOG, cut=st.integers(0, 40))
def test_a_model_that_knows_an_erasure_is_that_of_the_log_without_the_subject(
    log: list[tuple[str, bool]], cut: int
) -> None:
    mark = min(cut, len(log))
    knowing, without = new_model(), new_model()
    knowing.know_erasure(on_examples(ERASURE), mark)
    for offset, (subject, is_fraud) in enumerate(log):
        place = offset + (offset >= mark)  # the erasure stands at the mark
        if offset == mark:
            knowing.fold_erasure(on_examples(ERASURE), mark)
        each = example(offset, fraud=is_fraud, subject=subject)
        knowing.fold(each, place)
        if subject != "card_a" or place > mark:
            without.fold(each, place)
    assert not knowing.may_hold_erased
    assert (knowing.examples, knowing.frauds) == (without.examples, without.frauds)
    without.examples_offset = knowing.examples_offset
    if knowing.examples_offset >= 0:
        assert contents(knowing) == contents(without)


def test_a_model_that_did_not_know_an_erasure_may_hold_what_it_erases_until_it_is_looked_through() -> None:
    model, erasure = new_model(), on_examples(ERASURE)
    model.fold(example(0), 0)
    model.fold(example(1, subject="card_b"), 1)
    model.fold_erasure(erasure, 2)
    assert model.may_hold_erased
    assert [model.holds_erased(example(n, subject=s), n) for n, s in ((0, "card_a"), (1, "card_b"))] == [
        True,
        False,
    ]
    assert not model.holds_erased(example(3), 3), "it came later"
    again = OnlineModel.unpack(model.pack())
    assert again.may_hold_erased
    again.is_cleared()
    assert not again.may_hold_erased
    again.fold_erasure(erasure, 2)
    assert not again.may_hold_erased, "it is known by now"
    again.fold_erasure(erasure, 5)
    assert not again.holds_erased(example(0), 0), "the first erasure had it left out already"
    assert again.holds_erased(example(4), 4)


def test_a_model_from_before_there_were_erasures_knows_of_none() -> None:
    model = new_model()
    model.fold(example(0), 0)
    for name in ("first_erased", "_erased", "_suspected"):
        del model.__dict__[name]
    assert OnlineModel.unpack(model.pack()).last_erasure == -1


def test_a_fresh_model_on_its_way_to_the_last_erasure_is_no_version_of_the_log() -> None:
    model = new_model()
    model.know_erasure(on_examples(ERASURE), 700)
    for number in range(700):
        model.fold(example(number, fraud=number % 11 == 10, subject="card_b"), number)
    assert not model.is_ready()
    model.fold_erasure(on_examples(ERASURE), 700)
    assert model.is_ready()


# -- labelling


@given(days=st.lists(st.tuples(st.sampled_from(["card_a", "card_b"]), st.floats(0, 20)), max_size=12))
def test_labelling_tells_nothing_of_the_erased_and_of_others_what_it_would_have_told(
    days: list[tuple[str, float]],
) -> None:
    erased, others = core(), core()
    for number, (subject, day) in enumerate(days):
        for each in (erased, others):
            if subject == "card_b" or each is erased:
                each.take_score(row(f"t{number}", day, subject))
                each.take_label(label(f"t{number}", day + 1, subject=subject), START)
                each.take_label(label(f"early{number}", day, subject=subject), START)
    erased.erase("card_a")
    assert len(erased) == len(others)
    assert told(erased.advance(START + 60 * DAY)) == told(others.advance(START + 60 * DAY))


def told(emission: LabellingResult) -> tuple[object, ...]:
    return emission.examples, emission.outcomes, emission.fates


def test_erasing_labels_leaves_transactions_that_are_here() -> None:
    labelling = core()
    labelling.take_score(row("t1"))
    labelling.take_label(label("t1"), START)
    labelling.take_label(label("t2"), START)
    labelling.erase_labels("card_a")
    assert len(labelling) == 1
    [learnt] = labelling.advance(START + 2 * DAY).examples
    assert learnt.transaction_id == "t1"


def test_a_subject_whose_token_only_begins_alike_is_kept() -> None:
    labelling = core()
    labelling.take_score(row("t1", subject="card_ab"))
    labelling.erase("card_a")
    assert len(labelling) == 1


# -- profiles, policies, reputations


def test_nothing_of_a_forgotten_profile_stays_in_memory() -> None:
    store = ProfileStore()
    payment = CardTransaction(
        transaction_id="t",
        event_time=datetime(2026, 1, 1, tzinfo=UTC),
        card_id="card_a",
        merchant_id="shop",
        amount="1.00",
        currency="EUR",
    )
    store.fold(EventBatch.of([payment], [7]))
    store.forget("card_a")
    assert store._words[0].tobytes() == empty_row().tobytes()
    assert "card_a" not in store


def test_a_budget_forgets_the_last_alert_of_the_erased() -> None:
    def alerted(*, is_erased: bool) -> list[float]:
        budget = AlertBudgetPolicy(50.0, floor=0.01, ceiling=0.9, decline=0.99)
        budget.decide(np.array([0.0]), np.array([0.95]), ["card_a"])
        if is_erased:
            budget.forget("card_a")
        return budget.decide(np.array([1.0]), np.array([0.96]), ["card_a"]).thresholds.tolist()

    assert alerted(is_erased=True) < alerted(is_erased=False)


def test_a_forgotten_reputation_makes_room_for_another() -> None:
    store = ReputationStore()
    zeros = {"matured": (0.0,) * 5, "matured_frauds": (0.0,) * 5, "early_frauds": (0.0,) * 2}
    for name in ("card_a", "card_b"):
        store.update(Reputation(kind="subject", id=name, as_of=datetime(2026, 1, 1, tzinfo=UTC), **zeros))
    store.forget("subject", "card_a")
    store.forget("subject", "card_z")
    assert len(store) == 1
    for name in ("card_c", "card_d"):
        store.update(Reputation(kind="subject", id=name, as_of=datetime(2026, 1, 1, tzinfo=UTC), **zeros))
    assert len(store) == 3
    rows = store._rows["subject"]
    assert sorted(rows) == ["card_b", "card_c", "card_d"]
    assert len(set(rows.values())) == 3
