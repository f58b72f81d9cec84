"""The sections beside Kafka's connection. Times are in seconds unless the name says otherwise."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from agents.topics import Topics, TopicSpec, topic_specs
from fraudstream.settings.section import Section

Probability = Annotated[float, Field(ge=0, le=1)]
# What each policy compares; the settings of the other may stand as they are.
_ASCENDING = {
    "fixed": (("review_threshold", "decline_threshold"),),
    "budget": (("budget_floor", "budget_ceiling"), ("budget_ceiling", "decline_threshold")),
}
AgentName = Literal["scoring", "intake"]


def _comma_separated(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


class TopicSettings(Section):
    """Names and sizes of the topics."""

    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=200)] = ""
    """Put before every topic's name, for example `prod.`."""
    partitions: PositiveInt = 8
    """Partitions of transactions and of the scoring state; no more workers than this can score."""
    score_partitions: PositiveInt = 8
    """Partitions of scores and of labels keyed by subject."""
    reputation_partitions: PositiveInt = 4
    """Partitions of outcomes and reputations."""
    replication_factor: PositiveInt = 1
    """Copies of each partition; 3 wherever it matters, 1 on a single broker."""

    def names(self) -> Topics:
        """The topics' names."""
        return Topics.with_prefix(self.prefix)

    def specs(self) -> tuple[TopicSpec, ...]:
        """What each topic must be on the broker."""
        return topic_specs(
            self.names(),
            partitions=self.partitions,
            score_partitions=self.score_partitions,
            reputation_partitions=self.reputation_partitions,
        )


class DeliverySettings(Section):
    """How records are taken, committed, and guarded against loss and repetition."""

    mode: Literal["exactly-once", "at-least-once"] = "exactly-once"
    """Whether outputs, state and offsets go into one Kafka transaction."""
    commit_interval_seconds: PositiveFloat = 0.2
    """Time between commits; readers of committed records wait half of it on average."""
    chunk_size: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Most records of one partition that are worked on at once."""
    max_queued_records: PositiveInt = 2000
    """Most records taken from Kafka and not yet worked on."""
    session_timeout_seconds: PositiveFloat = 45
    """A worker unheard of for this long loses its partitions."""
    transaction_timeout_seconds: PositiveFloat = 15
    """A transaction open for this long is aborted by the broker."""
    stall_timeout_seconds: PositiveFloat = 60
    """A worker with work and without progress for this long leaves the process."""
    start_timeout_seconds: PositiveFloat = 60
    """A worker that starts gives up when Kafka has not answered for this long."""
    linger_ms: Annotated[int, Field(ge=0, le=1000)] = 1
    """Milliseconds an output waits for company before it is sent."""

    @model_validator(mode="after")
    def _commits_before_it_times_out(self) -> Self:
        if self.commit_interval_seconds >= self.transaction_timeout_seconds:
            raise ValueError(
                "FRAUDSTREAM_DELIVERY__COMMIT_INTERVAL_SECONDS must be less than "
                "FRAUDSTREAM_DELIVERY__TRANSACTION_TIMEOUT_SECONDS"
            )
        return self


class ScoringSettings(Section):
    """How a score becomes a decision, and what a transaction may be."""

    policy: Literal["fixed", "budget"] = "fixed"
    """Alert above fixed thresholds, or as many alerts as analysts can look at."""
    review_threshold: Probability = 0.5
    """Scores from here on are reviewed (policy fixed)."""
    decline_threshold: Probability = 0.9
    """Scores from here on are declined (policy fixed)."""
    alerts_per_10000: Annotated[float, Field(gt=0, le=10_000)] = 50
    """Alerts in 10,000 transactions (policy budget)."""
    budget_floor: Probability = 0.1
    """Scores below are never alerts, however few the high ones (policy budget)."""
    budget_ceiling: Probability = 0.9
    """Scores from here on are always alerts, however many (policy budget)."""
    future_skew_seconds: PositiveFloat = 300
    """A transaction whose event time is further ahead of its record's Kafka time is a dead letter."""
    key_mismatch: Literal["dead-letter", "score"] = "dead-letter"
    """What becomes of a record whose key is not its subject: refused, or scored and marked incomplete."""

    @model_validator(mode="after")
    def _thresholds_ascend(self) -> Self:
        for lower, higher in _ASCENDING[self.policy]:
            if getattr(self, lower) > getattr(self, higher):
                raise ValueError(
                    f"FRAUDSTREAM_SCORING__{lower.upper()} must not be above "
                    f"FRAUDSTREAM_SCORING__{higher.upper()}"
                )
        return self


class WorkerSettings(Section):
    """Which worker this is, and what runs in it."""

    group: Annotated[str, Field(min_length=1)] = "fraudstream"
    """The consumer group; workers of one group share the partitions."""
    slot: str | None = None
    """A stable name of this worker's place (a pod's ordinal): a restart takes over at once what it left."""
    agents: Annotated[tuple[AgentName, ...], BeforeValidator(_comma_separated), Field(min_length=1)] = (
        "scoring",
        "intake",
    )
    """What runs in this worker, parted by commas."""


class WebSettings(Section):
    """The worker's web server: health and metrics, without authentication."""

    host: str = "127.0.0.1"
    """The address it listens on; loopback unless a scraper must reach it."""
    port: Annotated[int, Field(ge=1, le=65535)] = 6066
    """The port it listens on; each worker of a machine needs its own."""


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severity that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """JSON lines or words for a person; auto: words on a terminal."""
