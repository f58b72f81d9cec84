"""Why a transaction was alerted: a model's contributions as a few stable codes with sentences.

Contributions of features that tell one story are added up under one code; the codes outlive the features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.scoring.features import NAMES
from schemas.alert import Reason

if TYPE_CHECKING:
    from models.arrays import Floats, Singles

MOST_REASONS: Final = 5
LEAST_CONTRIBUTION: Final = 0.05
"""A story that adds less (log-odds, or the model's own unit) is not worth an analyst's time."""


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """One reason code: its sentence, the features it speaks for, the one it shows, and what is normal."""

    code: str
    text: str
    features: tuple[str, ...]
    shown: str
    normal: str | None = None
    normal_share: float = 1.0
    """How much of the ``normal`` feature is normal: a count fading over 30 days holds 30 days of events."""


REASON_CODES: Final = (
    ReasonCode(
        "AMOUNT_ABOVE_NORMAL",
        "The amount is far from what this subject usually pays.",
        ("amount_ratio", "amount_z", "own_mean", "own_deviation", "mean_1d", "mean_7d", "mean_30d"),
        shown="amount",
        normal="own_mean",
    ),
    ReasonCode(
        "AMOUNT_HIGH", "The amount is high for anyone.", ("amount",), shown="amount", normal="own_mean"
    ),
    ReasonCode(
        "HIGH_AMOUNTS_BEFORE",
        "The subject had unusually high amounts in the last two weeks.",
        ("high_amounts_14d",),
        shown="high_amounts_14d",
    ),
    ReasonCode(
        "KNOWN_FRAUD_BEFORE",
        "Transactions of this subject were confirmed as fraud in the last two weeks.",
        ("known_frauds_14d", "known_early_frauds_7d", "since_known_fraud"),
        shown="known_frauds_14d",
    ),
    ReasonCode(
        "MANY_IN_SHORT_TIME",
        "Many transactions within an hour.",
        ("window_count_10min", "window_count_1h", "gap"),
        shown="window_count_1h",
        normal="count_30d",
        normal_share=1 / 720,
    ),
    ReasonCode(
        "MUCH_IN_SHORT_TIME",
        "Much money moved within a day.",
        ("window_amount_10min", "window_amount_1h", "window_amount_24h"),
        shown="window_amount_24h",
    ),
    ReasonCode(
        "MANY_IN_LONG_TIME",
        "More transactions than usual in the last days.",
        ("window_count_24h", "count_1d", "count_7d", "count_30d"),
        shown="window_count_24h",
        normal="count_30d",
        normal_share=1 / 30,
    ),
    ReasonCode(
        "MANY_COUNTERPARTIES",
        "Many different counterparties within a day.",
        ("window_counterparties_24h",),
        shown="window_counterparties_24h",
    ),
    ReasonCode(
        "NEW_COUNTERPARTY",
        "The subject is not known to have dealt with this counterparty before.",
        ("new_counterparty",),
        shown="new_counterparty",
    ),
    ReasonCode(
        "COUNTRY_CHANGE",
        "Another country than that of the subject's last transaction.",
        ("country_changed",),
        shown="country_changed",
    ),
    ReasonCode(
        "NIGHT", "The transaction came at an unusual time (UTC).", ("night", "hour", "weekend"), shown="hour"
    ),
    ReasonCode(
        "COUNTERPARTY_FRAUD_HISTORY",
        "Transactions with this counterparty turned out to be fraud.",
        (
            *("counterparty_frauds_1d", "counterparty_frauds_3d", "counterparty_frauds_7d"),
            *("counterparty_frauds_14d", "counterparty_frauds_28d", "since_counterparty_fraud"),
            *("counterparty_fraud_share_1d", "counterparty_fraud_share_3d", "counterparty_fraud_share_7d"),
            *("counterparty_fraud_share_14d", "counterparty_fraud_share_28d"),
            *("counterparty_count_7d", "counterparty_count_28d"),
            *("since_counterparty_genuine", "counterparty_fraud_run"),
            *("unexplained_frauds_7d", "unexplained_frauds_28d"),
            *("unexplained_fraud_share_28d", "since_unexplained_fraud"),
        ),
        shown="counterparty_frauds_28d",
    ),
    ReasonCode(
        "COUNTERPARTY_RECENT_FRAUD",
        "Frauds with this counterparty were reported in the last days.",
        (
            *("early_frauds_7d", "early_unexplained_7d", "early_unexplained_28d", "since_early_unexplained"),
            *("early_genuine_7d", "since_early_genuine", "early_run"),
        ),
        shown="early_frauds_7d",
    ),
    ReasonCode(
        "MERCHANT_FRAUD_HISTORY",
        "Transactions with this merchant turned out to be fraud.",
        (
            *("merchant_frauds_28d", "merchant_fraud_share_7d", "merchant_fraud_share_28d"),
            *("since_merchant_fraud", "merchant_early_frauds_7d"),
        ),
        shown="merchant_frauds_28d",
    ),
    ReasonCode(
        "CATEGORY_FRAUD_HISTORY",
        "Fraud is frequent in this merchant category or payment type.",
        ("category_fraud_share_7d", "category_fraud_share_28d"),
        shown="category_fraud_share_28d",
    ),
    ReasonCode(
        "COUNTRY_FRAUD_HISTORY",
        "Fraud is frequent in this country.",
        ("country_fraud_share_7d", "country_fraud_share_28d"),
        shown="country_fraud_share_28d",
    ),
    ReasonCode(
        "CHANNEL_FRAUD_HISTORY",
        "Fraud is frequent in this channel.",
        ("channel_fraud_share_7d", "channel_fraud_share_28d"),
        shown="channel_fraud_share_28d",
    ),
    ReasonCode(
        "PURPOSE_FRAUD_HISTORY",
        "Fraud is frequent among payments of this purpose.",
        ("purpose_fraud_share_7d", "purpose_fraud_share_28d"),
        shown="purpose_fraud_share_28d",
    ),
)
"""Every code, each feature under one of them at most."""

_COLUMN: Final = {name: column for column, name in enumerate(NAMES)}


def explain(values: Singles, contributions: Floats) -> list[Reason]:
    """The stories that raised one score most, weightiest first, of a row's values and contributions [k]."""
    told = sorted(
        ((_contribution(story, contributions), story) for story in REASON_CODES), key=_weight, reverse=True
    )
    return [
        _reason(story, contribution, values)
        for contribution, story in told[:MOST_REASONS]
        if contribution >= LEAST_CONTRIBUTION
    ]


def _weight(told: tuple[float, ReasonCode]) -> float:
    return told[0]


def _contribution(story: ReasonCode, contributions: Floats) -> float:
    return float(sum(contributions[_COLUMN[name]] for name in story.features))


def _reason(story: ReasonCode, contribution: float, values: Singles) -> Reason:
    return Reason(
        code=story.code,
        text=story.text,
        contribution=contribution,
        value=float(values[_COLUMN[story.shown]]),
        normal_for_subject=_normal(story, values),
    )


def _normal(story: ReasonCode, values: Singles) -> float | None:
    """What is normal for the subject; one without a past, whose only event is this one, has no normal."""
    if story.normal is None or values[_COLUMN["count_30d"]] <= 1.0:
        return None
    return float(values[_COLUMN[story.normal]]) * story.normal_share
