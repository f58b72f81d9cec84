"""Settings: one frozen tree, read once at the start, from the environment and an optional TOML file.

`load_settings()` gives a `Settings`, or raises `SettingsError` with one sentence for the person who set it.
"""

from fraudstream.settings.kafka import KafkaSettings
from fraudstream.settings.sections import (
    DeliverySettings,
    LogSettings,
    ScoringSettings,
    TopicSettings,
    TracingSettings,
    WebSettings,
    WorkerSettings,
)
from fraudstream.settings.tree import Settings, SettingsError, load_settings

__all__ = [
    "DeliverySettings",
    "KafkaSettings",
    "LogSettings",
    "ScoringSettings",
    "Settings",
    "SettingsError",
    "TopicSettings",
    "TracingSettings",
    "WebSettings",
    "WorkerSettings",
    "load_settings",
]
