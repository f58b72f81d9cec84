"""Is it working? What a person on call looks at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.grafana.parts import (
    JOB,
    WORKER,
    Limit,
    Query,
    bars,
    figure,
    lines,
    or_none,
    page,
    per_second,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from deploy.grafana.parts import Panel

_FIRING = 'ALERTS{alertname=~"Fraudstream.*",alertstate="firing"}'
_BUDGET = "1 is the whole budget of 30 days, 0 is nothing left, below 0 the objective is missed."


def build() -> Dashboard:
    """The dashboard of workers, flow, refusals and broadcast."""
    return page(
        "working",
        "Fraudstream: is it working?",
        "Whether every transaction gets its score: alerts, error budgets, workers, what waits, what is "
        "refused.",
        (
            ("At a glance", _glance()),
            ("Transactions", _flow()),
            ("Workers", _workers()),
            ("What scorers hear of others", _broadcast()),
        ),
    )


def _glance() -> tuple[Panel, ...]:
    return (
        figure(
            "How many alerts fire?",
            "Alerts of deploy/prometheus/rules that fire now. The panel below names them; each has a "
            "runbook.",
            Query(f"count({_FIRING}) or vector(0)", "alerts"),
            unit="short",
            limit=Limit(1),
        ),
        figure(
            "How many workers answer?",
            "Workers that gave their metrics at the last scrape; compare with how many you started.",
            Query(f"count(fraudstream_worker_info{{{WORKER}}}) or vector(0)", "workers"),
            unit="short",
            limit=Limit(1, good_is_above=True),
            alerts=("FraudstreamNobodyScores", "FraudstreamNobodyLearns", "FraudstreamWorkerUnreachable"),
        ),
        figure(
            "Do all their checks pass?",
            "1 if every check of /readyz passes in every worker, the canary transaction among them; else 0.",
            Query(f"min(fraudstream_readiness_check{{{WORKER}}})", "ready"),
            unit="short",
            limit=Limit(1, good_is_above=True),
            alerts=("FraudstreamWorkerNotReady", "FraudstreamCanaryFails"),
        ),
        figure(
            "How long has the oldest transaction waited?",
            "Age of the oldest transaction in a worker's hands that has no score yet. Read every 5 s, so "
            "some seconds are normal at a high rate.",
            Query(f'max(job_topic:fraudstream_waiting_seconds:max{{{JOB},topic=~".*transactions"}})', "age"),
            unit="s",
            limit=Limit(30),
            alerts=("FraudstreamTransactionsWait",),
        ),
        figure(
            "What is left to be unscored?",
            f"Budget of the objective that 99.9 % are scored within 10 s of their arrival. {_BUDGET}",
            Query(f"min(job:fraudstream_unscored_budget:remaining30d{{{JOB}}})", "left"),
            unit="percentunit",
            limit=Limit(0, good_is_above=True),
            alerts=("FraudstreamScoringBudgetBurnsFast", "FraudstreamScoringBudgetBurnsSlowly"),
        ),
        figure(
            "What is left to be slow?",
            f"Budget of the objective that 99 % of scores come within 50 ms of the arrival. {_BUDGET}",
            Query(f"min(job:fraudstream_slow_budget:remaining30d{{{JOB}}})", "left"),
            unit="percentunit",
            limit=Limit(0, good_is_above=True),
            alerts=("FraudstreamLatencyBudgetBurnsFast", "FraudstreamLatencyBudgetBurnsSlowly"),
        ),
        bars(
            "Which alerts fire?",
            "Names of the alerts that fire now; each has a page of that name among the runbooks.",
            Query(or_none(f"sum by (alertname) ({_FIRING})", "alertname"), "{{alertname}}"),
            unit="short",
            limit=Limit(1),
            width=24,
        ),
    )


def _flow() -> tuple[Panel, ...]:
    lost = f"increase(fraudstream_records_lost_total{{{JOB}}}[15m])"
    ended = "fraudstream_dead_letters_total"
    return (
        lines(
            "What becomes of transactions?",
            "Each ends as a score, as one that was known already (a repeat), or as a dead letter. Together "
            "they are what arrives, as long as the lag does not grow.",
            Query(per_second("fraudstream_arrival_to_score_seconds_count", "job"), "scored {{job}}"),
            Query(
                per_second("fraudstream_transactions_skipped_total", "reason"), "known already: {{reason}}"
            ),
            Query(per_second(ended, "topic", topic=".*transactions"), "refused of {{topic}}"),
            unit="ops",
            alerts=("FraudstreamTransactionsStop", "FraudstreamReplays"),
        ),
        lines(
            "Which records are lost or left over?",
            "Offsets passed over unread within 15 minutes, and records read that became nothing. Both are to "
            "be 0.",
            Query(
                or_none(
                    f"sum by (topic, error_type) ({lost}) > 0",
                    "topic",
                ),
                "lost of {{topic}}: {{error_type}}",
            ),
            Query(f"sum by (topic) (fraudstream_unaccounted_records{{{JOB}}})", "left over of {{topic}}"),
            unit="short",
            limit=Limit(1),
            alerts=("FraudstreamRecordsLost", "FraudstreamRecordsUnaccounted"),
        ),
        lines(
            "Which transactions are scored on less?",
            "Transactions a second whose features something stood in for, that came without an amount which "
            "can be compared, that bear the id of another payment, or that are older than the newest of "
            "their card or account; and messages taken without a field that held a card number.",
            Query(per_second("fraudstream_transactions_incomplete_total", "job"), "incomplete"),
            Query(per_second("fraudstream_transactions_amount_unknown_total", "job"), "amount unknown"),
            Query(per_second("fraudstream_transactions_id_reused_total", "job"), "id used before"),
            Query(per_second("fraudstream_late_seconds_count", "job"), "late"),
            Query(per_second("fraudstream_card_numbers_passed_over_total", "job"), "field left out"),
            unit="ops",
            alerts=("FraudstreamAmountsUnknown",),
        ),
        lines(
            "How much waits in Kafka?",
            "Records behind the end of the partitions that workers hold, by topic. A partition that nobody "
            "holds is not in it.",
            Query(f"job_topic:fraudstream_lag_records:sum{{{JOB}}}", "{{topic}}"),
            unit="short",
            alerts=("FraudstreamLagGrows", "FraudstreamLearningWaits"),
        ),
        lines(
            "How old is what waits?",
            "Age of the oldest unfinished record in a worker's hands, by topic; the line is where "
            "transactions raise an alert.",
            Query(f"job_topic:fraudstream_waiting_seconds:max{{{JOB}}}", "{{topic}}"),
            unit="s",
            limit=Limit(30),
            alerts=("FraudstreamTransactionsWait", "FraudstreamLearningWaits"),
        ),
        lines(
            "Which messages are refused, and why?",
            "Dead letters a second by reason; `fraudstream dead-letters list` shows them.",
            Query(
                or_none(f"{per_second(ended, 'topic, error_type')} > 0", "topic"), "{{topic}} {{error_type}}"
            ),
            unit="ops",
            alerts=("FraudstreamRefusalsBurst", "FraudstreamInternalErrors"),
        ),
        lines(
            "What share is refused?",
            "Dead letters of the last 15 minutes by all messages of a topic; the line is where an alert "
            "fires.",
            Query(f"job_topic:fraudstream_dead_letters:ratio_rate15m{{{JOB}}}", "{{topic}}"),
            unit="percentunit",
            limit=Limit(0.01),
            alerts=("FraudstreamMessagesRefused",),
        ),
        lines(
            "What share stays unscored?",
            "Transactions scored later than 10 s after their arrival, or set apart as internal-error, by "
            "all. The objective allows 0.1 %.",
            Query(f"job:fraudstream_unscored:ratio_rate5m{{{JOB}}}", "5 minutes"),
            Query(f"job:fraudstream_unscored:ratio_rate1h{{{JOB}}}", "1 hour"),
            Query(f"job:fraudstream_unscored:ratio_rate1d{{{JOB}}}", "1 day"),
            unit="percentunit",
            limit=Limit(0.001),
            alerts=("FraudstreamScoringBudgetBurnsFast", "FraudstreamScoringBudgetBurnsSlowly"),
        ),
    )


def _workers() -> tuple[Panel, ...]:
    return (
        lines(
            "Which worker is ready?",
            "1 while every check of a worker's /readyz passes.",
            Query(f"min by (instance) (fraudstream_readiness_check{{{WORKER}}})", "{{instance}}"),
            unit="short",
            alerts=("FraudstreamWorkerNotReady",),
        ),
        lines(
            "Who holds how many partitions?",
            "Partitions in each worker's hands. The sum must stay the same while workers come and go.",
            Query(f"fraudstream_assigned_partitions{{{WORKER}}}", "{{instance}}"),
            Query("group:fraudstream_assigned_partitions:sum", "all of {{group}}"),
            unit="short",
            alerts=("FraudstreamPartitionsUnowned",),
        ),
        lines(
            "Which topics are not as they were?",
            "Partitions without a place for their state, topics that are missing, and within 15 minutes: "
            "partitions of a topic made anew, partitions whose records killed workers.",
            Query(f"max by (topic) (fraudstream_unserved_partitions{{{JOB}}})", "{{topic}}: unserved"),
            Query(f"max by (topic) (fraudstream_topic_missing{{{JOB}}})", "{{topic}}: missing"),
            *(
                Query(f"sum by (topic) (increase({counter}{{{JOB}}}[15m]))", f"{{{{topic}}}}: {what}")
                for counter, what in (
                    ("fraudstream_logs_replaced_total", "made anew"),
                    ("fraudstream_partition_trials_total", "on trial"),
                )
            ),
            unit="short",
            alerts=(
                "FraudstreamPartitionsUnserved",
                "FraudstreamTopicMissing",
                "FraudstreamTopicReplaced",
                "FraudstreamPartitionOnTrial",
            ),
        ),
        lines(
            "How often do partitions move?",
            "Times in 15 minutes that a worker's partitions were taken away: revoked is orderly, lost means "
            "that its session had ended. Scores pause each time.",
            Query(
                f"sum by (instance, outcome) (increase(fraudstream_rebalances_total{{{WORKER}}}[15m]))",
                "{{instance}} {{outcome}}",
            ),
            unit="short",
            limit=Limit(5),
            alerts=("FraudstreamGroupUnsettled",),
        ),
        lines(
            "How often do workers start?",
            "Starts in the last 30 minutes that Prometheus saw, and starts without progress, which Kafka "
            "keeps: a worker that dies within seconds shows only there.",
            Query(f"changes(process_start_time_seconds{{{WORKER}}}[30m])", "{{instance}}"),
            Query(
                f"max by (instance) (fraudstream_starts_without_progress{{{WORKER}}})",
                "without progress {{instance}}",
            ),
            unit="short",
            limit=Limit(3),
            alerts=("FraudstreamWorkerRestarts",),
        ),
        lines(
            "Does a worker stand still?",
            "Longest time that a stage of delivery has had work without getting any done. At half of "
            "DELIVERY__STALL_TIMEOUT_SECONDS it is not ready any more, at the whole it leaves.",
            Query(f"fraudstream_progress_age_seconds{{{WORKER}}}", "{{instance}}"),
            unit="s",
            limit=Limit(30),
            alerts=("FraudstreamWorkerStalls",),
        ),
        lines(
            "Are commits accepted?",
            "Checkpoints a second: outputs, profiles and offsets made durable together. After a failed one "
            "the worker leaves.",
            Query(per_second("fraudstream_commits_total", "instance, result"), "{{instance}} {{result}}"),
            Query(per_second("fraudstream_changelog_records_total", "instance"), "{{instance}} profiles"),
            unit="ops",
            alerts=("FraudstreamCommitsFail",),
        ),
        lines(
            "Which agents fail?",
            "Internal errors in 15 minutes; the worker leaves after each.",
            Query(
                or_none(
                    f"sum by (agent) (increase(fraudstream_agent_failures_total{{{WORKER}}}[15m]))", "agent"
                ),
                "{{agent}}",
            ),
            unit="short",
            alerts=("FraudstreamWorkerRestarts",),
        ),
        lines(
            "How long does a restore take?",
            "Mean time since a worker's start to read the state of newly assigned partitions back; their "
            "scores wait for it.",
            Query(
                f"sum by (topic) (fraudstream_restore_seconds_sum{{{WORKER}}}) "
                f"/ sum by (topic) (fraudstream_restore_seconds_count{{{WORKER}}})",
                "{{topic}}",
            ),
            unit="s",
        ),
        lines(
            "Which releases run?",
            "Workers by release. More than one is normal during an upgrade alone.",
            Query(f"count by (fraudstream) (fraudstream_build_info{{{WORKER}}})", "{{fraudstream}}"),
            unit="short",
        ),
        lines(
            "How much memory does a worker take?",
            "Resident memory. It grows with the cards and accounts that a worker holds, not with time.",
            Query(f"process_resident_memory_bytes{{{WORKER}}}", "{{instance}}"),
            unit="bytes",
        ),
        lines(
            "How busy are workers?",
            "Processor time a second: 1 is a core that never rests.",
            Query(f"rate(process_cpu_seconds_total{{{WORKER}}}[$__rate_interval])", "{{instance}}"),
            unit="short",
        ),
        lines(
            "How many cards and accounts are known?",
            "Profiles in each worker's memory, about 1 kB each.",
            Query(f"fraudstream_profiles{{{WORKER}}}", "{{instance}}"),
            unit="short",
        ),
    )


def _broadcast() -> tuple[Panel, ...]:
    refused = per_second("fraudstream_broadcast_records_refused_total", "topic, error_type")
    return (
        lines(
            "How fresh is what scorers know?",
            "Time since Kafka last confirmed that a scorer has read reputations, models and controls to "
            "their ends; up to 10 s is normal.",
            Query(f"fraudstream_broadcast_staleness_seconds{{{WORKER}}}", "{{instance}}"),
            unit="s",
            limit=Limit(60),
            alerts=("FraudstreamBroadcastStale",),
        ),
        lines(
            "Have they caught up?",
            "1 once a worker has read every compacted topic to its end; it is not ready before.",
            Query(f"fraudstream_broadcast_caught_up{{{WORKER}}}", "{{instance}}"),
            unit="short",
        ),
        lines(
            "What do they take over?",
            "Records a second of the compacted topics, and models put in force.",
            Query(per_second("fraudstream_models_loaded_total", "job"), "models in force {{job}}"),
            Query(per_second("fraudstream_broadcast_records_applied_total", "topic"), "{{topic}}"),
            unit="ops",
        ),
        lines(
            "What do they refuse?",
            "Records refused a second: a wrong signature, an older version, other features.",
            Query(or_none(f"{refused} > 0", "topic"), "{{topic}} {{error_type}}"),
            unit="ops",
            alerts=("FraudstreamSignatureRefused", "FraudstreamBroadcastRefused"),
        ),
    )
