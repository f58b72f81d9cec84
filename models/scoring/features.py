"""The features: what a model sees of one transaction, as named columns of finite numbers.

The matrix is the event's own columns, then the profile's view, then the reputation's view, each in the order
of its table below, clipped to the bounds that each feature declares. Those bounds make every feature finite
in float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.decay import DAY, HOUR
from schemas.reputation import EARLY_DAYS, MATURED_DAYS

if TYPE_CHECKING:
    from models.arrays import Flags, Floats, Records, Singles
    from models.batch import EventBatch
    from models.profiles.store import ProfileView
    from models.reputations.store import ReputationView

FEATURES_VERSION: Final = 2
"""Grows whenever a feature is added, dropped, moved or computed otherwise."""

NIGHT_ENDS: Final = 7
"""The night is from midnight to this hour, UTC."""
THURSDAY, SATURDAY = 3, 5
MOST_EVENTS: Final = 1e6
MOST_MONEY: Final = 1e18


@dataclass(frozen=True, slots=True)
class Feature:
    """One column: a stable name, a sentence for people, its unit and the bounds that it is clipped to."""

    name: str
    sentence: str
    unit: str
    low: float = 0.0
    high: float = MOST_EVENTS


def _count(name: str, sentence: str) -> Feature:
    return Feature(name, sentence, "transactions")


def _money(name: str, sentence: str) -> Feature:
    return Feature(name, sentence, "currency", high=MOST_MONEY)


def _flag(name: str, sentence: str) -> Feature:
    return Feature(name, sentence, "yes or no", high=1.0)


def _share(name: str, sentence: str) -> Feature:
    return Feature(name, sentence, "share", high=1.0)


def _frauds(name: str, sentence: str) -> Feature:
    return Feature(name, sentence, "frauds")


def _since(name: str, sentence: str) -> Feature:
    return Feature(name, sentence, "seconds", high=60 * DAY)


def _run(name: str, sentence: str) -> Feature:
    return Feature(name, sentence, "seconds", low=-60 * DAY, high=60 * DAY)


EVENT: Final = (
    _money("amount", "Amount of the transaction in the currency of the account."),
    Feature("hour", "Hour of the day, UTC.", "hours", high=24.0),
    _flag("weekend", "Saturday or Sunday, UTC."),
    _flag("night", "Between midnight and seven in the morning, UTC."),
)
PROFILE: Final = (
    _count("count_1d", "Transactions of the subject, fading over 1 day, with this one."),
    _count("count_7d", "Transactions of the subject, fading over 7 days, with this one."),
    _count("count_30d", "Transactions of the subject, fading over 30 days, with this one."),
    _money("mean_1d", "Mean amount of the subject, fading over 1 day, with this one."),
    _money("mean_7d", "Mean amount of the subject, fading over 7 days, with this one."),
    _money("mean_30d", "Mean amount of the subject, fading over 30 days, with this one."),
    _money("own_mean", "Mean amount of the subject before this transaction, fading over 60 days."),
    _money(
        "own_deviation", "Standard deviation of the subject's amounts before this one, fading over 60 days."
    ),
    Feature("amount_ratio", "Amount as a multiple of the subject's own mean.", "times", high=1_000.0),
    Feature("amount_z", "Amount minus own mean, in own deviations.", "deviations", low=-10.0, high=50.0),
    _count("high_amounts_14d", "Unusually high amounts of the subject before this one, fading over 14 days."),
    Feature(
        "gap",
        "Time since the subject's transaction before this one, 30 days at most.",
        "seconds",
        high=30 * DAY,
    ),
    _flag("new_counterparty", "The subject is not known to have dealt with this counterparty before."),
    _flag("country_changed", "Another country than that of the subject's last transaction."),
    _count(
        "window_count_10min", "Transactions of the subject in the last 10 minutes, with this one, 33 at most."
    ),
    _count("window_count_1h", "Transactions of the subject in the last hour, with this one, 33 at most."),
    _count(
        "window_count_24h", "Transactions of the subject in the last 24 hours, with this one, 33 at most."
    ),
    _money("window_amount_10min", "Amount that the subject moved in the last 10 minutes, with this one."),
    _money("window_amount_1h", "Amount that the subject moved in the last hour, with this one."),
    _money("window_amount_24h", "Amount that the subject moved in the last 24 hours, with this one."),
    Feature(
        "window_counterparties_24h", "Counterparties of the subject in the last 24 hours.", "counterparties"
    ),
)
REPUTATION: Final = (
    _count("counterparty_count_7d", "Matured transactions of the counterparty, fading over 7 days."),
    _count("counterparty_count_28d", "Matured transactions of the counterparty, fading over 28 days."),
    *(
        _frauds(f"counterparty_frauds_{days}d", f"Matured frauds at the counterparty, fading over {days} d.")
        for days in MATURED_DAYS
    ),
    *(
        _share(f"counterparty_fraud_share_{days}d", f"Share of frauds at the counterparty, over {days} d.")
        for days in MATURED_DAYS
    ),
    _since("since_counterparty_fraud", "Time since the counterparty's last matured fraud."),
    _since("since_counterparty_genuine", "Time since the counterparty's last matured genuine transaction."),
    _run(
        "counterparty_fraud_run",
        "Time by which the counterparty's last matured fraud is newer than its last genuine transaction.",
    ),
    _frauds("unexplained_frauds_7d", "Frauds at the counterparty of usual amounts, fading over 7 days."),
    _frauds("unexplained_frauds_28d", "Frauds at the counterparty of usual amounts, fading over 28 days."),
    _share("unexplained_fraud_share_28d", "Share of frauds of usual amounts at the counterparty, over 28 d."),
    _since("since_unexplained_fraud", "Time since the counterparty's last fraud of a usual amount."),
    _frauds("early_frauds_7d", "Frauds at the counterparty known early, fading over 7 days."),
    _frauds("early_unexplained_7d", "Frauds of usual amounts at the counterparty known early, over 7 d."),
    _frauds("early_unexplained_28d", "Frauds of usual amounts at the counterparty known early, over 28 d."),
    _since(
        "since_early_unexplained",
        "Time since the last fraud of a usual amount at the counterparty known early.",
    ),
    _count("early_genuine_7d", "Transactions with the counterparty called genuine early, over 7 days."),
    _since("since_early_genuine", "Time since the counterparty's last transaction called genuine early."),
    _run(
        "early_run",
        "Time by which the last fraud of a usual amount known early is newer than the last called genuine.",
    ),
    _frauds("merchant_frauds_28d", "Matured frauds at the merchant, fading over 28 days."),
    _share("merchant_fraud_share_7d", "Share of frauds at the merchant, fading over 7 days."),
    _share("merchant_fraud_share_28d", "Share of frauds at the merchant, fading over 28 days."),
    _since("since_merchant_fraud", "Time since the merchant's last matured fraud."),
    _frauds("merchant_early_frauds_7d", "Frauds at the merchant known early, fading over 7 days."),
    *(
        _share(f"{name}_fraud_share_{days}d", f"Share of frauds in the {words}, fading over {days} days.")
        for name, words in (
            ("category", "merchant category or payment type"),
            ("country", "country"),
            ("channel", "channel"),
            ("purpose", "purpose of the payment"),
        )
        for days in EARLY_DAYS
    ),
    _frauds("known_frauds_14d", "Matured frauds of the subject, fading over 14 days."),
    _frauds("known_early_frauds_7d", "Frauds of the subject known early, fading over 7 days."),
    _since("since_known_fraud", "Time since the subject's last known fraud."),
)
FEATURES: Final = EVENT + PROFILE + REPUTATION
"""Every feature, in the order of the columns."""
NAMES: Final = tuple(feature.name for feature in FEATURES)

_PROFILE: Final = len(EVENT)
_REPUTATION: Final = len(EVENT) + len(PROFILE)
_LOW: Final = np.array([feature.low for feature in FEATURES])
_HIGH: Final = np.array([feature.high for feature in FEATURES])


@dataclass(frozen=True, slots=True)
class FeatureMatrix:
    """``values`` [n, k] in the order of ``FEATURES``; ``complete`` [n]: no default stood in."""

    values: Singles
    complete: Flags


def feature_matrix(batch: EventBatch, profiles: ProfileView, reputations: ReputationView) -> FeatureMatrix:
    """The features of a batch, never NaN or infinite."""
    columns = np.empty((len(batch), len(FEATURES)))
    columns[:, 0] = profiles.columns["amount"]
    _write_times(batch.times, columns[:, 1:_PROFILE])
    columns[:, _PROFILE:_REPUTATION] = _flat(profiles.columns)[:, : len(PROFILE)]
    columns[:, _REPUTATION:] = _flat(reputations.columns)
    values = np.minimum(np.maximum(columns, _LOW), _HIGH).astype(np.float32)
    return FeatureMatrix(values, reputations.complete & (profiles.columns["amount_known"] > 0.0))


def _write_times(times: Floats, columns: Floats) -> None:
    """Write the columns [n, 3] of ``EVENT`` after the amount; 1970-01-01 was a Thursday."""
    days, seconds = np.divmod(times, DAY)
    hours = seconds / HOUR
    columns[:, 0] = hours
    columns[:, 1] = (days + THURSDAY) % 7 >= SATURDAY
    columns[:, 2] = hours < NIGHT_ENDS


def _flat(view: Records) -> Floats:
    """A view's fields as columns, in the order of its dtype."""
    return view.view(np.float64).reshape(len(view), -1)
