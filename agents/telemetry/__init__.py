"""What the worker tells people: one named event writes the metric and, where a person wants it, the log line.

`Telemetry` is handed to whatever has something to tell; `metrics` is the catalogue of all it can say; `logs`
decides how lines look and what they never show, `hiding` of errors.
"""

from __future__ import annotations

from agents.telemetry.events import Telemetry
from agents.telemetry.logs import LogFormat, configure_logs, log_uncaught
from agents.telemetry.metrics import new_registry

__all__ = ["LogFormat", "Telemetry", "configure_logs", "log_uncaught", "new_registry"]
