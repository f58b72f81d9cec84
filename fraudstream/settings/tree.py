"""The one frozen tree of settings, and where its values come from."""

import os
from pathlib import Path
from typing import Self

from pydantic import model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from fraudstream.settings.kafka import KafkaSettings
from fraudstream.settings.sections import (
    DeliverySettings,
    LabellingSettings,
    LearningSettings,
    LogSettings,
    PrivacySettings,
    ScoringSettings,
    TopicSettings,
    WorkerSettings,
)
from fraudstream.settings.tracing import TracingSettings
from fraudstream.settings.web import WebSettings

PREFIX = "FRAUDSTREAM_"
DELIMITER = "__"
CONFIG_VARIABLE = "FRAUDSTREAM_CONFIG"


class Settings(BaseSettings):
    """Everything that can be set, from `FRAUDSTREAM_<SECTION>__<NAME>`, else the file, else the default."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_ignore_empty=True,
        enable_decoding=False,
    )

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    delivery: DeliverySettings = DeliverySettings()
    scoring: ScoringSettings = ScoringSettings()
    privacy: PrivacySettings = PrivacySettings()
    labelling: LabellingSettings = LabellingSettings()
    learning: LearningSettings = LearningSettings()
    worker: WorkerSettings = WorkerSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()

    @model_validator(mode="after")
    def _a_learner_has_a_key(self) -> Self:
        if "learning" in self.worker.agents and self.learning.signing_key is None:
            raise ValueError(
                "FRAUDSTREAM_LEARNING__SIGNING_KEY must be set where the learning agent runs, to the same "
                "value in every worker, for example from `openssl rand -hex 32`"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names the sources
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before the file that `FRAUDSTREAM_CONFIG` names; no .env file, no secrets folder."""
        file = os.environ.get(CONFIG_VARIABLE)
        files = (TomlConfigSettingsSource(settings_cls, toml_file=Path(file)),) if file else ()
        return init_settings, env_settings, *files
