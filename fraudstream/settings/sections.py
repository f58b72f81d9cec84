"""The sections of the settings beside Kafka's connection.

Times are in seconds unless the name says otherwise.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)

from agents.topics import Topics, TopicSpec, topic_specs
from fraudstream.kafka.access import learning_group


class Section(BaseModel):
    """A frozen group of settings; a name it does not know is an error; attribute docstrings explain each."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )


Probability = Annotated[float, Field(ge=0, le=1)]
# What each policy compares; the settings of the other may stand as they are.
_ASCENDING = {
    "fixed": ("review_threshold", "decline_threshold"),
    "budget": ("budget_floor", "budget_ceiling"),
}
AgentName = Literal["scoring", "intake", "labelling", "reputation", "learning"]
LEARNING_SIDE: Final = frozenset({"labelling", "reputation", "learning"})
"""Agents that take their time; they never run in a worker that scores."""


SHORTEST_KEY: Final = 16


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
    chunk_size: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Most records of one partition that are worked on at once."""
    batch_interval_ms: Annotated[int, Field(ge=0, le=1000)] = 2
    """Milliseconds between the starts of two batches, at least: more saves CPU and costs latency."""
    max_queued_records: PositiveInt = 2000
    """Most records taken from Kafka and not yet worked on."""
    session_timeout_seconds: PositiveFloat = 45
    """A worker unheard of for this long loses its partitions."""
    transaction_timeout_seconds: PositiveFloat | None = None
    """A transaction open for this long is aborted by the broker; unset: 60, or 15 without WORKER__SLOT."""
    stall_timeout_seconds: PositiveFloat = 60
    """A worker with work and without progress for this long leaves the process."""
    start_timeout_seconds: PositiveFloat = 60
    """A worker that starts gives up when Kafka has not answered for this long."""
    linger_ms: Annotated[int, Field(ge=0, le=1000)] = 1
    """Milliseconds an output waits for company before it is sent."""

    @model_validator(mode="after")
    def _commits_before_it_times_out(self) -> Self:
        if self.commit_interval_seconds >= self.transaction_timeout(None):
            raise ValueError(
                "FRAUDSTREAM_DELIVERY__COMMIT_INTERVAL_SECONDS must be less than "
                "FRAUDSTREAM_DELIVERY__TRANSACTION_TIMEOUT_SECONDS"
            )
        return self

    def transaction_timeout(self, slot: str | None) -> float:
        """The timeout in seconds of a worker in this slot.

        Longer than a broker takes to come back. Readers of committed records need not wait for it: who takes
        the slot over aborts what was left open. Without a slot nobody does.
        """
        return self.transaction_timeout_seconds or (60.0 if slot else 15.0)


class ScoringSettings(Section):
    """How a score becomes a decision, and what a transaction may be."""

    policy: Literal["fixed", "budget"] = "budget"
    """As many alerts as analysts can look at, or alerts from fixed scores on."""
    review_threshold: Probability = 0.5
    """Scores from here on are reviewed (policy fixed)."""
    decline_threshold: Probability = 0.9
    """Alerts whose score is at least this are declined."""
    alerts_per_10000: Annotated[float, Field(gt=0, le=10_000)] = 50
    """Alerts in 10,000 transactions (policy budget)."""
    budget_floor: Probability = 0.0
    """Scores below are never alerts, even if the budget allows more (policy budget)."""
    budget_ceiling: Probability = 1.0
    """Scores from here on are always alerts, even beyond the budget (policy budget)."""
    future_skew_seconds: PositiveFloat = 300
    """A transaction whose event time is further ahead of its record's Kafka time is a dead letter."""
    key_mismatch: Literal["dead-letter", "score"] = "dead-letter"
    """What becomes of a record whose key is not its subject: refused, or scored and marked incomplete."""

    @model_validator(mode="after")
    def _thresholds_fit(self) -> Self:
        if "policy" not in self.model_fields_set and "review_threshold" in self.model_fields_set:
            raise ValueError(  # it chose the policy once, when fixed thresholds were the default
                "FRAUDSTREAM_SCORING__REVIEW_THRESHOLD goes with FRAUDSTREAM_SCORING__POLICY=fixed, and the "
                "default is an alert budget: set the policy, or FRAUDSTREAM_SCORING__ALERTS_PER_10000 instead"
            )
        lower, higher = _ASCENDING[self.policy]
        if getattr(self, lower) > getattr(self, higher):
            raise ValueError(
                f"FRAUDSTREAM_SCORING__{lower.upper()} must not be above "
                f"FRAUDSTREAM_SCORING__{higher.upper()}"
            )
        return self


class PrivacySettings(Section):
    """Card numbers in transactions and labels: the bank's own, and those in fields that no contract knows."""

    card_prefixes: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9]{4,11}$")], ...], BeforeValidator(_comma_separated)
    ] = ()
    """First digits of the bank's own cards, parted by commas: refused at each length from 12 to 19 digits."""
    unknown_fields: Literal["refuse", "count", "ignore"] = "count"
    """Rule for a message with a card number in a field that its contract does not know."""


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
    """What runs in this worker, parted by commas: scoring, intake; or labelling, reputation, learning."""
    folder: Path = Path(".fraudstream")
    """Where labelling and learning keep what they can make again from Kafka, but not at once."""

    @property
    def learns(self) -> bool:
        """Whether this worker is of the learning side."""
        return bool(LEARNING_SIDE & set(self.agents))

    @property
    def side_group(self) -> str:
        """The consumer group of this worker's side, so that one side's rebalance does not stop the other."""
        return learning_group(self.group) if self.learns else self.group

    @model_validator(mode="after")
    def _sides_are_apart(self) -> Self:
        if self.learns and not set(self.agents) <= LEARNING_SIDE:
            raise ValueError(
                "FRAUDSTREAM_WORKER__AGENTS must not mix scoring or intake with labelling, reputation or "
                "learning, which would keep transactions waiting: start another worker for these"
            )
        return self


class LabellingSettings(Section):
    """When an outcome is final, and what becomes an example."""

    horizon_days: PositiveFloat = 7
    """A transaction without a label counts as genuine after so many days."""
    keep_days: PositiveFloat = 45
    """A transaction is kept for so many days for labels that come later still."""
    genuine_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Largest share of genuine transactions that is learnt; frauds are all learnt."""
    examples_per_second: PositiveFloat = 100
    """Genuine examples per second of event time, at most, over all partitions."""
    grace_seconds: PositiveFloat = 1
    """How much longer than a score a label may take from Kafka to labelling and still keep its order."""

    @model_validator(mode="after")
    def _keeps_until_the_horizon(self) -> Self:
        if self.keep_days < self.horizon_days:
            raise ValueError(
                "FRAUDSTREAM_LABELLING__KEEP_DAYS must not be less than FRAUDSTREAM_LABELLING__HORIZON_DAYS"
            )
        return self


class LearningSettings(Section):
    """What learns, and when a model is published."""

    signing_key: SecretStr | None = None
    """Signs models; the same for every worker. A scorer without it keeps the prior model."""
    model: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")] = "boost"
    """Name of the model in scores, snapshots and on disk."""
    algorithm: Literal["boost", "forest", "logistic"] = "boost"
    """What learns."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of its random numbers."""
    publish_seconds: PositiveFloat = 2
    """Time between two snapshots, at least."""
    publish_rows: PositiveInt = 200
    """Examples without a fraud that are worth a snapshot; with one, each is."""
    kept_versions: Annotated[int, Field(ge=3, le=1_000)] = 20
    """Snapshots that stay on the topic, to roll back to: the older, the further apart."""
    checkpoint_seconds: PositiveFloat = 60
    """Time between two checkpoints of the learner on disk, at least."""

    @model_validator(mode="after")
    def _key_is_long_enough(self) -> Self:
        if self.signing_key is not None and len(self.signing_key.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(
                f"FRAUDSTREAM_LEARNING__SIGNING_KEY must have at least {SHORTEST_KEY} characters, "
                "for example from `openssl rand -hex 32`"
            )
        return self


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severity that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """JSON lines or words for a person; auto: words on a terminal."""
    key: SecretStr | None = None
    """Makes the hashes that stand for what may be of a message; else the signing key does, else chance."""


class TracingSettings(Section):
    """Traces of batches for OpenTelemetry; they need the extra `fraudstream[tracing]`."""

    enabled: bool = False
    """Whether there are any."""
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of the batches that are traced; one with a sampled `traceparent` among its records always is."""
    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")] | None = None
    """The collector (OTLP over HTTP), such as http://127.0.0.1:4318; else OTEL_EXPORTER_OTLP_ENDPOINT."""


SHORTEST_TOKEN: Final = 16
_SYMBOLS: Final = "-._~+/="


def _bearer(token: SecretStr) -> SecretStr:
    """Check that a header can carry the token (RFC 6750) and that nobody guesses it."""
    text = token.get_secret_value()
    if len(text) < SHORTEST_TOKEN or not all(
        letter.isascii() and (letter.isalnum() or letter in _SYMBOLS) for letter in text
    ):
        raise ValueError(
            f"it must have at least {SHORTEST_TOKEN} letters, digits or any of {_SYMBOLS}, for example from "
            "`openssl rand -hex 32`"
        )
    return token


class WebSettings(Section):
    """The worker's web server: health and metrics."""

    host: str = "127.0.0.1"
    """The address it listens on; beyond loopback it needs a token or client certificates."""
    port: Annotated[int, Field(ge=1, le=65535)] = 6066
    """The port it listens on; each worker of a machine needs its own."""
    token: Annotated[SecretStr, AfterValidator(_bearer)] | None = None
    """Lets in who sends it as `Authorization: Bearer`, to metrics and to the checks by name."""
    allow_plaintext_token: bool = False
    """Lets the token travel unencrypted beyond loopback: the network is trusted."""
    ssl_certificate_file: FilePath | None = None
    """PEM file of the server's certificate, and those that signed it; the server then speaks TLS only."""
    ssl_key_file: FilePath | None = None
    """PEM file of the server's private key."""
    ssl_key_password: SecretStr | None = None
    """The password of the private key."""
    ssl_client_ca_file: FilePath | None = None
    """PEM file of the authorities whose client certificates let in, as the token does."""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if bool(self.ssl_certificate_file) != bool(self.ssl_key_file):
            raise ValueError(
                "FRAUDSTREAM_WEB__SSL_CERTIFICATE_FILE and FRAUDSTREAM_WEB__SSL_KEY_FILE must be set together"
            )
        if (self.ssl_client_ca_file or self.ssl_key_password) and not self.ssl_certificate_file:
            raise ValueError(
                "FRAUDSTREAM_WEB__SSL_CERTIFICATE_FILE and FRAUDSTREAM_WEB__SSL_KEY_FILE must be set where "
                "other FRAUDSTREAM_WEB__SSL_ settings are"
            )
        return self

    @model_validator(mode="after")
    def _strangers_are_kept_out(self) -> Self:
        if self.is_local:
            return self
        if not (self.token or self.ssl_client_ca_file):
            raise ValueError(
                f"FRAUDSTREAM_WEB__HOST is {self.host}, where others can reach it: set "
                "FRAUDSTREAM_WEB__TOKEN or FRAUDSTREAM_WEB__SSL_CLIENT_CA_FILE with a server's certificate, "
                "or listen on 127.0.0.1"
            )
        if self.token and not self.ssl_certificate_file and not self.allow_plaintext_token:
            raise ValueError(
                f"FRAUDSTREAM_WEB__HOST is {self.host}, so FRAUDSTREAM_WEB__TOKEN would travel unencrypted: "
                "set FRAUDSTREAM_WEB__SSL_CERTIFICATE_FILE and FRAUDSTREAM_WEB__SSL_KEY_FILE, or "
                "FRAUDSTREAM_WEB__ALLOW_PLAINTEXT_TOKEN=true"
            )
        return self
