"""Stores make room while they are restored, record by record."""

from datetime import UTC, datetime

from models.batch import EventBatch
from models.profiles.store import ProfileStore
from models.reputations.store import ReputationStore
from schemas.reputation import Reputation
from schemas.transaction import CardTransaction

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SUBJECTS = [f"card-{number}" for number in range(300)]


def test_a_profile_store_restores_any_number_of_profiles() -> None:
    source, target = ProfileStore(), ProfileStore()
    payments = [
        CardTransaction(
            transaction_id=f"t-{subject}",
            event_time=NOON,
            card_id=subject,
            merchant_id="shop",
            amount="1.00",
            currency="EUR",
        )
        for subject in SUBJECTS
    ]
    source.fold(EventBatch.of(payments, range(len(payments))))
    for subject in SUBJECTS:
        target.unpack(subject, source.pack(subject))
    assert [target.pack(subject) for subject in SUBJECTS] == [source.pack(subject) for subject in SUBJECTS]


def test_a_reputation_store_takes_any_number_of_reputations() -> None:
    store = ReputationStore()
    for subject in SUBJECTS:
        store.update(
            Reputation(
                kind="counterparty",
                id=subject,
                as_of=NOON,
                matured=(1.0,) * 5,
                matured_frauds=(0.0,) * 5,
                early_frauds=(0.0, 0.0),
            )
        )
    assert len(store) == len(SUBJECTS)
