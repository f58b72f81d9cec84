"""The one frozen tree of settings: names as environment variables, and one sentence for each error."""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from fraudstream.errors import FraudstreamError
from fraudstream.settings.kafka import KafkaSettings
from fraudstream.settings.sections import (
    DeliverySettings,
    LabellingSettings,
    LearningSettings,
    LogSettings,
    PrivacySettings,
    ScoringSettings,
    TopicSettings,
    TracingSettings,
    WebSettings,
    WorkerSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

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


def variable(path: tuple[str | int, ...]) -> str:
    """The variable of the setting at `path`: `("web", "port")` is `FRAUDSTREAM_WEB__PORT`."""
    return PREFIX + DELIMITER.join(str(part) for part in path[:2]).upper()


def leaves() -> Iterator[tuple[str, str, FieldInfo]]:
    """Every setting: its section, its name, and what pydantic knows of it."""
    for section, field in Settings.model_fields.items():
        model = field.annotation
        assert model is not None
        for name, leaf in model.model_fields.items():
            yield section, name, leaf


def variables() -> frozenset[str]:
    """The variable of every setting."""
    return frozenset(variable((section, name)) for section, name, _ in leaves())


def secrets() -> frozenset[tuple[str, str]]:
    """Section and name of every setting that holds a secret, or several."""
    return frozenset((section, name) for section, name, leaf in leaves() if _is_secret(leaf.annotation))


def _is_secret(annotation: Any) -> bool:
    """Whether `SecretStr` is the type, or occurs in it."""
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))


class SettingsError(FraudstreamError):
    """A setting is wrong or unknown; the text is one sentence with the mend."""

    exit_status = 2


def load_settings() -> Settings:
    """The settings from the environment and the file that `FRAUDSTREAM_CONFIG` names.

    Raises:
        SettingsError: a value is wrong, a name is unknown, or the file cannot be read.
    """
    _refuse_unknown_variables()
    _refuse_unreadable_file()
    try:
        return Settings()
    except ValidationError as error:
        sentence = _sentence(error.errors(include_url=False)[0])
    # Raised out here, since what pydantic raises holds what was given, secrets included.
    raise SettingsError(sentence)


def _refuse_unknown_variables() -> None:
    known = variables() | {CONFIG_VARIABLE}
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise SettingsError(_unknown(name, name.upper()))


def _refuse_unreadable_file() -> None:
    if not (file := os.environ.get(CONFIG_VARIABLE)):
        return
    try:
        tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{CONFIG_VARIABLE} names {file}, which cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise SettingsError(f"{CONFIG_VARIABLE} names {file}, which is not TOML: {error}.") from error


def _unknown(given: str, name: str) -> str:
    near = get_close_matches(
        name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in variables()], n=1
    )
    mend = f"did you mean {PREFIX}{near[0]}?" if near else "`fraudstream config show` lists them all."
    return f"{given} is no setting of fraudstream: {mend}"


def _sentence(error: ErrorDetails) -> str:
    """One sentence about the first thing that pydantic found."""
    where = _where(error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown(where, variable(error["loc"]))
    if error["type"] == "value_error":
        reason = str(error["ctx"]["error"])
        return f"{reason}." if reason.startswith(PREFIX) else f"{where}: {reason}."
    _, should, rule = error["msg"].partition(" should ")
    reason = f"it must {rule.partition(', unable')[0]}" if should else error["msg"]
    return f"{where}{_given(error)}: {reason}."


def _where(path: tuple[str | int, ...]) -> str:
    """The setting as the person wrote it: a variable, or a key of the file."""
    name = variable(path)
    if CONFIG_VARIABLE not in os.environ or name in (given.upper() for given in os.environ):
        return name
    return f"{'.'.join(map(str, path[:2]))} in {os.environ[CONFIG_VARIABLE]}"


def _given(error: ErrorDetails) -> str:
    """What was given, unless it may be a secret."""
    is_secret = error["loc"][:2] in secrets()
    return "" if is_secret or isinstance(error["input"], dict | list) else f" is {error['input']!r}"
