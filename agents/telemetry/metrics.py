"""The catalogue of metrics: every name, what it measures, its labels and its buckets.

Labels are bounded: topics, error types and stages are lists in the code, models and agents are few; nothing
is ever labelled by a card, an account, a merchant, a transaction or the version of a model.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from agents.telemetry.histogram import BatchHistogram
from agents.telemetry.quality import QualityMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.quality.live import LiveQuality

STAGE_BUCKETS = (
    *(0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5),
    *(0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1),
)
"""10 us to 100 ms: a stage of a chunk."""
LATENCY_BUCKETS = (0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""1 ms to 10 s, around the objectives of 25 ms for a score and 250 ms for a commit."""
AGE_BUCKETS = (0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3_600.0, 86_400.0, 604_800.0)
"""100 ms to 7 days: a bank sends what happened now, or catches up after an outage."""
LATE_BUCKETS = (1.0, 10.0, 60.0, 600.0, 3_600.0, 86_400.0, 604_800.0, 2_592_000.0)
"""1 s to 30 days, with the ends of the exact windows: 10 minutes, 1 hour, 1 day."""
DELAY_BUCKETS = (3_600.0, 21_600.0, 86_400.0, 172_800.0, 345_600.0, 604_800.0, 1_209_600.0, 2_592_000.0)
"""1 hour to 30 days: a verdict comes within hours, a chargeback after weeks."""
LEARN_BUCKETS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 30.0, 60.0, 300.0)
"""250 ms to 5 minutes, around the objective of 5 s."""
RESTORE_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""10 ms to 5 minutes, the time that a group allows a member to be silent."""
SCORE_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Probabilities, finer towards the ends, where decisions are made."""


def new_registry() -> CollectorRegistry:
    """Make the registry of one worker, with what the process and Python themselves have to tell."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class Metrics:
    """Every metric of a worker, registered; one attribute each."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Else each counter brings a second time series, which nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry
        self._define_scores()
        self._define_latency()
        self._define_messages()
        self._define_broadcast()
        self._define_labelling()
        self._define_learning()
        self._define_commits()
        self._define_partitions()
        self._define_worker()

    def add_quality(self, quality: LiveQuality) -> None:
        """Show live quality from now on."""
        QualityMetrics(quality, self._registry)

    def _define_scores(self) -> None:
        self.transactions_scored = self._counter(
            "fraudstream_transactions_scored_total",
            "Transactions scored, by kind, by model (prior or its name) and by decision.",
            *("kind", "scored_by", "decision"),
        )
        self.transactions_skipped = self._counter(
            "fraudstream_transactions_skipped_total",
            "Transactions that change nothing: repeat = seen with this id and content, replay = its offset "
            "was applied.",
            "reason",
        )
        self.transactions_id_reused = self._counter(
            "fraudstream_transactions_id_reused_total",
            "Transactions scored under the id of another recent one of the same card or account.",
        )
        self.transactions_incomplete = self._counter(
            "fraudstream_transactions_incomplete_total",
            "Transactions scored on features that something stood in for: an amount without a rate, a "
            "reputation that could not be read, a profile under another key.",
        )
        self.transactions_amount_unknown = self._counter(
            "fraudstream_transactions_amount_unknown_total",
            "Transactions scored without their amount, which no rate brings to the currency of the account.",
        )
        self.late = BatchHistogram(
            "fraudstream_late_seconds",
            "Time by which a transaction is older than the newest of its card or account, where it is.",
            LATE_BUCKETS,
            self._registry,
        )
        self.score = BatchHistogram(
            "fraudstream_score", "Score of each transaction, from 0 to 1.", SCORE_BUCKETS, self._registry
        )
        self.model_version = self._gauge(
            "fraudstream_model_version", "Version of the model that scores; 0 for the prior model.", "model"
        )

    def _define_latency(self) -> None:
        self.stage = self._histogram(
            "fraudstream_stage_seconds",
            "Time that one stage of an agent takes for one batch of at most 500 records.",
            STAGE_BUCKETS,
            "stage",
        )
        self.arrival_to_score = BatchHistogram(
            "fraudstream_arrival_to_score_seconds",
            "Time from a transaction's Kafka timestamp until its score is handed to the producer.",
            LATENCY_BUCKETS,
            self._registry,
        )
        self.event_age = BatchHistogram(
            "fraudstream_event_age_seconds",
            "Time from when a transaction says that it happened until it is scored; below 0 counts as 0.",
            AGE_BUCKETS,
            self._registry,
        )

    def _define_messages(self) -> None:
        self.labels_accepted = self._counter(
            "fraudstream_labels_accepted_total",
            "Labels validated and keyed by subject; refused ones are dead letters.",
            *("outcome", "origin"),
        )
        self.dead_letters = self._counter(
            "fraudstream_dead_letters_total",
            "Messages refused and kept as dead letters, by the topic that they came from.",
            *("topic", "error_type"),
        )
        self.unaccounted = self._gauge(
            "fraudstream_unaccounted_records",
            "Records read less those that became a score, keyed label, dead letter, repeat or erasure: 0.",
            "topic",
        )
        self.records_lost = self._counter(
            "fraudstream_records_lost_total",
            "Offsets passed over unread: deleted by the broker, unreadable, or deadly to workers.",
            *("topic", "error_type"),
        )
        self.card_numbers_passed_over = self._counter(
            "fraudstream_card_numbers_passed_over_total",
            "Messages taken without a field that their contract does not know and that held a card number.",
        )

    def _define_broadcast(self) -> None:
        self.broadcast_applied = self._counter(
            "fraudstream_broadcast_records_applied_total",
            "Records of the compacted topics that this worker took over.",
            "topic",
        )
        self.broadcast_refused = self._counter(
            "fraudstream_broadcast_records_refused_total",
            "Records of the compacted topics that this worker refused, keeping what it had.",
            *("topic", "error_type"),
        )
        self.broadcast_caught_up = self._gauge(
            "fraudstream_broadcast_caught_up",
            "1 once every compacted topic was read to its end, else 0.",
        )
        self.broadcast_staleness = self._gauge(
            "fraudstream_broadcast_staleness_seconds",
            "Time since Kafka last confirmed that this worker has read the compacted topics to their ends.",
        )
        self.reputations = self._gauge(
            "fraudstream_reputations", "Counterparties, countries, ... whose reputation this worker holds."
        )

    def _define_labelling(self) -> None:
        self.labels_settled = self._counter(
            "fraudstream_labels_settled_total",
            "Labels whose time came: early, matured, corrected, confirmed, stale, or unseen.",
            "fate",
        )
        self.examples_made = self._counter(
            "fraudstream_examples_made_total",
            "Examples that labelling wrote: early, matured, or corrected.",
            *("outcome", "maturity"),
        )
        self.label_delay = BatchHistogram(
            "fraudstream_label_delay_seconds",
            "Time from a transaction to the label in force at its horizon, where there is one by then.",
            DELAY_BUCKETS,
            self._registry,
        )
        self.labelling_cases = self._gauge(
            "fraudstream_labelling_transactions", "Transactions kept for their labels."
        )
        self.labelling_disk = self._gauge(
            "fraudstream_labelling_disk_bytes", "Size of the files in which labelling keeps transactions."
        )
        self.labelling_free = self._gauge(
            "fraudstream_labelling_free_bytes", "Free bytes of the file system that labelling's files are on."
        )
        self.labelling_free.set(nan)  # not 0, which would be a full disk in a worker that does not label
        self.labelling_lost = self._counter(
            "fraudstream_labelling_lost_total",
            "Ids whose kept transactions could not be read from labelling's store.",
        )
        self.reputations_published = self._counter(
            "fraudstream_reputations_published_total", "Reputations that changed and were published."
        )

    def _define_learning(self) -> None:
        self.examples_learnt = self._counter(
            "fraudstream_examples_learnt_total",
            "Examples that the learner took from the log.",
            *("outcome", "maturity"),
        )
        self.examples_passed_over = self._counter(
            "fraudstream_examples_passed_over_total",
            "Examples of another list of features, made before or after an upgrade.",
        )
        self.snapshots_published = self._counter(
            "fraudstream_snapshots_published_total", "Snapshots of the model that the learner published."
        )
        self.snapshots_failed = self._counter(
            "fraudstream_snapshots_failed_total", "Snapshots that could not be made; the one before stays."
        )
        self.snapshots_withheld = self._counter(
            "fraudstream_snapshots_withheld_total",
            "Snapshots that the learner did not publish, as scorers would refuse them.",
        )
        self.snapshot_bytes = self._gauge("fraudstream_snapshot_bytes", "Size of the newest snapshot.")
        self.snapshot_seconds = self._histogram(
            "fraudstream_snapshot_seconds", "Time to compile and sign a snapshot.", LATENCY_BUCKETS
        )
        self.learner_version = self._gauge(
            "fraudstream_learner_version",
            "Version of the newest snapshot: the offset after its last example.",
            "model",
        )
        self.learner_quality = self._gauge(
            "fraudstream_learner_quality",
            "Measures of the learner on its own examples, each scored before it was learnt.",
            "measure",
        )
        self.time_to_learn = BatchHistogram(
            "fraudstream_time_to_learn_seconds",
            "Time from a label's Kafka timestamp to the first transaction scored by a model that learnt it.",
            LEARN_BUCKETS,
            self._registry,
        )
        self.models_loaded = self._counter(
            "fraudstream_models_loaded_total", "Times that a model was put in force, the prior included."
        )
        self.model_age = self._gauge(
            "fraudstream_model_age_seconds", "Time since the model in force was made; 0 for the prior model."
        )
        self.refused_models = self._gauge(
            "fraudstream_refused_models",
            "Versions of the model on topic models that this worker refuses, newer than any that it took.",
        )
        self.scorecard_fallback = self._gauge(
            "fraudstream_scorecard_fallback",
            "1 while the cold-start scorecard scores here only because each model on the topic is refused.",
        )

    def _define_commits(self) -> None:
        self.commit = self._histogram(
            "fraudstream_commit_seconds",
            "Time from the choice of a checkpoint's offsets until it is durable.",
            LATENCY_BUCKETS,
        )
        self.commits = self._counter(
            "fraudstream_commits_total",
            "Checkpoints tried: outputs, state and offsets made durable together, or refused.",
            "result",
        )
        self.changelog_records = self._counter(
            "fraudstream_changelog_records_total", "Records of state written to changelogs."
        )
        self.producer_queue = self._gauge(
            "fraudstream_producer_queue_records", "Records handed to the producer that no broker confirmed."
        )

    def _define_partitions(self) -> None:
        self.lag = self._gauge(
            "fraudstream_lag_records",
            "Records behind the end of a partition that this worker reads.",
            *("topic", "partition"),
        )
        self.waiting = self._gauge(
            "fraudstream_waiting_seconds",
            "Age, by its Kafka timestamp, of the oldest unfinished record in this worker's hands, or 0.",
            *("topic", "partition"),
        )
        self.starts = self._gauge(
            "fraudstream_starts_without_progress",
            "Workers that began at the committed offset of a partition with work, this one included; 0 once "
            "it is passed.",
            *("topic", "partition"),
        )
        self.assigned_partitions = self._gauge(
            "fraudstream_assigned_partitions", "Partitions in this worker's hands."
        )
        self.unserved_partitions = self._gauge(
            "fraudstream_unserved_partitions",
            "Partitions of a topic that no worker can read, since the changelog of their state has fewer.",
            "topic",
        )
        self.topic_missing = self._gauge(
            "fraudstream_topic_missing", "1 where a topic that this worker needs is not there.", "topic"
        )
        self.logs_replaced = self._counter(
            "fraudstream_logs_replaced_total",
            "Partitions read from their beginning, since their topic was made anew under the same name.",
            "topic",
        )
        self.partition_trials = self._counter(
            "fraudstream_partition_trials_total",
            "Times that a partition was read alone, record by record, since workers had died over it.",
            "topic",
        )
        self.rebalances = self._counter(
            "fraudstream_rebalances_total",
            "Times that partitions left this worker: revoked = handed over, lost = taken without a commit.",
            "outcome",
        )
        self.profiles = self._gauge(
            "fraudstream_profiles", "Cards and accounts whose profile this worker holds."
        )
        self.restore = self._histogram(
            "fraudstream_restore_seconds",
            "Time to read the state of newly assigned partitions back from a changelog.",
            RESTORE_BUCKETS,
            "topic",
        )
        self.restored_records = self._counter(
            "fraudstream_restored_records_total", "Records read back from a changelog.", "topic"
        )

    def _define_worker(self) -> None:
        self.agent_failures = self._counter(
            "fraudstream_agent_failures_total",
            "Internal errors of an agent; the worker leaves after each.",
            "agent",
        )
        self.progress_age = self._gauge(
            "fraudstream_progress_age_seconds",
            "Longest time that any stage of delivery has had work without getting any done.",
        )
        self.build = Info("fraudstream_build", "Versions that run.", registry=self._registry)
        self.worker = Info("fraudstream_worker", "Place of this worker.", registry=self._registry)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, registry=self._registry)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(name, documentation, labels, registry=self._registry)

    def _histogram(self, name: str, documentation: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, documentation, labels, buckets=buckets, registry=self._registry)
