"""Features: named once, aligned with the views, finite for every valid transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.batch import EventBatch
from models.profiles.fold import VIEW as PROFILE_VIEW
from models.profiles.store import ProfileStore
from models.reputations.store import VIEW as REPUTATION_VIEW
from models.reputations.store import ReputationStore
from models.scoring.features import EVENT, FEATURES, NAMES, PROFILE, REPUTATION, feature_matrix
from models.scoring.pipeline import Scored, ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from schemas.reputation import Reputation
from schemas.transaction import CardTransaction, TransferTransaction

whole = st.integers(0, 10**12 - 1)
euros = st.one_of(
    st.sampled_from(["0", "0.00", "0.01", "999999999999.99"]),
    st.builds("{}.{:02d}".format, whole, st.integers(0, 99)),
)
moments = st.one_of(
    st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3), timezones=st.just(UTC)),  # noqa: DTZ001
)
countries = st.sampled_from([None, "FR", "DE", "US"])
names = st.sampled_from(["a", "b", "c"])
numbers = st.integers(0, 10**9).map("t{}".format)
transactions = st.one_of(
    st.builds(
        CardTransaction,
        transaction_id=numbers,
        event_time=moments,
        card_id=names,
        merchant_id=names,
        amount=euros,
        currency=st.just("EUR"),
        country=countries,
        merchant_category_code=st.sampled_from([None, "5411"]),
    ),
    st.builds(
        TransferTransaction,
        end_to_end_id=numbers,
        event_time=moments,
        debtor_account=names,
        creditor_account=names,
        instructed_amount=euros,
        currency=st.just("EUR"),
        creditor_country=countries,
        payment_type=st.sampled_from([None, "instant"]),
    ),
)
sums = st.floats(0.0, 1e15)
reputations = st.builds(
    Reputation,
    kind=st.sampled_from(["counterparty", "country", "merchant", "subject"]),
    id=st.sampled_from(["a", "b", "FR"]),
    as_of=moments,
    matured=st.tuples(*[sums] * 5),
    matured_frauds=st.tuples(*[sums] * 5),
    early_frauds=st.tuples(*[sums] * 2),
    unexplained_frauds=st.tuples(*[sums] * 2),
    early_unexplained=st.tuples(*[sums] * 2),
    early_genuine=st.tuples(*[sums] * 2),
    last_matured_fraud=st.none() | moments,
    last_matured_genuine=st.none() | moments,
    last_unexplained_fraud=st.none() | moments,
    last_early_fraud=st.none() | moments,
    last_early_unexplained=st.none() | moments,
    last_early_genuine=st.none() | moments,
)


@given(st.lists(transactions, min_size=1, max_size=30), st.lists(reputations, max_size=3), st.integers(1, 30))
@settings(max_examples=100)
def test_no_feature_score_or_contribution_is_ever_nan_or_infinite(
    sequence: list[CardTransaction | TransferTransaction], known: list[Reputation], size: int
) -> None:
    store = ReputationStore()
    for reputation in known:
        store.update(reputation)
    core = ScoringCore(PriorModel(), store, lambda: FixedThresholdPolicy(0.0, 0.9))
    state = core.new_state()
    for start in range(0, len(sequence), size):
        part = sequence[start : start + size]
        for result in core.process(part, range(start, start + len(part)), state):
            if isinstance(result, Scored):
                assert np.isfinite(result.features).all()
                assert 0.0 <= result.score <= 1.0
                assert all(np.isfinite(reason.contribution) for reason in result.reasons)


def test_every_feature_has_a_name_of_its_own_a_sentence_and_a_unit() -> None:
    assert len(set(NAMES)) == len(FEATURES)
    assert all(feature.sentence.endswith(".") and feature.unit for feature in FEATURES)
    assert all(feature.low < feature.high <= np.finfo(np.float32).max for feature in FEATURES)


def test_a_view_has_one_column_for_each_feature_of_its_table() -> None:
    assert PROFILE_VIEW.fields["amount"][1] == 8 * len(PROFILE), "the features of the profile come first"
    assert REPUTATION_VIEW.itemsize == 8 * len(REPUTATION)
    assert FEATURES == EVENT + PROFILE + REPUTATION


@pytest.mark.parametrize(
    ("moment", "hour", "weekend", "night"),
    [
        (datetime(2026, 1, 2, 6, 59, 59, tzinfo=UTC), 7 - 1 / 3600, 0, 1),
        (datetime(2026, 1, 3, 0, 0, tzinfo=UTC), 0, 1, 1),
        (datetime(2026, 1, 4, 23, 30, tzinfo=UTC), 23.5, 1, 0),
        (datetime(2026, 1, 5, 7, 0, tzinfo=UTC), 7, 0, 0),
        (datetime(1970, 1, 3, 12, 0, tzinfo=UTC), 12, 1, 0),
    ],
)
def test_time_of_day_and_week_are_in_utc(moment: datetime, hour: float, weekend: int, night: int) -> None:
    row = features_of([card("t", moment)])[0]
    assert row["hour"] == pytest.approx(hour)
    assert (row["weekend"], row["night"]) == (weekend, night)


def test_each_column_stands_under_its_own_name() -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    usual = [card(f"t{day}", start + timedelta(days=day)) for day in range(8)]
    row = features_of([*usual, card("new", start + timedelta(days=7, minutes=30), "100.00", "elsewhere")])[-1]
    expected = {
        "amount": 100.0,
        "own_mean": 20.0,
        "amount_ratio": 5.0,
        "gap": 1_800.0,
        "new_counterparty": 1.0,
        "country_changed": 0.0,
        "window_count_10min": 1.0,
        "window_count_1h": 2.0,
        "window_count_24h": 2.0,
        "window_amount_10min": 100.0,
        "window_amount_24h": 120.0,
        "window_counterparties_24h": 2.0,
        "high_amounts_14d": 0.0,
        "counterparty_count_7d": 0.0,
        "since_counterparty_fraud": 60 * 86_400.0,
        "since_early_unexplained": 60 * 86_400.0,
        "since_early_genuine": 60 * 86_400.0,
        "early_run": -60 * 86_400.0,
        "channel_fraud_share_28d": 0.0,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert row["count_1d"] == pytest.approx(1 + np.exp(-0.5 / 24) * sum(np.exp(-day) for day in range(8)))
    assert row["mean_30d"] < row["mean_7d"] < row["mean_1d"] < 100.0


def test_each_column_of_a_reputation_stands_under_its_own_name() -> None:
    now, day = datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(days=1)
    store = ReputationStore()
    for number, (kind, name) in enumerate(
        (
            ("counterparty", "till-1"),
            ("merchant", "shop"),
            ("merchant-category", "5411"),
            ("country", "FR"),
            ("channel", "pos"),
            ("subject", "card"),
        )
    ):
        store.update(
            Reputation(
                kind=kind,
                id=name,
                as_of=now,
                matured=(100.0, 200.0, 400.0, 500.0, 800.0),
                matured_frauds=tuple(10.0 * place + number for place in range(1, 6)),
                early_frauds=(1.0 + number, 2.0 + number),
                unexplained_frauds=(3.0, 4.0),
                early_unexplained=(5.0, 6.0),
                early_genuine=(7.0, 8.0),
                last_matured_fraud=now - 2 * day,
                last_matured_genuine=now - 5 * day,
                last_unexplained_fraud=now - 7 * day,
                last_early_fraud=now - (number + 8) * day / 8,
                last_early_unexplained=now - 9 * day,
                last_early_genuine=now - 13 * day,
            )
        )
    named = {"merchant_category_code": "5411", "country": "FR", "channel": "pos", "terminal_id": "till-1"}
    row = features_of([card("t", now).model_copy(update=named)], store)[0]
    expected = {
        "counterparty_count_7d": 400.0,
        "counterparty_count_28d": 800.0,
        "counterparty_frauds_1d": 10.0,
        "counterparty_frauds_3d": 20.0,
        "counterparty_frauds_7d": 30.0,
        "counterparty_frauds_14d": 40.0,
        "counterparty_frauds_28d": 50.0,
        "counterparty_fraud_share_1d": 10 / 100,
        "counterparty_fraud_share_3d": 20 / 200,
        "counterparty_fraud_share_7d": 30 / 400,
        "counterparty_fraud_share_14d": 40 / 500,
        "counterparty_fraud_share_28d": 50 / 800,
        "since_counterparty_fraud": 2 * 86_400.0,
        "since_counterparty_genuine": 5 * 86_400.0,
        "counterparty_fraud_run": 3 * 86_400.0,
        "unexplained_frauds_7d": 3.0,
        "unexplained_frauds_28d": 4.0,
        "unexplained_fraud_share_28d": 4 / 800,
        "since_unexplained_fraud": 7 * 86_400.0,
        "early_frauds_7d": 1.0,
        "early_unexplained_7d": 5.0,
        "early_unexplained_28d": 6.0,
        "since_early_unexplained": 9 * 86_400.0,
        "early_genuine_7d": 7.0,
        "since_early_genuine": 13 * 86_400.0,
        "early_run": 4 * 86_400.0,
        "merchant_frauds_28d": 51.0,
        "merchant_fraud_share_7d": 31 / 400,
        "merchant_fraud_share_28d": 51 / 800,
        "since_merchant_fraud": 2 * 86_400.0,
        "merchant_early_frauds_7d": 2.0,
        "category_fraud_share_7d": 32 / 400,
        "category_fraud_share_28d": 52 / 800,
        "country_fraud_share_7d": 33 / 400,
        "country_fraud_share_28d": 53 / 800,
        "channel_fraud_share_7d": 34 / 400,
        "channel_fraud_share_28d": 54 / 800,
        "purpose_fraud_share_7d": 0.0,
        "purpose_fraud_share_28d": 0.0,
        "known_frauds_14d": 45.0,
        "known_early_frauds_7d": 6.0,
        "since_known_fraud": 13 * 86_400.0 / 8,
    }
    assert list(expected) == [feature.name for feature in REPUTATION]
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def card(number: str, moment: datetime, amount: str = "20.00", merchant: str = "shop") -> CardTransaction:
    return CardTransaction(
        transaction_id=number,
        event_time=moment,
        card_id="card",
        merchant_id=merchant,
        amount=amount,
        currency="EUR",
    )


def features_of(
    sequence: list[CardTransaction], store: ReputationStore | None = None
) -> list[dict[str, float]]:
    batch = EventBatch.of(sequence, range(len(sequence)))
    matrix = feature_matrix(batch, ProfileStore().fold(batch), (store or ReputationStore()).view(batch))
    assert matrix.values.dtype == np.float32
    return [dict(zip(NAMES, row.tolist(), strict=True)) for row in matrix.values]
