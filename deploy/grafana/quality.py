"""How good is it? Live quality of the scores that were given in production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.grafana.parts import JOB, WORKER, Limit, Query, bars, figure, lines, page, per_second, quantile

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from deploy.grafana.parts import Panel

_BASIS = "Of transactions whose horizon has passed, fading over 7 days; since the learning worker started."
_LIVE = "fraudstream_live"
_SCORED = "fraudstream_transactions_scored_total"


def build() -> Dashboard:
    """The dashboard of ranking, alerts, calibration and drift; docs/quality.md defines each measure."""
    return page(
        "quality",
        "Fraudstream: how good is it?",
        "How well scores and alerts meet what labels say later. docs/quality.md has the definitions.",
        (
            ("At a glance", _glance()),
            ("Alerts", _alerts()),
            ("Ranking and chances", _scores()),
            ("Drift", _drift()),
        ),
    )


def _live(measure: str) -> str:
    return f"{_LIVE}_{measure}{{{WORKER}}}"


def _glance() -> tuple[Panel, ...]:
    shown = (
        ("Frauds among alerts", "alert_precision", "percentunit", "Alerts that were frauds."),
        (
            "Frauds that raised an alert",
            "alert_recall",
            "percentunit",
            "The share of frauds that was caught.",
        ),
        (
            "Average precision",
            "average_precision",
            "percentunit",
            "How high frauds are ranked: 1 is perfect.",
        ),
        ("Area under the ROC curve", "roc_auc", "percentunit", "Chance that a fraud outranks a genuine one."),
        ("Frauds among transactions", "fraud_ratio", "percentunit", "By labels, at the horizon."),
        ("Transactions that this rests on", "matured_transactions", "short", "Few of them mean little."),
    )
    return tuple(
        figure(title, f"{words} {_BASIS}", Query(_live(measure), "{{instance}}"), unit=unit)
        for title, measure, unit, words in shown
    )


def _alerts() -> tuple[Panel, ...]:
    return (
        lines(
            "How many alerts are right, and how many frauds are caught?",
            f"Precision and recall of alerts. An alert that nobody labels counts as wrong. {_BASIS}",
            Query(_live("alert_precision"), "alerts that were frauds"),
            Query(_live("alert_recall"), "frauds that raised an alert"),
            unit="percentunit",
        ),
        lines(
            "How many transactions raise an alert?",
            "Share of the transactions scored: of the last hour, the mean of a week, and of matured ones.",
            Query(f"job:fraudstream_alerts:ratio_rate1h{{{JOB}}}", "last hour"),
            Query(f"job:fraudstream_alerts:avg7d{{{JOB}}}", "mean of 7 days"),
            Query(_live("alert_ratio"), "matured"),
            unit="percentunit",
            alerts=("FraudstreamAlertsSurge", "FraudstreamAlertsStop"),
        ),
        lines(
            "How were transactions decided?",
            "Scores a second by decision.",
            Query(per_second(_SCORED, "decision"), "{{decision}}"),
            unit="ops",
        ),
        lines(
            "How many alerts and transactions get a label?",
            "Share with a label at their horizon. A low share of alerts means that no verdicts come back.",
            Query(_live("alert_label_coverage_ratio"), "alerts"),
            Query(_live("label_coverage_ratio"), "all transactions"),
            unit="percentunit",
            alerts=("FraudstreamLabelsStop",),
            width=12,
        ),
        lines(
            "How many scores rest on defaults?",
            "Share of transactions for which something stood in: an amount that no rate brings to the "
            "currency of its account, a reputation that could not be read, a profile under another key.",
            Query(
                f"sum(rate(fraudstream_transactions_incomplete_total{{{WORKER}}}[$__rate_interval]))"
                f" / sum(rate(fraudstream_arrival_to_score_seconds_count{{{WORKER}}}[$__rate_interval]))",
                "incomplete",
            ),
            unit="percentunit",
            width=12,
        ),
    )


def _scores() -> tuple[Panel, ...]:
    return (
        lines(
            "How well are frauds ranked?",
            f"Its level depends on the share of frauds, so look at that too. {_BASIS}",
            Query(_live("average_precision"), "average precision"),
            Query(f"instance:fraudstream_live_average_precision:avg7d{{{WORKER}}}", "its mean of 7 days"),
            Query(_live("roc_auc"), "area under the ROC curve"),
            unit="percentunit",
            alerts=("FraudstreamPrecisionFalls",),
        ),
        lines(
            "Are scores chances?",
            "Mean distance of the scores from the share of frauds among those scored alike, beside the share "
            "of frauds itself. Above half of that, an alert fires.",
            Query(_live("calibration_error"), "calibration error"),
            Query(_live("fraud_ratio"), "share of frauds"),
            unit="percentunit",
            alerts=("FraudstreamCalibrationOff",),
        ),
        lines(
            "How surprised are scores by the truth?",
            "Mean logarithmic loss of matured transactions, and how often in a day it changed by more than "
            "chance would do.",
            Query(_live("log_loss"), "log loss"),
            Query(
                f"sum by (direction) (increase(fraudstream_live_loss_changes_total{{{WORKER}}}[1d]))",
                "turned {{direction}}",
            ),
            unit="short",
            alerts=("FraudstreamLossRises",),
        ),
        lines(
            "How are scores spread?",
            "Half of the scores are below p50, 99 of 100 below p99: alerts come from above.",
            *(
                Query(quantile(part, "fraudstream_score"), f"p{100 * part:g}")
                for part in (0.5, 0.9, 0.99, 0.999)
            ),
            unit="percentunit",
            width=24,
        ),
    )


def _drift() -> tuple[Panel, ...]:
    words = (
        "Population stability index, new transactions against matured ones: 0.1 is a little, 0.25 is much."
    )
    return (
        lines(
            "Do scores drift?",
            f"{words} It needs 1,000 transactions of each kind.",
            Query(f"fraudstream_score_stability_index{{{WORKER}}}", "{{instance}}"),
            unit="short",
            limit=Limit(0.25),
            alerts=("FraudstreamDrift",),
        ),
        bars(
            "Which features drift most?",
            words,
            Query(
                f"topk(15, max by (feature) (fraudstream_feature_stability_index{{{WORKER}}}))", "{{feature}}"
            ),
            unit="short",
            limit=Limit(0.25),
            alerts=("FraudstreamDrift",),
            width=16,
        ),
    )
