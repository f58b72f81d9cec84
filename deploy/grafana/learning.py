"""What is it learning? From a label's arrival to a model that scores by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.grafana.parts import JOB, WORKER, Limit, Query, figure, lines, page, per_second, quantile

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from deploy.grafana.parts import Panel

_LEARN = "fraudstream_time_to_learn_seconds"
_DELAY = "fraudstream_label_delay_seconds"


def build() -> Dashboard:
    """The dashboard of labels, examples, models and reputations."""
    return page(
        "learning",
        "Fraudstream: what is it learning?",
        "Labels as they come, what is learnt of them and how soon, and which model scores.",
        (
            ("At a glance", _glance()),
            ("Labels and examples", _labels()),
            ("Models", _models()),
            ("What labelling and reputation keep", _kept()),
        ),
    )


def _glance() -> tuple[Panel, ...]:
    return (
        figure(
            "Labels in the last day",
            "Labels that were accepted.",
            Query(f"sum(increase(fraudstream_labels_accepted_total{{{WORKER}}}[1d]))", "labels"),
            unit="short",
            alerts=("FraudstreamLabelsStop",),
            width=6,
        ),
        figure(
            "95 of 100 labels were learnt within",
            "From a label's arrival in Kafka to the first transaction scored by a model that has learnt it. "
            "The objective is 5 s.",
            Query(f"histogram_quantile(0.95, sum by (le) (rate({_LEARN}_bucket{{{WORKER}}}[1h])))", "p95"),
            unit="s",
            limit=Limit(5),
            alerts=("FraudstreamTimeToLearnLong",),
            width=6,
        ),
        figure(
            "Age of the model that scores",
            "Time since the oldest model in force was made. Nothing learnt, or one pinned, makes it rise.",
            Query(f"max(fraudstream_model_age_seconds{{{WORKER}}})", "age"),
            unit="s",
            limit=Limit(86_400),
            alerts=("FraudstreamModelOld",),
            width=6,
        ),
        figure(
            "Models published in the last day",
            "One after each fraud, or 200 examples without one, and 2 s apart at least.",
            Query(f"sum(increase(fraudstream_snapshots_published_total{{{WORKER}}}[1d]))", "models"),
            unit="short",
            width=6,
        ),
    )


def _labels() -> tuple[Panel, ...]:
    return (
        lines(
            "What labels come?",
            "Labels accepted a second, by what they say and who says it.",
            Query(
                per_second("fraudstream_labels_accepted_total", "outcome, origin"),
                "{{outcome}} by {{origin}}",
            ),
            unit="ops",
            alerts=("FraudstreamLabelsStop",),
        ),
        lines(
            "What becomes of labels?",
            "early: before the horizon; matured: at it; corrected: it says otherwise than was learnt; "
            "confirmed: it says the same; stale: a later one was there; unseen: nothing of it was scored.",
            Query(per_second("fraudstream_labels_settled_total", "fate"), "{{fate}}"),
            unit="ops",
        ),
        lines(
            "How late do labels come?",
            "From a transaction to the label in force at its horizon.",
            Query(f"histogram_quantile(0.5, sum by (le) (rate({_DELAY}_bucket{{{WORKER}}}[1d])))", "p50"),
            Query(f"histogram_quantile(0.9, sum by (le) (rate({_DELAY}_bucket{{{WORKER}}}[1d])))", "p90"),
            unit="s",
        ),
        lines(
            "What is there to learn, and what is learnt?",
            "Examples a second: made by labelling, taken by the learner.",
            Query(per_second("fraudstream_examples_made_total", "outcome"), "made: {{outcome}}"),
            Query(per_second("fraudstream_examples_learnt_total", "outcome"), "learnt: {{outcome}}"),
            Query(per_second("fraudstream_examples_passed_over_total", "job"), "passed over {{job}}"),
            unit="ops",
            alerts=("FraudstreamLearningWaits",),
        ),
        lines(
            "How soon is a label learnt?",
            "From its arrival in Kafka to the first score by a model that has learnt it; the line is the "
            "objective for 95 of 100.",
            Query(quantile(0.5, _LEARN), "p50"),
            Query(quantile(0.95, _LEARN), "p95"),
            unit="s",
            limit=Limit(5),
            alerts=("FraudstreamTimeToLearnLong",),
        ),
        lines(
            "What share is learnt late?",
            "Labels of the last hour that took more than 5 s; the objective allows 5 %.",
            Query(f"job:fraudstream_learnt_late:ratio_rate1h{{{JOB}}}", "late"),
            unit="percentunit",
            limit=Limit(0.05),
            alerts=("FraudstreamTimeToLearnLong",),
        ),
    )


def _models() -> tuple[Panel, ...]:
    return (
        lines(
            "Which version scores, which is the newest?",
            "A version is the offset after the last example learnt. Scorers below the learner's line are "
            "behind, or pinned.",
            Query(f"fraudstream_model_version{{{WORKER}}}", "{{model}} scores at {{instance}}"),
            Query(f"fraudstream_learner_version{{{WORKER}}}", "{{model}}, newest"),
            unit="short",
            alerts=("FraudstreamModelBehind", "FraudstreamPriorScores"),
        ),
        lines(
            "Which model gave the scores?",
            "Scores a second; prior is the model with weights set by hand.",
            Query(per_second("fraudstream_transactions_scored_total", "scored_by"), "{{scored_by}}"),
            unit="ops",
            alerts=("FraudstreamPriorScores",),
        ),
        lines(
            "Does a scorer refuse models?",
            "Versions on topic models that a scorer refuses, newer than any that it took; and 1 while the "
            "cold-start scorecard scores because it refuses them all.",
            Query(f"fraudstream_refused_models{{{WORKER}}}", "refused by {{instance}}"),
            Query(f"fraudstream_scorecard_fallback{{{WORKER}}}", "scorecard at {{instance}}"),
            unit="short",
            limit=Limit(1),
            alerts=("FraudstreamPriorScores", "FraudstreamModelBehind"),
        ),
        lines(
            "How old is the model that scores?",
            "Time since the model in force was made; 0 for the prior model.",
            Query(f"fraudstream_model_age_seconds{{{WORKER}}}", "{{instance}}"),
            unit="s",
            limit=Limit(86_400),
            alerts=("FraudstreamModelOld",),
        ),
        lines(
            "How good is the learner on its own examples?",
            "Each example was scored before it was learnt. Examples are a sample with far more frauds than "
            "there are, so compare it with itself alone.",
            Query(f'fraudstream_learner_quality{{{WORKER},measure!~"examples|frauds"}}', "{{measure}}"),
            unit="short",
        ),
        lines(
            "How large is a model?",
            "Bytes of the newest snapshot; a record of the topic may have 16 MB.",
            Query(f"fraudstream_snapshot_bytes{{{WORKER}}} > 0", "{{instance}}"),
            unit="bytes",
        ),
        lines(
            "How long does a snapshot take?",
            "Time to compile and sign one, during which the learner learns nothing.",
            Query(quantile(0.5, "fraudstream_snapshot_seconds"), "p50"),
            Query(quantile(0.99, "fraudstream_snapshot_seconds"), "p99"),
            unit="s",
        ),
        lines(
            "Which models are not published?",
            "Snapshots within 30 minutes that could not be made, or that scorers would refuse.",
            *(
                Query(f"sum by (job) (increase(fraudstream_snapshots_{what}_total{{{JOB}}}[30m]))", what)
                for what in ("failed", "withheld")
            ),
            unit="short",
            alerts=("FraudstreamSnapshotsWithheld",),
        ),
    )


def _kept() -> tuple[Panel, ...]:
    return (
        lines(
            "How many transactions wait for their labels?",
            "Kept on disk for LABELLING__KEEP_DAYS (45), some 350 to 530 bytes each; and of an hour, those "
            "that could not be read back.",
            Query(f"fraudstream_labelling_transactions{{{WORKER}}} > 0", "{{instance}}"),
            Query(f"increase(fraudstream_labelling_lost_total{{{WORKER}}}[1h])", "lost at {{instance}}"),
            unit="short",
            alerts=("FraudstreamTransactionsForgotten",),
        ),
        lines(
            "Does the disk of labelling last?",
            "Size of its files, and what is free on their file system.",
            Query(f"fraudstream_labelling_disk_bytes{{{WORKER}}} > 0", "used by {{instance}}"),
            Query(f"fraudstream_labelling_free_bytes{{{WORKER}}}", "free at {{instance}}"),
            unit="bytes",
            alerts=("FraudstreamLabellingDiskFills",),
        ),
        lines(
            "What do scorers know of counterparties?",
            "Reputations held by each scorer, and those published a second as outcomes come in.",
            Query(f"fraudstream_reputations{{{WORKER}}} > 0", "held by {{instance}}"),
            Query(per_second("fraudstream_reputations_published_total", "job"), "published a second {{job}}"),
            unit="short",
        ),
    )
