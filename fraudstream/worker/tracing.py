"""The worker's telemetry as the settings want it: with spans for a collector, or without."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from agents.telemetry import Telemetry
from fraudstream.errors import FraudstreamError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from fraudstream.settings import Settings


class TracingRefused(FraudstreamError):
    """Traces are asked for and cannot be made; the text is one sentence."""


def new_telemetry(settings: Settings, registry: CollectorRegistry) -> Telemetry:
    """What the worker tells operations with.

    Raises:
        TracingRefused: traces are asked for, and OpenTelemetry is not installed.
    """
    if not settings.tracing.enabled:
        return Telemetry(registry)
    try:
        from agents.telemetry.tracing import TracedTelemetry  # noqa: PLC0415 - needs an extra
        from fraudstream.worker.spans import new_tracer  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as missing:
        raise TracingRefused(
            f"FRAUDSTREAM_TRACING__ENABLED needs {missing.name}, which is not installed: run "
            "`pip install fraudstream[tracing]`, or leave it out."
        ) from missing
    instance = settings.worker.slot or ""
    tracer = new_tracer(settings.tracing, version("fraudstream"), instance)
    return TracedTelemetry(registry, tracer, settings.worker.side_group)
