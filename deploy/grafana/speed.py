"""How fast is it? Latency against its objective, and where the time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.grafana.parts import (
    JOB,
    WORKER,
    Limit,
    Query,
    figure,
    lines,
    mean,
    or_none,
    page,
    per_second,
    quantile,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from deploy.grafana.parts import Panel

_ARRIVAL = "fraudstream_arrival_to_score_seconds"
_BURNS = ("FraudstreamLatencyBudgetBurnsFast", "FraudstreamLatencyBudgetBurnsSlowly")
_AGE = "fraudstream_event_age_seconds"
_COMMIT = "fraudstream_commit_seconds"


def build() -> Dashboard:
    """The dashboard of latency, stages and costs."""
    return page(
        "speed",
        "Fraudstream: how fast is it?",
        "How long transactions wait for their scores (objective: 99 % within 50 ms), and where time goes.",
        (
            ("From arrival to score", _latency()),
            ("Where the time goes", _stages()),
            ("Commits and restarts", _commits()),
        ),
    )


def _latency() -> tuple[Panel, ...]:
    return (
        figure(
            "99 of 100 scores came within",
            "From a transaction's Kafka timestamp until its score is handed to the producer, over the last "
            "minutes. The objective is 50 ms. Readers of committed records wait for the commit besides.",
            Query(quantile(0.99, _ARRIVAL), "p99"),
            unit="s",
            limit=Limit(0.05),
            alerts=_BURNS,
            width=6,
        ),
        figure(
            "Half of the scores came within",
            "The median of the same times.",
            Query(quantile(0.5, _ARRIVAL), "p50"),
            unit="s",
            limit=Limit(0.05),
            width=6,
        ),
        figure(
            "Slower than 50 ms in the last hour",
            "Share of the scores. The objective allows 1 %.",
            Query(f"max(job:fraudstream_slow:ratio_rate1h{{{JOB}}})", "slow"),
            unit="percentunit",
            limit=Limit(0.01),
            alerts=_BURNS,
            width=6,
        ),
        figure(
            "Scores a second",
            "Transactions scored by all chosen workers.",
            Query(f"sum(rate({_ARRIVAL}_count{{{WORKER}}}[$__rate_interval]))", "scores"),
            unit="ops",
            width=6,
        ),
        lines(
            "How long does a transaction wait for its score?",
            "From its Kafka timestamp until its score is handed to the producer; the line is the objective "
            "for 99 of 100. A clock at the sender that is wrong shows here.",
            Query(quantile(0.5, _ARRIVAL), "p50"),
            Query(quantile(0.95, _ARRIVAL), "p95"),
            Query(quantile(0.99, _ARRIVAL), "p99"),
            unit="s",
            limit=Limit(0.05),
            alerts=_BURNS,
        ),
        lines(
            "How fast is the budget spent?",
            "Share of slow scores by the 1 % that the objective allows: at 1 the budget lasts just 30 days. "
            "Alerts fire at 14.4 over 1 hour, 6 over 6 hours, 3 over a day and 1 over 3 days.",
            Query(f"job:fraudstream_slow:ratio_rate1h{{{JOB}}} / 0.01", "1 hour"),
            Query(f"job:fraudstream_slow:ratio_rate6h{{{JOB}}} / 0.01", "6 hours"),
            Query(f"job:fraudstream_slow:ratio_rate1d{{{JOB}}} / 0.01", "1 day"),
            Query(f"job:fraudstream_slow:ratio_rate3d{{{JOB}}} / 0.01", "3 days"),
            unit="short",
            limit=Limit(1),
            alerts=_BURNS,
        ),
        lines(
            "Which worker is slow?",
            "The 99th percentile of each worker alone.",
            Query(quantile(0.99, _ARRIVAL, "instance"), "{{instance}}"),
            unit="s",
            limit=Limit(0.05),
        ),
        lines(
            "How old are transactions when they are scored?",
            "From when a transaction says that it happened. What is high here and low above was late before "
            "it reached Kafka.",
            Query(quantile(0.5, _AGE), "p50"),
            Query(quantile(0.95, _AGE), "p95"),
            unit="s",
            width=12,
        ),
        lines(
            "How far behind are workers?",
            "Transactions that wait in Kafka, by how many are scored a second: seconds of work.",
            Query(
                f'sum(job_topic:fraudstream_lag_records:sum{{{JOB},topic=~".*transactions"}})'
                f" / (sum(job:fraudstream_transactions:rate5m{{{JOB}}}) > 0)",
                "seconds of work",
            ),
            unit="s",
            limit=Limit(60),
            alerts=("FraudstreamLagGrows",),
            width=12,
        ),
    )


def _stages() -> tuple[Panel, ...]:
    cpu = f"sum(rate(process_cpu_seconds_total{{{WORKER}}}[$__rate_interval]))"
    scored = f"sum(rate({_ARRIVAL}_count{{{WORKER}}}[$__rate_interval]))"
    return (
        lines(
            "How long does each stage take for a batch?",
            "Mean time of one stage for a batch of up to 500 transactions.",
            Query(mean("fraudstream_stage_seconds", "stage"), "{{stage}}"),
            unit="s",
        ),
        lines(
            "Which stage takes the time?",
            "Seconds a second that all chosen workers spend in each stage.",
            Query(per_second("fraudstream_stage_seconds_sum", "stage"), "{{stage}}"),
            unit="s",
        ),
        lines(
            "What does a transaction cost?",
            "Processor time of the chosen workers by transactions scored: high at a low rate, since a batch "
            "costs as much as some 20 transactions.",
            Query(f"{cpu} / ({scored} > 0)", "a transaction"),
            unit="s",
        ),
    )


def _commits() -> tuple[Panel, ...]:
    return (
        lines(
            "How long does a commit take?",
            "From the choice of its offsets until it is durable. Readers of committed records see a score "
            "only after it.",
            Query(quantile(0.5, _COMMIT), "p50"),
            Query(quantile(0.99, _COMMIT), "p99"),
            unit="s",
            limit=Limit(2.5),
            alerts=("FraudstreamCommitsSlow",),
        ),
        lines(
            "How much waits to be sent?",
            "Records handed to the producer that no broker has confirmed. It rises while brokers are slow.",
            Query(f"fraudstream_producer_queue_records{{{WORKER}}}", "{{instance}}"),
            unit="short",
        ),
        lines(
            "How much state was read back?",
            "Records of a changelog a second, while workers start or take partitions over; no transaction of "
            "these partitions is scored meanwhile.",
            Query(or_none(per_second("fraudstream_restored_records_total", "topic"), "topic"), "{{topic}}"),
            unit="ops",
        ),
    )
