"""Telemetry: one named event writes the metric and, where a person wants it, the log line.

`Telemetry` is given to everything that reports; `metrics` is the catalogue; `logs` formats lines, `redaction`
keeps data out of them and out of errors, and `tracing` makes spans.
"""

from __future__ import annotations

from agents.telemetry.events import Telemetry
from agents.telemetry.logs import LogFormat, configure_logs, log_uncaught
from agents.telemetry.metrics import new_registry

__all__ = ["LogFormat", "Telemetry", "configure_logs", "log_uncaught", "new_registry"]
